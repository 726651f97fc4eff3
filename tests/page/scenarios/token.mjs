// The token: asked for, refused when wrong, kept for this tab alone, sent with whatever is opened.
import assert from "node:assert/strict";
import { barriers, watched } from "../browser.mjs";
import { phase, start } from "../seen.mjs";

export async function scenario({ browser, url, token }) {
    const { context, faults } = await watched(browser, url);
    const page = await context.newPage();
    await page.goto(url);
    const dialog = page.getByRole("dialog", { name: "The agent asks for its token" });
    await dialog.waitFor();
    assert.equal(await page.locator("#profiles li").count(), 0, "nothing is told without the token");
    assert.deepEqual(await barriers(page), [], "barriers of the question");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#connection", { hasText: "token needed" }).waitFor();
    await page.getByRole("button", { name: "Token…" }).click();
    await dialog.getByLabel("Token").fill("not the token at all");
    await dialog.getByLabel("Token").press("Enter");
    await dialog.getByText("The agent has refused this token.").waitFor();
    await dialog.getByLabel("Token").fill(token);
    await dialog.getByLabel("Token").press("Enter");
    await page.locator("#connection", { hasText: "live" }).waitFor();
    assert.equal(await dialog.isVisible(), false);

    await start(page, "short");
    await phase(page, "exit code");
    const opened = context.waitForEvent("page");
    await page.getByRole("row", { name: /short/ }).getByRole("link", { name: /^Report/ }).click();
    const report = await opened;
    await report.getByText("short").first().waitFor();
    assert.ok(await report.locator("svg[role=img]").count() > 0, "curves in the report");
    await report.close();

    await page.reload();
    await page.locator("#connection", { hasText: "live" }).waitFor();
    const other = await context.newPage();
    await other.goto(url);
    await other.getByRole("dialog", { name: "The agent asks for its token" }).waitFor();
    const stored = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie, location.href].join());
    assert.ok(!stored.includes(token), "the token is neither in the local storage, a cookie nor the address");
    assert.deepEqual(faults, []);
}
