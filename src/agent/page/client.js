// Requests to the API with the token, if one is needed. The token is kept for this tab alone, until it is closed.

const KEY = "rampd-token";
const PATIENCE = 10_000; // milliseconds; the daemon's thread answers within 5 s or refuses

/** Why the API did not do something, in its own words. */
export class ApiError extends Error {
    /**
     * @param {number} status 0 without an answer
     * @param {string} code
     * @param {string} message
     */
    constructor(status, code, message) {
        super(message);
        this.status = status;
        this.code = code;
    }
}

/** @type {string | null} */
let token = stored();
/** @type {(refused: boolean) => void} */
let onUnauthorized = () => {};

/** @returns {string | null} */
function stored() {
    try {
        return sessionStorage.getItem(KEY);
    } catch {
        return null; // Storage can be forbidden by the browser's settings.
    }
}

/** @param {string | null} given */
export function setToken(given) {
    token = given;
    try {
        if (given === null) sessionStorage.removeItem(KEY);
        else sessionStorage.setItem(KEY, given);
    } catch {
        // It holds until the page is loaded again.
    }
}

export function hasToken() {
    return token !== null;
}

/** @param {(refused: boolean) => void} listener told whether a token was sent and refused */
export function whenUnauthorized(listener) {
    onUnauthorized = listener;
}

/**
 * @param {string} path
 * @param {{ method?: string, body?: unknown, accept?: string, signal?: AbortSignal }} [options]
 * @returns {Promise<Response>}
 */
export async function send(path, { method = "GET", body, accept = "application/json", signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = { accept };
    if (token !== null) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const sent = token;
    let response;
    try {
        response = await fetch(`/api/v1${path}`, {
            method,
            headers,
            body: body === undefined ? null : JSON.stringify(body),
            signal: signal ?? AbortSignal.timeout(PATIENCE),
            cache: "no-store",
        });
    } catch (error) {
        const late = error instanceof DOMException && error.name === "TimeoutError";
        throw new ApiError(0, "unreachable", late ? `rampd has not answered within ${PATIENCE / 1000} s` : "rampd cannot be reached");
    }
    if (response.ok) return response;
    // A request that was under way while another one brought the token says nothing about it.
    if (response.status === 401 && sent === token) onUnauthorized(sent !== null);
    throw await refusal(response);
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function refusal(response) {
    try {
        const { error } = await response.json();
        return new ApiError(response.status, String(error.code), String(error.message));
    } catch {
        return new ApiError(response.status, "unknown", `rampd answered with status ${response.status}`);
    }
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function get(path) {
    return (await send(path)).json();
}

/**
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<any>}
 */
export async function post(path, body) {
    return (await send(path, { method: "POST", body })).json();
}

/**
 * A link to a document of the API. A link cannot carry the token: with one, the document is fetched and shown from memory.
 * @param {HTMLAnchorElement} link
 * @param {(message: string) => void} failed
 */
export function opensDocument(link, failed) {
    link.target = "_blank";
    link.rel = "noopener";
    link.addEventListener("click", (event) => {
        if (token === null || link.href.startsWith("blob:")) return;
        event.preventDefault();
        const { pathname, search } = new URL(link.href);
        send(`${pathname.replace(/^\/api\/v1/, "")}${search}`, { accept: "text/html" })
            .then((response) => response.blob())
            .then((document_) => {
                const address = URL.createObjectURL(document_);
                window.open(address, "_blank", "noopener");
                // The new tab has read it by then.
                setTimeout(() => URL.revokeObjectURL(address), 60_000);
            })
            .catch((error) => failed(error.message));
    });
}
