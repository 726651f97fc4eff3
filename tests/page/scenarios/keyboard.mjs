// The whole way by keyboard: start with a changed field, pause, resume, stop; focus is always somewhere that can be seen.
import assert from "node:assert/strict";
import { watched } from "../browser.mjs";
import { phase } from "../seen.mjs";

/** Tabs until the focus is on a control of that name; each one on the way must be seen. */
async function tabTo(page, name) {
    const passed = [];
    for (let step = 0; step < 60; step += 1) {
        await page.keyboard.press("Tab");
        const focus = await page.evaluate(() => {
            const node = document.activeElement;
            if (!(node instanceof HTMLElement) || node === document.body) return null;
            const { width, height } = node.getBoundingClientRect();
            const { outlineStyle, outlineWidth } = getComputedStyle(node);
            const label = node.getAttribute("aria-label") ?? node.labels?.[0]?.textContent?.trim() ?? node.textContent?.trim() ?? "";
            return { label, seen: width > 0 && height > 0 && outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 2 };
        });
        if (focus === null) continue;
        passed.push(focus.label);
        assert.ok(focus.seen, `the focus on ${focus.label} cannot be seen`);
        if (focus.label.startsWith(name)) return;
    }
    assert.fail(`${name} cannot be reached by Tab; passed: ${passed.join(", ")}`);
}

export async function scenario({ browser, url }) {
    const { context, faults } = await watched(browser, url);
    const page = await context.newPage();
    await page.goto(url);
    await page.getByText("Nothing is running.").waitFor();
    await tabTo(page, "Start steered");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Start steered" }).waitFor();
    await page.keyboard.press("Escape");
    const back = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
    assert.equal(back, "Start steered…", "the focus goes back to where the dialog came from");
    await page.keyboard.press("Enter");
    await tabTo(page, "testid");
    await page.keyboard.type("by-keyboard");
    await page.keyboard.press("Enter");
    await phase(page, "Running");
    await page.locator("#testid", { hasText: "by-keyboard" }).waitFor();
    await tabTo(page, "Pause");
    await page.keyboard.press("Space");
    await phase(page, "Paused");
    await page.keyboard.press("Space");
    await phase(page, "Running");
    await tabTo(page, "Stop…");
    await page.keyboard.press("Enter");
    await tabTo(page, "Stop the run");
    await page.keyboard.press("Enter");
    await page.getByRole("row", { name: /by-keyboard/ }).locator(".outcome", { hasText: "stopped" }).waitFor();
    assert.deepEqual(faults, []);
}
