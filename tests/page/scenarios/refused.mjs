// What the API refuses stands in words beside the control, and nothing else changes.
import assert from "node:assert/strict";
import { barriers, watched } from "../browser.mjs";
import { phase, start, tileIs } from "../seen.mjs";

export async function scenario({ browser, url }) {
    const { context, faults } = await watched(browser, url);
    const page = await context.newPage();
    await page.goto(url);
    const message = page.locator("#start-message");
    await start(page, "steered", { Duration: "soon" });
    await message.filter({ hasText: /soon/ }).waitFor();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Duration").fill("");
    await dialog.getByLabel("Variables").fill("no equals sign");
    await dialog.getByRole("button", { name: "Check" }).click();
    await message.filter({ hasText: "`no equals sign` is not NAME=value" }).waitFor();
    await dialog.getByLabel("Variables").fill("");
    await dialog.getByRole("button", { name: "Check" }).click();
    await page.locator("#start-plan", { hasText: "live" }).waitFor();
    await dialog.getByRole("button", { name: "Start", exact: true }).click();
    await phase(page, "Running");
    await tileIs(page, "VUs", 2);

    await start(page, "steered");
    await message.filter({ hasText: /\S/ }).waitFor();
    assert.equal(await page.locator("#queue li").count(), 0);
    assert.deepEqual(await barriers(page), [], "barriers of a refusal");
    await dialog.getByLabel(/wait for its end/).check();
    await dialog.getByRole("button", { name: "Start", exact: true }).click();
    await page.locator("#queue li", { hasText: "steered" }).waitFor();
    await page.getByRole("button", { name: "Take steered out of the queue" }).click();
    await page.locator("#queue-part").waitFor({ state: "hidden" });

    // More than the profile has: the browser says so first; a browser that does not leaves it to the API.
    const order = page.getByLabel("VUs of live");
    await order.getByLabel("VUs").fill("7");
    await order.getByRole("button", { name: "Set" }).click();
    assert.equal(await order.getByLabel("VUs").evaluate((input) => input.matches(":invalid")), true);
    await order.evaluate((form) => { form.noValidate = true; });
    await order.getByRole("button", { name: "Set" }).click();
    await page.locator("#scenarios .message", { hasText: /7/ }).waitFor();
    await tileIs(page, "VUs", 2);
    assert.deepEqual(faults, []);
}
