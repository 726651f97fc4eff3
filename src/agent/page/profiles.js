// The profiles of the configuration with their times, and the runs that wait for their turn.

import { post } from "./client.js";
import { byId, element, keyed, part, setAttribute, setText } from "./elements.js";
import { duration, moment, outcome, triggers, until } from "./format.js";
import { ask } from "./start.js";
import { act } from "./steering.js";

/** @typedef {import("./api.d.ts").DaemonStatus} DaemonStatus */
/** @typedef {import("./api.d.ts").ProfileStatus} ProfileStatus */
/** @typedef {import("./api.d.ts").QueuedRun} QueuedRun */

const profiles = byId("profiles", HTMLElement);
const queue = byId("queue", HTMLElement);
const queueMessage = byId("queue-message", HTMLElement);

/**
 * @param {DaemonStatus} daemon
 */
export function showProfiles(daemon) {
    byId("no-profiles", HTMLElement).hidden = daemon.profiles.length > 0;
    keyed(profiles, daemon.profiles, ({ name }) => name, create, update);
    byId("queue-part", HTMLElement).hidden = daemon.queue.length === 0;
    keyed(queue, daemon.queue, ({ id }) => id, createQueued, (item, run) => {
        setText(part(item, ".queued-what"), `${run.profile}, asked for by ${triggers[run.trigger]}, ${moment(run.since)}`);
    });
    const problem = byId("config-problem", HTMLElement);
    problem.hidden = daemon.configProblem === null;
    setText(problem, daemon.configProblem === null ? "" : `The new configuration is refused, the old one goes on: ${daemon.configProblem}`);
    setText(byId("loaded", HTMLElement), daemon.configLoadedAt === null ? "" : `configuration of ${moment(daemon.configLoadedAt)}`);
}

/**
 * The profile that comes next by its schedule, in words; empty if none does.
 * @param {DaemonStatus} daemon
 */
export function next(daemon) {
    const timed = daemon.profiles.flatMap(({ name, nextAt }) => nextAt === null ? [] : [{ name, nextAt }]);
    const first = timed.sort((one, other) => Date.parse(one.nextAt) - Date.parse(other.nextAt))[0];
    return first === undefined ? "" : `${first.name} ${until(first.nextAt)} (${moment(first.nextAt)})`;
}

/**
 * @param {ProfileStatus} profile
 */
function create({ name }) {
    const start = element("button", { type: "button", "aria-label": `Start ${name}…` }, "Start…");
    start.addEventListener("click", () => {
        if (start.getAttribute("aria-disabled") !== "true") ask(name);
    });
    return element("li", {},
        element("p", { class: "profile-name" }, element("strong", {}, name)),
        element("p", { class: "profile-when" }),
        element("p", { class: "profile-last faint" }),
        start,
        element("p", { class: "profile-problem message" }));
}

/**
 * @param {HTMLElement} item
 * @param {ProfileStatus} profile
 */
function update(item, { schedule, nextAt, problem, last }) {
    const when = schedule === null ? "on request" : `${schedule}${nextAt === null ? "" : ` · next ${until(nextAt)}, ${moment(nextAt)}`}`;
    setText(part(item, ".profile-when"), when);
    const took = last?.elapsedSeconds === null || last === null ? "" : `, took ${duration(last.elapsedSeconds)}`;
    setText(part(item, ".profile-last"), last === null ? "has not run yet" : `last: ${outcome(last.outcome).word}, ${moment(last.startedAt)}${took}`);
    setText(part(item, ".profile-problem"), problem ?? "");
    setAttribute(part(item, "button"), "aria-disabled", String(problem !== null));
}

/**
 * @param {QueuedRun} run
 */
function createQueued({ id, profile }) {
    const remove = element("button", { type: "button", "aria-label": `Take ${profile} out of the queue` }, "Take out");
    remove.addEventListener("click", () => act(remove, queueMessage, () => post(`/runs/${encodeURIComponent(id)}/stop`, {})));
    return element("li", {}, element("span", { class: "queued-what" }), " ", remove);
}
