// Numbers, durations and times in words, with their units.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/**
 * Three significant digits below 1,000, whole above.
 * @param {number} value
 */
export function number(value) {
    if (!Number.isFinite(value)) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 100) return whole.format(value);
    if (size >= 10) return trimmed(value, 1);
    if (size >= 0.01) return trimmed(value, 2);
    return value.toPrecision(2);
}

/**
 * @param {number} value
 * @param {number} digits
 */
function trimmed(value, digits) {
    return String(Number(value.toFixed(digits)));
}

/**
 * @param {number} value milliseconds
 */
export function milliseconds(value) {
    return value >= 1_000 ? `${number(value / 1000)} s` : `${number(value)} ms`;
}

/**
 * `1h 02m 03s`; below ten seconds with a tenth.
 * @param {number} seconds
 */
export function duration(seconds) {
    if (seconds < 9.95) return `${trimmed(Math.max(0, seconds), 1)}s`;
    const total = Math.round(seconds);
    const [days, hours, minutes, rest] = [Math.floor(total / 86_400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60];
    const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
    if (days > 0) return `${days}d ${two(hours)}h`;
    if (hours > 0) return `${hours}h ${two(minutes)}m`;
    if (minutes > 0) return `${minutes}m ${two(rest)}s`;
    return `${rest}s`;
}

/**
 * The time of day; with the day if it is another one than `now`'s.
 * @param {string} rfc3339
 * @param {Date} [now]
 */
export function moment(rfc3339, now = new Date()) {
    const at = new Date(rfc3339);
    if (Number.isNaN(at.getTime())) return rfc3339;
    return at.toDateString() === now.toDateString() ? clock.format(at) : `${date.format(at)}, ${clock.format(at)}`;
}

/**
 * `in 12m 03s`, or `now` when it has come.
 * @param {string} rfc3339
 * @param {Date} [now]
 */
export function until(rfc3339, now = new Date()) {
    const seconds = (new Date(rfc3339).getTime() - now.getTime()) / 1000;
    return seconds < 1 ? "now" : `in ${duration(Math.max(10, seconds))}`;
}

/** What a daemon calls the end of a run, in words. */
export const outcomes = /** @type {Record<string, { word: string, sign: string, tone: string }>} */ ({
    passed: { word: "passed", sign: "✓", tone: "good" },
    crossed: { word: "threshold crossed", sign: "✗", tone: "bad" },
    invalid: { word: "invalid", sign: "?", tone: "doubtful" },
    stopped: { word: "stopped", sign: "■", tone: "plain" },
    interrupted: { word: "interrupted", sign: "!", tone: "doubtful" },
    failed: { word: "failed", sign: "✗", tone: "bad" },
    missed: { word: "missed", sign: "–", tone: "doubtful" },
    running: { word: "running", sign: "▶", tone: "accent" },
});

/**
 * @param {string} outcome
 */
export function outcome(outcome) {
    return outcomes[outcome] ?? { word: outcome, sign: "·", tone: "plain" };
}

/** Why a run began. */
export const triggers = { schedule: "schedule", startup: "start of the daemon", request: "request" };
