// Telling the run something: pause, resume, stop, VUs and rates. What the API says about it stands beside the control.

import { post } from "./client.js";
import { byId, element, keyed, part, setAttribute, setText } from "./elements.js";
import { number } from "./format.js";

/** @typedef {import("./api.d.ts").RunStatus} RunStatus */
/** @typedef {import("./api.d.ts").ScenarioStatus} ScenarioStatus */

const pause = byId("pause", HTMLButtonElement);
const stop = byId("stop", HTMLButtonElement);
const message = byId("controls-message", HTMLElement);
const dialog = byId("stop-dialog", HTMLDialogElement);
const scenarios = byId("scenarios", HTMLElement);

/** @type {RunStatus | null} */
let shown = null;
/** The run may be told something: it goes on, and the agent is a daemon. */
let steerable = false;

/**
 * Does what a control asks for, once at a time, and shows what failed. The control keeps the focus.
 * @param {HTMLElement} control
 * @param {HTMLElement} output
 * @param {() => Promise<unknown>} task
 */
export async function act(control, output, task) {
    if (control.getAttribute("aria-disabled") === "true" || control.getAttribute("aria-busy") === "true") return;
    control.setAttribute("aria-busy", "true");
    setText(output, "");
    try {
        await task();
    } catch (error) {
        setText(output, error instanceof Error ? error.message : String(error));
    } finally {
        control.removeAttribute("aria-busy");
    }
}

/** @param {string} action @param {unknown} [body] */
function tell(action, body = {}) {
    if (shown === null) throw new Error("no run goes on");
    return post(`/runs/${encodeURIComponent(shown.id)}/${action}`, body);
}

export function listen() {
    pause.addEventListener("click", () => act(pause, message, () => tell(shown?.phase === "paused" ? "resume" : "pause")));
    stop.addEventListener("click", () => {
        if (stop.getAttribute("aria-disabled") === "true") return;
        dialog.returnValue = "";
        dialog.showModal();
    });
    dialog.addEventListener("close", () => {
        if (dialog.returnValue === "stop") void act(stop, message, () => tell("stop"));
    });
}

/**
 * @param {RunStatus} run
 * @param {boolean} isDaemon
 */
export function showSteering(run, isDaemon) {
    if (shown?.id !== run.id) setText(message, "");
    shown = run;
    steerable = isDaemon && (run.phase === "running" || run.phase === "paused");
    byId("controls", HTMLElement).hidden = !isDaemon || run.phase === "finished";
    byId("read-only", HTMLElement).hidden = isDaemon;
    setText(pause, run.phase === "paused" ? "Resume" : "Pause");
    setAttribute(pause, "aria-disabled", String(!steerable));
    setAttribute(stop, "aria-disabled", String(!isDaemon || run.phase === "stopping" || run.phase === "finished"));
    if (run.phase === "finished" && dialog.open) dialog.close("");
    keyed(scenarios, run.scenarios, ({ name }) => `${run.id} ${name}`, create, update);
}

/**
 * @param {ScenarioStatus} scenario
 */
function create({ name, maxVus, plannedRate }) {
    const item = element("li", {},
        element("p", { class: "scenario-what" }, element("strong", {}, name), " ", element("span", { class: "faint scenario-executor" })),
        element("p", { class: "scenario-plan" }));
    const output = element("p", { class: "message", role: "alert" });
    if (maxVus !== null) item.append(order(name, "VUs", "1", output, (vus) => ({ scenario: name, vus })));
    if (plannedRate !== null) item.append(order(name, "Iterations a second", "any", output, (perSecond) => ({ scenario: name, perSecond })));
    item.append(output);
    return item;
}

/**
 * A field with the button that orders its number.
 * @param {string} scenario
 * @param {string} label
 * @param {string} step
 * @param {HTMLElement} output
 * @param {(value: number) => unknown} body
 */
function order(scenario, label, step, output, body) {
    const input = element("input", { type: "number", min: "0", step, required: "", inputmode: "decimal", autocomplete: "off" });
    const button = element("button", { type: "submit" }, "Set");
    const form = element("form", { class: "order", "aria-label": `${label} of ${scenario}` }, element("label", {}, `${label} `, input), button);
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        void act(button, output, async () => {
            await tell("scale", body(input.valueAsNumber));
            input.value = "";
        });
    });
    return form;
}

/**
 * @param {HTMLElement} item
 * @param {ScenarioStatus} scenario
 */
function update(item, { executor, plannedVus, maxVus, plannedRate, ordered }) {
    setText(part(item, ".scenario-executor"), executor);
    const rate = plannedRate === null ? "" : `${number(plannedRate)}/s, `;
    const most = maxVus === null ? "" : ` of at most ${number(maxVus)}`;
    const source = ordered ? "as ordered" : "by the plan";
    setText(part(item, ".scenario-plan"), `${rate}${number(plannedVus)} VUs${most}, ${source}`);
    for (const form of item.querySelectorAll("form")) {
        form.hidden = !steerable;
        const input = part(form, "input");
        if (maxVus !== null && input.getAttribute("step") === "1") setAttribute(input, "max", String(maxVus));
    }
}
