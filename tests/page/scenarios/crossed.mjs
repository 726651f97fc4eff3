// A crossed threshold is seen while the run goes on and when it has ended.
import assert from "node:assert/strict";
import { barriers, watched } from "../browser.mjs";
import { start } from "../seen.mjs";

export async function scenario({ browser, url }) {
    const { context, faults } = await watched(browser, url, { colorScheme: "dark" });
    const page = await context.newPage();
    await page.goto(url);
    await start(page, "crossed");
    const threshold = page.locator("#thresholds li", { hasText: "ws_msg_rtt p(50)<0.000001" });
    await threshold.locator(".threshold-state", { hasText: "crossed" }).waitFor();
    assert.match(await threshold.locator(".threshold-words").innerText(), /measured, limit .* beyond it$/);
    const kept = page.locator("#thresholds li", { hasText: "ws_connecting p(99)<60000" });
    await kept.locator(".threshold-state", { hasText: "holds" }).waitFor();
    assert.match(await kept.locator(".threshold-words").innerText(), /measured, limit 60 s: .* % of it left$/);
    assert.match(await page.locator("#announcement").innerText(), /^crossed: .*; crossed: ws_msg_rtt p\(50\)<0\.000001/);
    await page.locator("#phase", { hasText: "Threshold crossed (exit code 99)" }).waitFor();
    const row = page.getByRole("row", { name: /crossed/ });
    await row.locator(".outcome", { hasText: "threshold crossed" }).waitFor();
    await row.locator(".run-note", { hasText: "ws_msg_rtt" }).waitFor();
    assert.deepEqual(await barriers(page), [], "barriers in the dark");
    assert.deepEqual(faults, []);
}
