// The curves of the run, drawn by the agent as SVG and asked for anew while the page is looked at.

import { get } from "./client.js";
import { byId, element, keyed, part, setText } from "./elements.js";

/** @typedef {import("./api.d.ts").Chart} Chart */
/** @typedef {import("./api.d.ts").RunStatus} RunStatus */

const card = byId("charts-card", HTMLElement);
const charts = byId("charts", HTMLElement);
const message = byId("charts-message", HTMLElement);

/** The state that the curves on the page are of. */
let drawn = "";
let asking = false;
/** @type {RunStatus | null} */
let shown = null;

export function listen() {
    document.addEventListener("visibilitychange", draw);
}

/**
 * @param {RunStatus} run
 */
export function showCharts(run) {
    shown = run;
    card.hidden = run.startedAt === null;
    draw();
}

function draw() {
    if (shown === null || card.hidden || document.hidden || asking) return;
    const { id, phase, latest } = shown;
    const wanted = `${id} ${phase} ${latest.at}`;
    if (wanted === drawn) return;
    asking = true;
    get(`/runs/${encodeURIComponent(id)}/charts`)
        .then((answer) => {
            drawn = wanted;
            setText(message, "");
            show(id, answer.charts);
        })
        .catch((error) => setText(message, `The curves cannot be drawn: ${error.message}`))
        .finally(() => { asking = false; });
}

/**
 * @param {string} run
 * @param {Chart[]} drawings
 */
function show(run, drawings) {
    keyed(charts, drawings, ({ id }) => `${run} ${id}`, ({ title }) => element("figure", {},
        element("figcaption", {}, title), element("div", { class: "drawing" })), (figure, { svg }) => {
        const drawing = part(figure, ".drawing");
        const parsed = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
        if (parsed.localName === "svg") drawing.replaceChildren(document.importNode(parsed, true));
    });
    // The cross-hair stands where it stood, on the new curves.
    document.dispatchEvent(new Event("rampd:charts"));
}
