// What goes on now: the state in one line, the figures of the latest second, what fails, what is late.

import { byId, element, keyed, part, setAttribute, setText } from "./elements.js";
import { duration, milliseconds, number, outcome } from "./format.js";

/** @typedef {import("./api.d.ts").RunStatus} RunStatus */

const phases = { starting: "Starting", running: "Running", paused: "Paused", stopping: "Stopping", finished: "Finished" };

const nodes = {
    phase: byId("phase", HTMLElement),
    profile: byId("profile", HTMLElement),
    testid: byId("testid", HTMLElement),
    time: byId("time", HTMLElement),
    progress: byId("plan-progress", HTMLProgressElement),
    tiles: byId("tiles", HTMLElement),
    notes: byId("notes", HTMLElement),
    latency: byId("latency", HTMLElement),
    noLatency: byId("no-latency", HTMLElement),
    failures: byId("failures", HTMLElement),
    noFailures: byId("no-failures", HTMLElement),
    announcement: byId("announcement", HTMLElement),
};

/** @type {string} */
let announced = "";

/**
 * @param {RunStatus} run
 */
export function showRun(run) {
    const { word, tone } = state(run);
    setText(nodes.phase, word);
    setAttribute(nodes.phase, "data-tone", tone);
    setText(nodes.profile, run.profile);
    setText(nodes.testid, run.testid === run.profile ? "" : run.testid);
    setText(nodes.time, time(run));
    nodes.progress.max = Math.max(run.planSeconds, 0.001);
    nodes.progress.value = Math.min(run.planElapsedSeconds, run.planSeconds);
    setText(nodes.progress, time(run));
    document.title = `${word} · ${run.profile} · rampd`;
    announce(run, word);
    showTiles(run);
    lines(nodes.notes, run.notes);
    showLatency(run);
    showFailures(run);
}

/**
 * @param {RunStatus} run
 */
function state(run) {
    if (run.phase !== "finished") {
        const tone = run.phase === "paused" ? "doubtful" : "accent";
        return { word: phases[run.phase], tone };
    }
    const { word, tone } = outcome(run.verdict ?? "");
    const known = run.verdict === null ? phases.finished : word.charAt(0).toUpperCase() + word.slice(1);
    return { word: run.exitCode === null ? known : `${known} (exit code ${run.exitCode})`, tone };
}

/**
 * @param {RunStatus} run
 */
function time(run) {
    const pauses = run.elapsedSeconds - run.planElapsedSeconds;
    const all = pauses >= 1 ? `, ${duration(run.elapsedSeconds)} with pauses` : "";
    return `${duration(run.planElapsedSeconds)} of ${duration(run.planSeconds)}${all}`;
}

/**
 * Changes of the phase are spoken, figures are not: they change each second.
 * @param {RunStatus} run
 * @param {string} word
 */
function announce(run, word) {
    const crossed = run.thresholds.filter(({ passed }) => passed === false).map(({ metric, expression }) => `${metric} ${expression}`);
    const said = `${run.profile}: ${word}${crossed.length > 0 ? `; crossed: ${crossed.join(", ")}` : ""}`;
    if (said === announced) return;
    announced = said;
    setText(nodes.announcement, said);
}

/**
 * @param {RunStatus} run
 */
function showTiles(run) {
    const { latest, scenarios } = run;
    const failed = Object.values(latest.failures ?? {}).reduce((sum, rate) => sum + rate, 0);
    const planned = scenarios.reduce((sum, { plannedVus }) => sum + plannedVus, 0);
    const tiles = [
        { name: "VUs", value: number(latest.vus), beside: `of ${number(scenarios.length > 0 ? planned : latest.plannedVus)} planned`, tone: "" },
        { name: "sockets open", value: number(latest.open), beside: latest.connecting > 0 ? `${number(latest.connecting)} connecting` : "", tone: "" },
        { name: "messages sent", value: `${number(latest.sent)}/s`, beside: `${number(latest.received)}/s received`, tone: "" },
        { name: "requests", value: `${number(latest.requests)}/s`, beside: "", tone: "" },
        {
            name: "iterations",
            value: `${number(latest.iterations)}/s`,
            beside: [latest.plannedRate > 0 ? `of ${number(latest.plannedRate)}/s planned` : "", latest.dropped > 0 ? `${number(latest.dropped)}/s dropped` : ""].filter(Boolean).join(", "),
            tone: latest.dropped > 0 ? "doubtful" : "",
        },
        { name: "failures", value: `${number(failed)}/s`, beside: "", tone: failed > 0 ? "bad" : "" },
    ];
    keyed(nodes.tiles, tiles, ({ name }) => name, ({ name }) => element("div", { class: "tile" },
        element("dt", {}, name), element("dd", { class: "value" }), element("dd", { class: "beside" })), (tile, { value, beside, tone }) => {
        setText(part(tile, ".value"), value);
        setText(part(tile, ".beside"), beside);
        setAttribute(tile, "data-tone", tone);
    });
}

/**
 * @param {RunStatus} run
 */
function showLatency(run) {
    const trends = Object.entries(run.latest.trends ?? {});
    nodes.noLatency.hidden = trends.length > 0;
    keyed(nodes.latency, trends, ([name]) => name, ([name]) => element("tr", {},
        element("th", { scope: "row" }, name), ...Array.from({ length: 5 }, () => element("td", { class: "figure" }))), (row, [, trend]) => {
        const cells = [number(trend.count), ...[trend.p50, trend.p95, trend.p99, trend.max].map(milliseconds)];
        cells.forEach((text, at) => setText(/** @type {Element} */ (row.children[at + 1]), text));
    });
}

/**
 * @param {RunStatus} run
 */
function showFailures(run) {
    const failures = Object.entries(run.latest.failures ?? {}).sort(([, one], [, other]) => other - one);
    nodes.noFailures.hidden = failures.length > 0;
    keyed(nodes.failures, failures, ([reason]) => reason, ([reason]) => element("li", {},
        element("span", {}, reason), " ", element("strong", {})), (line, [, rate]) => setText(part(line, "strong"), `${number(rate)}/s`));
}

/**
 * A list of lines for people.
 * @param {HTMLElement} list
 * @param {string[]} texts
 */
export function lines(list, texts) {
    list.hidden = texts.length === 0;
    keyed(list, texts.map((text, at) => ({ text, at })), ({ at }) => String(at), () => element("li"), (line, { text }) => setText(line, text));
}
