// What Grafana's Prometheus data source asks for each panel: the same steps, windows and moments.

/** Grafana's `interval` of every panel here, in seconds; none of our ranges is so long that a point a pixel needs more. */
const INTERVAL = 5;
const MOST_POINTS = 600;

/** Distance between the points of a line, in seconds. */
export function rangeStep({ from, to }) {
    return Math.max(INTERVAL, Math.ceil((to - from) / MOST_POINTS));
}

/** `$__rate_interval`: the larger of step + scrape interval and four scrape intervals, where the panel's interval stands for the latter. */
function rateInterval(span) {
    return Math.max(rangeStep(span) + INTERVAL, 4 * INTERVAL);
}

async function get(base, path, parameters) {
    const address = `${base}/api/v1/${path}?${new URLSearchParams(parameters)}`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(30_000) });
    const body = await answer.json();
    if (body.status !== "success") throw new Error(`${body.error}\n${parameters.query}`);
    return body.data.result;
}

/** The answers of a dashboard: `panels` by id, a list with an answer for each target; `marks` of the annotations. */
export async function answers(base, dashboard, testids, span) {
    const step = rangeStep(span);
    const written = (expression) => expression
        .replaceAll("$testid", testids.join("|"))
        .replaceAll("$__rate_interval", `${rateInterval(span)}s`)
        .replaceAll("$__range", `${span.to - span.from}s`);
    // Grafana puts the ends on multiples of the step.
    const aligned = { start: Math.floor(span.from / step) * step, end: Math.floor(span.to / step) * step, step };
    const ask = ({ expr, instant }) => instant
        ? get(base, "query", { query: written(expr), time: span.to })
        : get(base, "query_range", { query: written(expr), ...aligned });
    const panels = {};
    for (const { id, type, targets } of dashboard.panels) {
        if (type === "row") continue;
        panels[id] = await Promise.all(targets.map(async (target) => ({ target, result: await ask(target) })));
    }
    const marks = [];
    for (const { expr, titleFormat, textFormat } of dashboard.annotations.list) {
        for (const { metric, values } of await ask({ expr })) {
            // useValueForTime: the value is the moment, in milliseconds.
            marks.push({ at: Number(values.at(-1)[1]), title: named(titleFormat, metric), text: named(textFormat, metric) });
        }
    }
    return { panels, marks };
}

/** A legend with the labels' values in it. */
export function named(format, labels) {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? "");
}
