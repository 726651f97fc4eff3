// Pictures of the page and of a report: node pictures.mjs --url http://… --out FOLDER, against a daemon with the profiles of
// scripts/page-pictures. Runs them, waits for what is to be seen, and draws.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const PATIENCE = 120_000; // milliseconds; the longest run takes half of it
const { values: { url, out } } = parseArgs({ options: { url: { type: "string" }, out: { type: "string" } } });
const api = `${url}/api/v1`;

async function post(path, body) {
    const answer = await fetch(`${api}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
}

/** Asks for the state until `wanted` holds. */
async function until(wanted) {
    const end = Date.now() + PATIENCE;
    for (;;) {
        const status = await (await fetch(`${api}/status`)).json();
        if (wanted(status)) return status;
        if (Date.now() > end) throw new Error(`not within ${PATIENCE / 1000} s; now ${JSON.stringify(status.run)}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

async function runs(profile, testid, overrides) {
    const { id } = await post("/runs", { profile, testid, overrides });
    await until(({ run }) => run?.id === id && run.phase === "finished");
    await until(({ daemon }) => daemon.recent.some((entry) => entry.id === id && entry.outcome !== "running"));
    return id;
}

const browser = await chromium.launch({ executablePath: process.env.RAMPD_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--force-color-profile=srgb"] });
async function opened(address, options) {
    const page = await browser.newPage({ locale: "en-GB", timezoneId: "UTC", reducedMotion: "reduce", ...options });
    page.setDefaultTimeout(PATIENCE);
    await page.goto(address);
    return page;
}

try {
    for (const night of [21, 22, 23]) await runs("quantum-ws", `nightly-${night}`, { speed: 20, scale: 0.2 });
    const late = await runs("quantum-ws-late", "before-the-fix", {});
    const { id } = await post("/runs", { profile: "quantum-ws", testid: "nightly-24", overrides: { speed: 2.5, scale: 0.4 } });
    const devices = {
        light: { viewport: { width: 1280, height: 800 }, colorScheme: "light" },
        dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
        phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, colorScheme: "light" },
    };
    const pages = {};
    for (const [name, device] of Object.entries(devices)) pages[name] = await opened(url, device);
    await until(({ run }) => run?.id === id && run.planElapsedSeconds > 0.5 * run.planSeconds);
    for (const [name, page] of Object.entries(pages)) {
        await page.locator("#charts figure svg").first().waitFor();
        const { width } = page.viewportSize();
        const height = name === "phone" ? 1500 : await page.evaluate(() => document.documentElement.scrollHeight);
        await page.setViewportSize({ width, height });
        const chart = await page.locator("#charts figure", { hasText: "ws_msg_rtt" }).locator("svg").first().boundingBox();
        if (name !== "phone" && chart) await page.mouse.move(chart.x + 0.4 * chart.width, chart.y + 0.5 * chart.height);
        await page.screenshot({ path: join(out, `page-${name}.png`) });
    }
    await until(({ run }) => run?.id === id && run.phase === "finished");
    const report = await opened(`${api}/runs/${late}/report`, { viewport: { width: 1100, height: 800 } });
    // The verdict and the first curves; the rest is tables.
    await report.screenshot({ path: join(out, "report.png"), clip: { x: 0, y: 0, width: 1100, height: 1500 }, fullPage: true });
} finally {
    await browser.close();
}
