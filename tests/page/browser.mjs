// The page in Chromium, watched: whatever it says on the console, every breach of its policy and every request to
// another host fails the scenario at its end.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

/** Milliseconds for each step; a busy machine takes seconds to start a browser. */
const PATIENCE = 20_000;

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Answers that a scenario asks for on purpose are told by the browser on its console, too. */
const REFUSED = /^Failed to load resource: the server responded with a status of (401|403|404|409|422)/;
const UNREACHABLE = /^Failed to load resource: net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)/;

export async function launched(scenario) {
    // No sandbox: Chromium refuses to start with one as root, and the page has nothing from outside.
    const browser = await chromium.launch({ executablePath: process.env.RAMPD_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    try {
        await scenario(browser);
    } finally {
        await browser.close();
    }
}

/** A context whose pages are watched; `faults` are what they did that they must not do. */
export async function watched(browser, base, { mayBeLost = false, ...options } = {}) {
    const faults = [];
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", timezoneId: "UTC", ...options });
    context.setDefaultTimeout(PATIENCE);
    context.on("console", (message) => {
        if (!["error", "warning"].includes(message.type())) return;
        if (REFUSED.test(message.text()) || (mayBeLost && UNREACHABLE.test(message.text()))) return;
        faults.push(`console: ${message.text()}`);
    });
    context.on("weberror", (error) => faults.push(`exception: ${error.error().stack}`));
    context.on("request", (request) => {
        const address = new URL(request.url());
        const own = base === undefined ? address.protocol === "file:" : address.origin === new URL(base).origin;
        if (!own && address.protocol !== "blob:" && address.protocol !== "data:") faults.push(`request to ${address.href}`);
    });
    await context.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, lineNumber }) => {
            console.error(`policy: ${violatedDirective} blocked ${blockedURI} at ${sourceFile}:${lineNumber}`);
        });
    });
    return { context, faults };
}

/** Barriers by axe's rules of WCAG 2.2 A and AA and its best practices. */
export async function barriers(page) {
    await page.evaluate(`${axe}; undefined`);
    const { violations } = await page.evaluate(() => window.axe.run(document, {
        runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
    }));
    return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, any }) => `${id}: ${help}: ${target.join(" ")} ${any.map(({ message }) => message).join("; ")}`));
}

/** How many pixels of the page are beyond the window's right edge. */
export function overflow(page) {
    return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
