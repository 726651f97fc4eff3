// Starting a run: a profile of the configuration or one from its text, with changes.

import { post } from "./client.js";
import { byId, setText } from "./elements.js";
import { act } from "./steering.js";

/** @typedef {import("./api.d.ts").StartRequest} StartRequest */
/** @typedef {import("./api.d.ts").Overrides} Overrides */

const dialog = byId("start-dialog", HTMLDialogElement);
const form = byId("start-form", HTMLFormElement);
const title = byId("start-title", HTMLElement);
const text = byId("start-profile-text", HTMLTextAreaElement);
const textPart = byId("start-text-part", HTMLElement);
const message = byId("start-message", HTMLElement);
const plan = byId("start-plan", HTMLElement);

/** Of the configuration; none for one from its text. @type {string | null} */
let profile = null;
/** Two clicks, or an answer that was lost, start one run. @type {string} */
let key = "";

/** @param {() => void} onStarted */
export function listen(onStarted) {
    byId("start-text", HTMLButtonElement).addEventListener("click", () => ask(null));
    byId("start-cancel", HTMLButtonElement).addEventListener("click", () => dialog.close());
    const check = byId("start-check", HTMLButtonElement);
    check.addEventListener("click", () => act(check, message, async () => {
        plan.hidden = true;
        const checked = await post("/profiles/validate", request());
        setText(plan, String(checked.plan));
        plan.hidden = false;
    }));
    const start = form.querySelector("button[type=submit]");
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        if (start instanceof HTMLButtonElement) void act(start, message, async () => {
            await post("/runs", { ...request(), key });
            dialog.close();
            onStarted();
        });
    });
}

/**
 * Opens the dialog.
 * @param {string | null} name of a profile of the configuration
 */
export function ask(name) {
    profile = name;
    key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    form.reset();
    setText(title, name === null ? "Start a profile from its text" : `Start ${name}`);
    textPart.hidden = name !== null;
    text.required = name === null;
    setText(message, "");
    plan.hidden = true;
    dialog.showModal();
}

/** @returns {StartRequest} */
function request() {
    const fields = new FormData(form);
    const field = (/** @type {string} */ name) => String(fields.get(name) ?? "").trim();
    const lines = (/** @type {string} */ name) => field(name).split("\n").map((line) => line.trim()).filter((line) => line !== "");
    /** @type {Overrides} */
    const overrides = {};
    for (const name of /** @type {const} */ (["vus", "iterations", "scale", "speed"])) {
        if (field(name) !== "") overrides[name] = Number(field(name));
    }
    if (field("duration") !== "") overrides.duration = field("duration");
    if (lines("stages").length > 0) overrides.stages = lines("stages");
    if (lines("env").length > 0) overrides.env = pairs(lines("env"));
    if (lines("tags").length > 0) overrides.tags = pairs(lines("tags"));
    return {
        ...(profile === null ? { profileText: text.value } : { profile }),
        overrides,
        ...(field("testid") === "" ? {} : { testid: field("testid") }),
        whenBusy: fields.get("queue") === null ? "refuse" : "queue",
    };
}

/**
 * @param {string[]} lines
 */
function pairs(lines) {
    return Object.fromEntries(lines.map((line) => {
        const at = line.indexOf("=");
        if (at < 1) throw new Error(`\`${line}\` is not NAME=value`);
        return [line.slice(0, at).trim(), line.slice(at + 1)];
    }));
}
