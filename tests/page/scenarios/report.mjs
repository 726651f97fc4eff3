// A report opened from the disk: complete without any host, in light and dark, on a phone, without scripts.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { barriers, overflow, watched } from "../browser.mjs";

export async function scenario({ browser, file }) {
    const address = pathToFileURL(file).href;
    const devices = [
        { colorScheme: "light" },
        { colorScheme: "dark" },
        { viewport: { width: 360, height: 740 } },
        { javaScriptEnabled: false },
    ];
    for (const device of devices) {
        const { context, faults } = await watched(browser, undefined, device);
        const page = await context.newPage();
        await page.goto(address);
        await page.getByText(/threshold crossed|crossed/i).first().waitFor();
        await page.getByText("ws_msg_rtt").first().waitFor();
        assert.ok(await page.locator("svg[role=img]").count() >= 3, "curves");
        assert.equal(await overflow(page), 0, `beyond the edge: ${JSON.stringify(device)}`);
        if (device.javaScriptEnabled !== false) assert.deepEqual(await barriers(page), [], JSON.stringify(device));
        assert.deepEqual(faults, [], JSON.stringify(device));
        await context.close();
    }
}
