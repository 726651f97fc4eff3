// A phone of 360 pixels: nothing is beyond its edge, empty, during a run, in dialogs and with a history.
import assert from "node:assert/strict";
import { barriers, overflow, watched } from "../browser.mjs";
import { phase, start } from "../seen.mjs";

export async function scenario({ browser, url }) {
    const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, reducedMotion: "reduce" };
    const { context, faults } = await watched(browser, url, phone);
    const page = await context.newPage();
    await page.goto(url);
    await page.locator("#idle", { hasText: "Nothing is running." }).waitFor();
    assert.equal(await overflow(page), 0, "empty");
    await page.getByRole("button", { name: "Start short…" }).tap();
    assert.equal(await overflow(page), 0, "a dialog");
    assert.deepEqual(await barriers(page), [], "barriers of the dialog");
    await page.getByRole("button", { name: "Cancel" }).tap();
    await start(page, "short");
    await page.locator("#charts figure svg[role=img]").first().waitFor();
    assert.equal(await overflow(page), 0, "during a run");
    await phase(page, "exit code");
    await page.getByRole("row", { name: /short/ }).waitFor();
    assert.equal(await overflow(page), 0, "with a history");
    assert.deepEqual(await barriers(page), [], "barriers on a phone");
    // Whatever can be tapped is as large as a finger wants it (WCAG 2.5.8).
    const small = await page.locator("button:visible, input:visible, select:visible").evaluateAll((controls) => controls
        .map((control) => [control.outerHTML.slice(0, 80), control.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 24 || height < 24));
    assert.deepEqual(small, []);
    const opened = context.waitForEvent("page");
    await page.getByRole("row", { name: /short/ }).getByRole("link", { name: /^Report/ }).tap();
    const report = await opened;
    await report.getByText("short").first().waitFor();
    assert.equal(await overflow(report), 0, "the report");
    assert.deepEqual(faults, []);
}
