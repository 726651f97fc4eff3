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
/** What the API says about it, if it is refused. */
let refusal = "";

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
    idle.hidden = run !== null;
    const nothing = isDaemon ? `Nothing is running. ${coming(daemon)}` : "The run has not begun yet.";
    setText(idle, nothing);
    const after = byId("coming", HTMLElement);
    after.hidden = !isDaemon || run?.phase !== "finished";
    setText(after, nothing);
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

/** @param {import("./api.d.ts").DaemonStatus} daemon */
function coming(daemon) {
    const first = next(daemon);
    return first === "" ? "Nothing is scheduled: start a profile below." : `Next: ${first}.`;
}

/** Says how old the figures are, when they are. */
function showAge() {
    const age = performance.now() - shownAt;
    const goesOn = shown?.run != null && shown.run.phase !== "finished";
    const late = streaming === "open" && goesOn && age > STALE;
    const words = { connecting: "connecting…", open: late ? "no news" : "live", lost: "connection lost", refused: "refused", unauthorized: "token needed" };
    setText(connection, words[streaming]);
    setAttribute(connection, "data-state", late ? "lost" : streaming);
    const old = shown !== null && (late || ["lost", "refused", "unauthorized"].includes(streaming));
    stale.hidden = !old && streaming !== "lost" && streaming !== "refused";
    setAttribute(document.body, "data-stale", String(old));
    const why = {
        connecting: "", open: "The agent is silent", lost: "The connection is lost and is tried again",
        refused: `The agent refuses the stream: ${refusal}`, unauthorized: "The agent asks for its token",
    };
    setText(stale, shown === null ? `${why[streaming]}.` : `${why[streaming]}. What you see is ${duration(Math.round(age / 1000))} old.`);
}

const again = follow(show, (state, why) => {
    if (state === "open" && streaming === "lost") history.reload();
    streaming = state;
    refusal = why;
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
