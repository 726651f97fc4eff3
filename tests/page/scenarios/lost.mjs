// The agent goes away and comes back: the page says so, marks what it shows as old, and goes on by itself.
import assert from "node:assert/strict";
import { watched } from "../browser.mjs";
import { phase, start } from "../seen.mjs";

export async function scenario({ browser, url }) {
    const { context, faults } = await watched(browser, url, { mayBeLost: true });
    const page = await context.newPage();
    await page.goto(url);
    await start(page, "steered");
    await phase(page, "Running");
    console.log("running");
    await page.locator("#connection", { hasText: "connection lost" }).waitFor();
    await page.locator("#stale", { hasText: /What you see is \d+(\.\d)?s old/ }).waitFor();
    assert.equal(await page.locator("body").getAttribute("data-stale"), "true");
    console.log("lost");
    await page.locator("#connection", { hasText: "live" }).waitFor();
    await page.locator("#stale").waitFor({ state: "hidden" });
    // What the daemon was killed in is in the history when it is back.
    await page.locator("#history .outcome", { hasText: "interrupted" }).waitFor();
    assert.deepEqual(faults, []);
}
