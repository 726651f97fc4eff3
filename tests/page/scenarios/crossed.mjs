// A crossed threshold is seen while the run goes on and when it has ended; nothing jumps meanwhile.
import assert from "node:assert/strict";
import { barriers, watched } from "../browser.mjs";
import { start } from "../seen.mjs";

/** Share of the window that moves, by how far: up to a tenth is not felt (web.dev/articles/cls). */
const FELT = 0.1;

export async function scenario({ browser, url }) {
    const { context, faults } = await watched(browser, url, { colorScheme: "dark" });
    const page = await context.newPage();
    await page.addInitScript(() => {
        window.shifts = [];
        new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(({ value, hadRecentInput, sources }) => ({
            value, hadRecentInput, what: sources.map(({ node, previousRect, currentRect }) => `${node?.id || node?.className || node?.nodeName} ${previousRect.y} to ${currentRect.y}`),
        })))).observe({ type: "layout-shift", buffered: true });
    });
    await page.goto(url);
    await start(page, "crossed");
    const threshold = page.locator("#thresholds li", { hasText: "ws_msg_rtt p(50)<0.000001" });
    await threshold.locator(".threshold-state", { hasText: "crossed" }).waitFor();
    assert.match(await threshold.locator(".threshold-words").innerText(), /measured, limit .* beyond it$/);
    const kept = page.locator("#thresholds li", { hasText: "ws_connecting p(99)<60000" });
    await kept.locator(".threshold-state", { hasText: "holds" }).waitFor();
    assert.match(await kept.locator(".threshold-words").innerText(), /measured, limit 60 s: .* % of it left$/);
    assert.match(await page.locator("#announcement").innerText(), /^crossed: .*; crossed: ws_msg_rtt p\(50\)<0\.000001/);
    // On a machine that is full of other tests the generator itself may have been the limit.
    const ended = page.locator("#phase", { hasText: /^(Threshold crossed \(exit code 99\)|Invalid \(exit code 96\))$/ });
    await ended.waitFor();
    await threshold.locator(".threshold-state", { hasText: "crossed" }).waitFor();
    const outcome = page.getByRole("row", { name: /crossed/ }).locator(".outcome");
    await outcome.filter({ hasText: (await ended.innerText()).startsWith("Invalid") ? "invalid" : "threshold crossed: ws_msg_rtt" }).waitFor();
    const shifts = (await page.evaluate(() => window.shifts)).filter(({ hadRecentInput }) => !hadRecentInput);
    const felt = shifts.reduce((sum, { value }) => sum + value, 0);
    assert.ok(felt < FELT, `the page jumps: ${felt} ${JSON.stringify(shifts)}`);
    assert.deepEqual(await barriers(page), [], "barriers in the dark");
    assert.deepEqual(faults, []);
}
