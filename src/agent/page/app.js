// The page: follows the state of the agent and gives it to its parts.

import * as charts from "./charts.js";
import { opensDocument } from "./client.js";
import { byId, setAttribute, setText } from "./elements.js";
import { duration } from "./format.js";
import * as history from "./history.js";
import { showRun } from "./now.js";
import { next, showProfiles } from "./profiles.js";
import * as start from "./start.js";
import * as steering from "./steering.js";
import { follow } from "./stream.js";
import { showThresholds } from "./thresholds.js";
import * as token from "./token.js";

/** @typedef {import("./api.d.ts").Status} Status */
/** @typedef {import("./stream.js").State} State */

/** The state is told each second while a run goes on; three missed ones are worth a word. */
const STALE = 3_500; // milliseconds

const connection = byId("connection", HTMLElement);
const stale = byId("stale", HTMLElement);
const idle = byId("idle", HTMLElement);
const report = byId("run-report", HTMLAnchorElement);

/** @type {Status | null} */
let shown = null;
let shownAt = 0;
/** @type {State} */
let streaming = "connecting";

/** @param {Status} status */
function show(status) {
    shown = status;
    shownAt = performance.now();
    const { daemon, run } = status;
    const isDaemon = daemon.mode === "serve";
    setText(byId("agent", HTMLElement), `${daemon.version}, ${isDaemon ? "daemon" : "one run, read-only"}`);
    for (const id of ["profiles-card", "history-card"]) byId(id, HTMLElement).hidden = !isDaemon;
    if (isDaemon) {
        showProfiles(daemon);
        history.showHistory(daemon);
    }
    byId("run", HTMLElement).hidden = run === null;
    byId("details", HTMLElement).hidden = run === null;
    const coming = isDaemon ? next(daemon) : "";
    const over = run === null || run.phase === "finished";
    idle.hidden = !over || (run !== null && !isDaemon);
    setText(idle, nothing(run !== null, isDaemon, coming));
    if (run === null) {
        document.title = "rampd";
        return;
    }
    showRun(run);
    showThresholds(run);
    steering.showSteering(run, isDaemon);
    charts.showCharts(run);
    report.hidden = run.phase !== "finished";
    report.href = `/api/v1/runs/${encodeURIComponent(run.id)}/report`;
}

/**
 * What stands where no run goes on.
 * @param {boolean} hasLast
 * @param {boolean} isDaemon
 * @param {string} coming
 */
function nothing(hasLast, isDaemon, coming) {
    if (!isDaemon) return "The run has not begun yet.";
    const then = coming === "" ? "Nothing is scheduled: start a profile below." : `Next: ${coming}.`;
    return `Nothing is running. ${then}${hasLast ? " Below is the last run." : ""}`;
}

/** Says how old the figures are, when they are. */
function showAge() {
    const age = performance.now() - shownAt;
    const goesOn = shown?.run != null && shown.run.phase !== "finished";
    const late = streaming === "open" && goesOn && age > STALE;
    const words = { connecting: "connecting…", open: late ? "no news" : "live", lost: "connection lost", unauthorized: "token needed" };
    setText(connection, words[streaming]);
    setAttribute(connection, "data-state", late ? "lost" : streaming);
    const old = shown !== null && (late || streaming === "lost" || streaming === "unauthorized");
    stale.hidden = !old && streaming !== "lost";
    setAttribute(document.body, "data-stale", String(old));
    const why = streaming === "unauthorized" ? "The agent asks for its token" : streaming === "lost" ? "The connection is lost and is tried again" : "The agent is silent";
    setText(stale, shown === null ? "rampd cannot be reached; trying again." : `${why}. What you see is ${duration(Math.round(age / 1000))} old.`);
}

const again = follow(show, (state) => {
    if (state === "open" && streaming === "lost") history.reload();
    streaming = state;
    // `open` comes with the state itself.
    if (state !== "open") showAge();
    else queueMicrotask(showAge);
});
setInterval(showAge, 1_000);
token.listen(again);
steering.listen();
start.listen(again);
history.listen();
charts.listen();
opensDocument(report, (text) => setText(byId("controls-message", HTMLElement), text));
