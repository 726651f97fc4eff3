// How the thresholds stand and whether the figures can be trusted, each in words beside its bar.

import { byId, element, keyed, part, setAttribute, setText } from "./elements.js";
import { milliseconds, number } from "./format.js";
import { lines } from "./now.js";

/** @typedef {import("./api.d.ts").RunStatus} RunStatus */
/** @typedef {import("./api.d.ts").ThresholdStatus} ThresholdStatus */

const list = byId("thresholds", HTMLElement);
const none = byId("no-thresholds", HTMLElement);
const validity = byId("validity", HTMLElement);
const reasons = byId("validity-reasons", HTMLElement);

const trust = /** @type {Record<string, { text: string, tone: string }>} */ ({
    valid: { text: "Valid: the figures are the target's.", tone: "good" },
    suspect: { text: "Suspect: the generator may be part of these figures.", tone: "doubtful" },
    invalid: { text: "Invalid: the generator was the limit, not the target.", tone: "bad" },
});

/**
 * @param {RunStatus} run
 */
export function showThresholds(run) {
    const { text, tone } = trust[run.validity.level] ?? { text: run.validity.level, tone: "" };
    setText(validity, text);
    setAttribute(validity, "data-tone", tone);
    lines(reasons, run.validity.reasons);
    none.hidden = run.thresholds.length > 0;
    keyed(list, run.thresholds, ({ metric, expression }) => `${metric} ${expression}`, create, (item, threshold) => update(item, threshold, run.phase === "finished"));
}

function create() {
    return element("li", {},
        element("p", { class: "threshold-what" }, element("span", { class: "sign", "aria-hidden": "true" }), element("code", {}), element("span", { class: "threshold-state" })),
        element("div", { class: "gauge", role: "meter", "aria-valuemin": "0", "aria-valuemax": "100" }, element("div", {})),
        element("p", { class: "threshold-words faint" }));
}

/**
 * @param {HTMLElement} item
 * @param {ThresholdStatus} threshold
 * @param {boolean} ended
 */
function update(item, threshold, ended) {
    const { metric, expression, limit, value, headroom } = threshold;
    const { tone, sign, word } = standing(threshold, ended);
    setAttribute(item, "data-tone", tone);
    setText(part(item, ".sign"), sign);
    setText(part(item, "code"), `${metric} ${expression}`);
    setText(part(item, ".threshold-state"), word);
    const measured = value === null ? "no sample yet" : `${figure(metric, expression, value)} measured, limit ${figure(metric, expression, limit)}`;
    const words = headroom === null ? measured : `${measured}: ${room(expression, headroom)}`;
    setText(part(item, ".threshold-words"), words);
    // The value as a share of the limit: full is too much where less is wanted, and enough where more is.
    const share = headroom === null ? 0 : expression.includes(">") ? 1 + headroom : 1 - headroom;
    const used = Math.min(1, Math.max(0, share));
    const bar = part(item, ".gauge");
    setAttribute(bar, "aria-label", `${metric} ${expression}`);
    setAttribute(bar, "aria-valuenow", String(Math.round(used * 100)));
    setAttribute(bar, "aria-valuetext", words);
    part(bar, "div").style.inlineSize = `${used * 100}%`;
}

/**
 * @param {ThresholdStatus} threshold
 * @param {boolean} ended
 */
function standing({ expression, passed }, ended) {
    if (passed === null) return { tone: "", sign: "·", word: "not judged yet" };
    if (passed) return { tone: "good", sign: "✓", word: "holds" };
    // A count comes up to its limit in the course of the run.
    if (!ended && /^\s*count\s*>/.test(expression)) return { tone: "", sign: "·", word: "not reached yet" };
    return { tone: "bad", sign: "✗", word: "crossed" };
}

/**
 * @param {string} expression
 * @param {number} headroom share of the limit
 */
function room(expression, headroom) {
    const share = `${number(Math.abs(headroom) * 100)} %`;
    const rises = expression.includes(">");
    if (headroom < 0) return rises ? `${share} short of it` : `${share} beyond it`;
    return rises ? `${share} above it` : `${share} of it left`;
}

/**
 * Trends are in milliseconds; counts, rates and gauges have no unit.
 * @param {string} metric
 * @param {string} expression
 * @param {number} value
 */
function figure(metric, expression, value) {
    if (/^\s*(count|rate|value)\b/.test(expression)) return number(value);
    return /^data_/.test(metric) ? `${number(value)} bytes` : milliseconds(value);
}
