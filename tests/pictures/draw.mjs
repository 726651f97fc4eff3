// One dashboard of one or more runs, asked of Prometheus and drawn into a PNG; scripts/dashboard-pictures calls it.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { answers, rangeStep } from "./ask.mjs";

const WIDTH = 1280; // pixels; the height is the dashboard's
const ORIGIN = "http://pictures.invalid/"; // answered by this program alone
const PATIENCE = 60_000; // milliseconds, for each step in the browser

const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals: testids } = parseArgs({
    allowPositionals: true,
    options: {
        prometheus: { type: "string" },
        dashboard: { type: "string" },
        from: { type: "string" },
        to: { type: "string" },
        picture: { type: "string" },
        chromium: { type: "string", default: "/usr/bin/chromium" },
    },
});
const span = { from: Number(values.from), to: Number(values.to) };
const dashboard = JSON.parse(readFileSync(values.dashboard, "utf8"));
const answered = await answers(values.prometheus, dashboard, testids, span);
const empty = dashboard.panels.filter(({ id, type }) => type !== "row" && answered.panels[id].every(({ result }) => result.length === 0));
for (const { title } of empty) console.error(`draw.mjs: ${dashboard.title}, ${title}: no data`);

const bundle = await build({
    entryPoints: [join(here, "page.jsx")],
    bundle: true,
    write: false,
    outdir: here,
    minify: true,
    format: "iife",
    jsx: "automatic",
    define: { global: "window", "process.env.NODE_ENV": '"production"' },
    loader: { ".ttf": "dataurl", ".svg": "dataurl" },
    logLevel: "error",
});


/** Grafana's icons, which its components load by name. */
function icon(address) {
    const file = address.match(/\/img\/icons\/([a-z]+\/[a-z0-9-]+\.svg)$/)?.[1];
    // Fonts are the system's.
    if (!file) return { status: 404 };
    return { contentType: "image/svg+xml", body: readFileSync(join(here, "node_modules/@grafana/ui/dist/public/img/icons", file)) };
}

// No sandbox: Chromium refuses to start with one as root, and the page has nothing from outside.
const output = (extension) => bundle.outputFiles.find(({ path }) => path.endsWith(extension)).text;
const browser = await chromium.launch({ executablePath: values.chromium, args: ["--no-sandbox", "--force-color-profile=srgb"] });
try {
    const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 }, timezoneId: "UTC", locale: "en-GB" });
    page.setDefaultTimeout(PATIENCE);
    // Grafana's components keep settings in localStorage, which only a page with an origin has.
    await page.route("**/*", (route) => route.request().url() === ORIGIN
        ? route.fulfill({ contentType: "text/html", body: "<!doctype html><html><body><div id='page'></div></body></html>" })
        : route.fulfill(icon(route.request().url())));
    await page.goto(ORIGIN);
    await page.evaluate((given) => {
        window.given = given;
        window.failures = [];
        window.addEventListener("error", ({ error, message }) => window.failures.push(error?.stack ?? message));
        window.addEventListener("unhandledrejection", ({ reason }) => window.failures.push(reason?.stack ?? String(reason)));
    }, { dashboard, testids, span, answered, width: WIDTH, step: rangeStep(span) });
    await page.addStyleTag({ content: output(".css") });
    await page.addScriptTag({ content: output(".js") });
    await page.waitForFunction(() => document.getElementById("drawn") || window.failures.length > 0);
    await page.evaluate(() => document.fonts.ready);
    const height = await page.evaluate(() => Math.ceil(document.getElementById("page").getBoundingClientRect().height));
    await page.setViewportSize({ width: WIDTH, height });
    // Tables lay out what is visible, two frames after the size is known.
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const failures = await page.evaluate(() => window.failures);
    if (failures.length > 0) throw new Error(failures.join("\n"));
    writeFileSync(values.picture, await page.screenshot());
} finally {
    await browser.close();
}
