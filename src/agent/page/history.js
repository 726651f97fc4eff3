// Runs that have ended: newest first, more on request, with their reports; two of them can be compared.

import { get, opensDocument } from "./client.js";
import { byId, element, keyed, part, setAttribute, setText } from "./elements.js";
import { duration, moment, outcome, triggers } from "./format.js";

/** @typedef {import("./api.d.ts").DaemonStatus} DaemonStatus */
/** @typedef {import("./api.d.ts").RunEntry} RunEntry */

const PAGE = 20;

const table = byId("history-table", HTMLTableElement);
const body = byId("history", HTMLElement);
const older = byId("older", HTMLButtonElement);
const compare = byId("compare", HTMLAnchorElement);
const message = byId("history-message", HTMLElement);
const filter = byId("history-profile", HTMLSelectElement);

/** Newest first. @type {RunEntry[]} */
let runs = [];
/** Where the next page begins; none after the last one. @type {string | null} */
let before = null;
/** Ids of the chosen runs in the order of the choice, at most two. @type {string[]} */
let chosen = [];
/** The newest entries as the state told them, to see that a run has ended. */
let known = "";

export function listen() {
    older.addEventListener("click", () => load(before));
    filter.addEventListener("change", () => {
        runs = [];
        void load(null);
    });
    opensDocument(compare, (text) => setText(message, text));
}

/**
 * @param {DaemonStatus} daemon
 */
export function showHistory(daemon) {
    const names = ["", ...daemon.profiles.map(({ name }) => name)];
    keyed(filter, names, (name) => name, (name) => element("option", { value: name }, name === "" ? "all" : name), () => {});
    const newest = daemon.recent.map(({ id, outcome }) => `${id} ${outcome}`).join();
    if (newest === known && known !== "") return;
    known = newest;
    void load(null);
}

/** Of the newest page again, too: what was there already stays. */
export function reload() {
    known = "";
}

/**
 * @param {string | null} from
 */
async function load(from) {
    const parameters = new URLSearchParams({ limit: String(PAGE) });
    if (from !== null) parameters.set("before", from);
    if (filter.value !== "") parameters.set("profile", filter.value);
    const asked = filter.value;
    try {
        const page = /** @type {import("./api.d.ts").HistoryPage} */ (await get(`/runs?${parameters}`));
        if (asked !== filter.value) return;
        setText(message, "");
        if (from === null) {
            const ids = new Set(page.runs.map(({ id }) => id));
            const rest = runs.filter(({ id }) => !ids.has(id));
            // Rows beyond the first page stay; the next page begins after the last of them.
            if (rest.length === 0) before = page.next;
            runs = [...page.runs, ...rest];
        } else {
            runs = [...runs, ...page.runs];
            before = page.next;
        }
        show();
    } catch (error) {
        known = "";
        setText(message, error instanceof Error ? error.message : String(error));
    }
}

function show() {
    table.hidden = runs.length === 0;
    byId("no-history", HTMLElement).hidden = runs.length > 0;
    older.hidden = before === null;
    keyed(body, runs, ({ id }) => id, create, update);
    showChoice();
}

/**
 * @param {RunEntry} run
 */
function create({ id, profile, startedAt }) {
    const choice = element("input", { type: "checkbox", "aria-label": `Compare ${profile} of ${moment(startedAt)}` });
    choice.addEventListener("change", () => {
        // The third choice takes the place of the first.
        chosen = choice.checked ? [...chosen, id].slice(-2) : chosen.filter((other) => other !== id);
        showChoice();
    });
    const report = element("a", { href: `/api/v1/runs/${encodeURIComponent(id)}/report`, "aria-label": `Report of ${profile}, ${moment(startedAt)}` }, "Report");
    opensDocument(report, (text) => setText(message, text));
    return element("tr", {},
        element("td", { class: "choose" }, choice),
        element("td", { class: "started" }),
        element("td", { class: "run-profile" }, element("strong", {}, profile), " ", element("span", { class: "faint run-testid" })),
        element("td", { class: "outcome" }, element("span", { class: "sign", "aria-hidden": "true" }), element("span", { class: "word" }), element("span", { class: "faint run-note" })),
        element("td", { class: "figure took" }),
        element("td", { class: "trigger faint" }),
        element("td", { class: "run-report" }, report));
}

/**
 * @param {HTMLElement} row
 * @param {RunEntry} run
 */
function update(row, run) {
    const { word, sign, tone } = outcome(run.outcome);
    setText(part(row, ".started"), moment(run.startedAt));
    setText(part(row, ".run-testid"), run.testid === run.profile ? "" : run.testid);
    setText(part(row, ".sign"), sign);
    setText(part(row, ".word"), word);
    setAttribute(part(row, ".outcome"), "data-tone", tone);
    setText(part(row, ".run-note"), run.note ?? "");
    setText(part(row, ".took"), run.elapsedSeconds === null ? "–" : duration(run.elapsedSeconds));
    setText(part(row, ".trigger"), triggers[run.trigger]);
    part(row, ".run-report a").hidden = !run.hasRecord;
    part(row, "input").hidden = !run.hasRecord;
}

function showChoice() {
    chosen = chosen.filter((id) => runs.some((run) => run.id === id));
    for (const row of body.children) {
        const box = row.querySelector("input");
        if (box && row instanceof HTMLElement) box.checked = chosen.includes(row.dataset.key ?? "");
    }
    // The older one is what the newer one is compared with; the list is newest first.
    const [newer, base] = runs.filter(({ id }) => chosen.includes(id));
    compare.hidden = newer === undefined || base === undefined;
    if (newer === undefined || base === undefined) return;
    compare.href = `/api/v1/compare?${new URLSearchParams({ base: base.id, with: newer.id })}`;
    setText(compare, `Compare ${moment(base.startedAt)} with ${moment(newer.startedAt)}`);
}
