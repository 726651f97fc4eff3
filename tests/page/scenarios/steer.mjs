// Start, pause, resume, scale and stop by clicks; the run is in the history with its report, two can be compared.
import assert from "node:assert/strict";
import { barriers, watched } from "../browser.mjs";
import { phase, start, tile, tileIs } from "../seen.mjs";

export async function scenario({ browser, url }) {
    const { context, faults } = await watched(browser, url);
    const page = await context.newPage();
    await page.goto(url);
    await page.getByText("Nothing is running.").waitFor();
    await page.getByText("No run has ended yet.").waitFor();
    assert.deepEqual(await barriers(page), [], "barriers of the empty page");

    await start(page, "steered", { testid: "first" });
    await phase(page, "Running");
    await tileIs(page, "VUs", 2);
    await page.locator("#testid", { hasText: "first" }).waitFor();
    assert.equal(await page.title(), "Running · steered · rampd");
    await page.locator("#charts figure svg[role=img]").first().waitFor();
    assert.deepEqual(await barriers(page), [], "barriers during a run");

    await page.getByLabel("VUs of live").getByLabel("VUs").fill("5");
    await page.getByLabel("VUs of live").getByRole("button", { name: "Set" }).click();
    await tileIs(page, "VUs", 5);
    await page.locator("#scenarios", { hasText: "5 VUs of at most 6, as ordered" }).waitFor();

    await page.getByRole("button", { name: "Pause" }).click();
    await phase(page, "Paused");
    const resume = page.getByRole("button", { name: "Resume" });
    assert.equal(await resume.evaluate((button) => button === document.activeElement), true, "the button keeps the focus when it becomes another one");
    await tileIs(page, "iterations", "0/s");
    await resume.click();
    await phase(page, "Running");
    await page.locator("#tiles .tile", { hasText: "iterations" }).locator(".value", { hasNotText: /^0\/s$/ }).waitFor();
    assert.ok(await tile(page, "VUs") === 5, "VUs stay as ordered over a pause");

    await page.getByRole("button", { name: "Stop…" }).click();
    await page.getByRole("button", { name: "Let it go on" }).click();
    assert.equal(await page.locator("#phase").innerText(), "Running");
    await page.getByRole("button", { name: "Stop…" }).click();
    await page.getByRole("button", { name: "Stop the run" }).click();
    const row = page.getByRole("row", { name: /steered first/ });
    await row.locator(".outcome", { hasText: "stopped" }).waitFor();
    assert.equal(await page.locator("#controls").isVisible(), false, "a run that has ended cannot be steered");

    const opened = context.waitForEvent("page");
    await row.getByRole("link", { name: /^Report/ }).click();
    const report = await opened;
    await report.getByText("steered").first().waitFor();
    assert.ok(await report.locator("svg[role=img]").count() > 0, "curves in the report");
    assert.deepEqual(await barriers(report), [], "barriers of the report");
    await report.close();

    await start(page, "steered", { testid: "second" });
    await page.locator("#testid", { hasText: "second" }).waitFor();
    await phase(page, "Running");
    await page.getByRole("button", { name: "Stop…" }).click();
    await page.getByRole("button", { name: "Stop the run" }).click();
    await page.getByRole("row", { name: /steered second/ }).locator(".outcome", { hasText: "stopped" }).waitFor();
    for (const box of await page.getByRole("checkbox", { name: /^Compare steered/ }).all()) await box.check();
    const comparing = context.waitForEvent("page");
    await page.getByRole("link", { name: /^Compare .* with / }).click();
    const comparison = await comparing;
    await comparison.getByText("first").first().waitFor();
    await comparison.getByText("second").first().waitFor();
    assert.deepEqual(faults, []);
}
