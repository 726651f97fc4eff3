// Heatmap and state timeline, whose panels Grafana does not publish, drawn plainly from the same data and the same JSON.
import { FieldType, getFieldDisplayName, getValueFormat, formattedValueToString } from "@grafana/data";

const AXIS = 64, FOOT = 22, HEAD = 8; // pixels for the scales at the left and below, and half a line at the top

const clock = (at) => new Date(at).toISOString().slice(11, 16);

/** Marks of the time axis: every half minute, or minute on long ranges. */
function Times({ timeRange, x, height, theme }) {
    const from = timeRange.from.valueOf(), to = timeRange.to.valueOf();
    const step = to - from > 360_000 ? 60_000 : 30_000;
    const marks = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) marks.push(at);
    return marks.map((at) => <text key={at} x={x(at)} y={height - 5} textAnchor="middle" fontSize="12" fill={theme.colors.text.secondary}>
        {step < 60_000 ? new Date(at).toISOString().slice(11, 19) : clock(at)}
    </text>);
}

function scale(timeRange, width) {
    const from = timeRange.from.valueOf(), to = timeRange.to.valueOf();
    return (at) => AXIS + (Math.min(Math.max(at, from), to) - from) / (to - from) * (width - AXIS - 8);
}

/** Cumulative `le` series to cells, as Grafana's data source subtracts them; the colours are those of the scheme Oranges. */
export function Heatmap({ panel, frames, timeRange, width, height, theme }) {
    const buckets = frames
        .map((frame) => ({ le: Number(frame.fields[1].labels.le.replace("+Inf", "Infinity")), field: frame.fields[1], times: frame.fields[0].values }))
        .sort((one, other) => one.le - other.le);
    const cells = [];
    const counts = new Map();
    buckets.forEach(({ le, field, times }, row) => times.forEach((at, index) => {
        const below = counts.get(at) ?? 0;
        const count = field.values[index] - below;
        counts.set(at, field.values[index]);
        if (count > 0.001) cells.push({ row, at, count });
    }));
    if (cells.length === 0) return null;
    const rows = cells.map(({ row }) => row);
    const [low, high] = [Math.max(0, Math.min(...rows) - 1), Math.min(buckets.length - 1, Math.max(...rows) + 1)];
    const most = Math.max(...cells.map(({ count }) => count));
    const x = scale(timeRange, width);
    const cellHeight = (height - FOOT - HEAD) / (high - low + 1);
    const y = (row) => HEAD + (high - row) * cellHeight;
    const step = buckets[0].field.config.interval ?? frames[0].fields[0].config.interval;
    const format = getValueFormat(panel.options.yAxis.unit);
    const every = Math.ceil(16 / cellHeight);
    return <svg width={width} height={height} fontFamily="Inter">
        {buckets.slice(low, high + 1).map(({ le }, at) => at % every === 0 && <text key={le} x={AXIS - 6} y={y(low + at) + 4} textAnchor="end" fontSize="12"
            fill={theme.colors.text.secondary}>{Number.isFinite(le) ? formattedValueToString(format(le)) : "+Inf"}</text>)}
        {cells.map(({ row, at, count }) => <rect key={`${row}/${at}`} x={x(at - step) + 0.5} y={y(row) + 0.5} width={Math.max(0, x(at) - x(at - step) - 1)}
            height={Math.max(1, cellHeight - 1)} fill={orange((count / most) ** panel.options.color.exponent)} />)}
        <Times {...{ timeRange, x, height, theme }} />
    </svg>;
}

/** The scheme Oranges from light (few) to dark, reversed on a dark page as Grafana does. */
function orange(share) {
    const [from, to] = [[60, 30, 12], [255, 230, 200]];
    const middle = [240, 120, 30];
    const mix = (a, b, t) => `rgb(${a.map((value, at) => Math.round(value + (b[at] - value) * t)).join(",")})`;
    return share < 0.6 ? mix(from, middle, share / 0.6) : mix(middle, to, (share - 0.6) / 0.4);
}

/** A lane for each series, coloured by the value mappings; equal neighbours are one span. */
export function StateTimeline({ panel, frames, timeRange, width, height, theme }) {
    const lanes = frames.map((frame) => {
        const [time, value] = [frame.fields.find(({ type }) => type === FieldType.time), frame.fields.find(({ type }) => type === FieldType.number)];
        const spans = [];
        time.values.forEach((at, index) => {
            const state = value.values[index];
            const last = spans.at(-1);
            if (last && last.state === state) last.to = at + time.config.interval;
            else spans.push({ state, from: at, to: at + time.config.interval, display: value.display(state) });
        });
        return { name: getFieldDisplayName(value, frame, frames), spans };
    });
    const names = Math.max(...lanes.map(({ name }) => name.length)) * 7 + 12;
    const from = timeRange.from.valueOf(), to = timeRange.to.valueOf();
    const x = (at) => names + (Math.min(Math.max(at, from), to) - from) / (to - from) * (width - names - 8);
    const lane = (height - FOOT) / lanes.length;
    const bar = lane * panel.options.rowHeight;
    return <svg width={width} height={height} fontFamily="Inter" fontSize="12">
        {lanes.map(({ name, spans }, row) => <g key={name} transform={`translate(0 ${row * lane + (lane - bar) / 2})`}>
            <text x={names - 8} y={bar / 2 + 4} textAnchor="end" fill={theme.colors.text.secondary}>{name}</text>
            {spans.map((span) => <g key={span.from}>
                <rect x={x(span.from)} y={0} width={x(span.to) - x(span.from)} height={bar} fill={span.display.color}
                    fillOpacity={panel.fieldConfig.defaults.custom.fillOpacity / 100} />
                {x(span.to) - x(span.from) > 40 && bar > 12 && <text x={x(span.from) + 6} y={bar / 2 + 4} fill={theme.colors.text.primary}>{span.display.text}</text>}
            </g>)}
        </g>)}
        <Times {...{ timeRange, x, height, theme }} />
    </svg>;
}
