// The stream of the daemon's state. Read with fetch, as EventSource cannot send the token. A stream that is lost comes
// back by itself, the sooner the shorter it has been away.

import { ApiError, send } from "./client.js";

const SILENCE = 20_000; // milliseconds; the server sends at least a comment every 15 s
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 5_000;

/** @typedef {import("./api.d.ts").Status} Status */
/** @typedef {"connecting" | "open" | "lost" | "unauthorized"} State */

/**
 * Follows the state until the page is closed.
 * @param {(status: Status) => void} onStatus
 * @param {(state: State) => void} onState
 * @returns {() => void} tries again at once: a token has been given
 */
export function follow(onStatus, onState) {
    /** @type {(() => void) | null} */
    let wake = null;
    let pause = FIRST_PAUSE;

    const wait = (/** @type {number} */ milliseconds) => new Promise((resolve) => {
        const timer = setTimeout(() => resolve(undefined), milliseconds);
        wake = () => {
            clearTimeout(timer);
            resolve(undefined);
        };
    });

    const forever = async () => {
        onState("connecting");
        for (;;) {
            let unauthorized = false;
            try {
                await read((status) => {
                    pause = FIRST_PAUSE;
                    onState("open");
                    onStatus(status);
                });
                onState("lost");
            } catch (error) {
                unauthorized = error instanceof ApiError && error.status === 401;
                onState(unauthorized ? "unauthorized" : "lost");
            }
            await wait(unauthorized ? 2 ** 31 - 1 : pause);
            pause = Math.min(pause * 2, LONGEST_PAUSE);
        }
    };
    void forever();
    // A laptop that wakes up, or a network that comes back, need not wait for the pause's end.
    window.addEventListener("online", () => wake?.());
    return () => {
        pause = FIRST_PAUSE;
        wake?.();
    };
}

/**
 * Reads one stream to its end.
 * @param {(status: Status) => void} onStatus
 */
async function read(onStatus) {
    const stop = new AbortController();
    let watchdog = setTimeout(() => stop.abort(), SILENCE);
    try {
        const response = await send("/events", { accept: "text/event-stream", signal: stop.signal });
        if (!response.body) return;
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let waiting = "";
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            clearTimeout(watchdog);
            watchdog = setTimeout(() => stop.abort(), SILENCE);
            const blocks = (waiting + value).split(/\r?\n\r?\n/);
            waiting = blocks.pop() ?? "";
            // Of several that came at once, the newest counts.
            const newest = blocks.map(dataOf).filter((data) => data !== "").at(-1);
            if (newest !== undefined) onStatus(JSON.parse(newest));
        }
    } finally {
        clearTimeout(watchdog);
        stop.abort();
    }
}

/**
 * The data of a block of the stream; empty for a comment or another event.
 * @param {string} block
 * @returns {string}
 */
function dataOf(block) {
    const lines = block.split(/\r?\n/);
    const event = lines.find((line) => line.startsWith("event:"))?.slice(6).trim() ?? "message";
    if (event !== "status") return "";
    return lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
}
