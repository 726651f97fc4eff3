// `rampd run` shows the same page: the run goes on, and nothing can be changed.
import assert from "node:assert/strict";
import { barriers, watched } from "../browser.mjs";
import { phase, tileIs } from "../seen.mjs";

export async function scenario({ browser, url }) {
    const { context, faults } = await watched(browser, url);
    const page = await context.newPage();
    await page.goto(url);
    await phase(page, "Running");
    await tileIs(page, "VUs", 2);
    await page.getByText("this page shows the run and cannot change it").waitFor();
    await page.locator("#charts figure svg[role=img]").first().waitFor();
    for (const name of [/^Pause/, /^Stop/, /^Start/, /^Set/]) {
        assert.equal(await page.getByRole("button", { name }).count(), 0, `a button ${name}`);
    }
    for (const name of ["Profiles", "History"]) assert.equal(await page.getByRole("heading", { name }).count(), 0, name);
    const refused = await page.evaluate(async () => {
        const answer = await fetch("/api/v1/runs/current/stop", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
        return [answer.status, (await answer.json()).error.code];
    });
    assert.deepEqual(refused, [403, "read_only"]);
    assert.deepEqual(await barriers(page), []);
    assert.deepEqual(faults, []);
}
