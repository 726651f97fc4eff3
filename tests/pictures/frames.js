// Prometheus' answers as Grafana's data source makes data frames of them, and what a panel's JSON does to them.
import {
    FieldType, Registry, applyFieldOverrides, cacheFieldDisplayNames, standardFieldConfigEditorRegistry, standardTransformers,
    standardTransformersRegistry, toDataFrame, transformDataFrame,
} from "@grafana/data";
import { firstValueFrom } from "rxjs";
import { named } from "./ask.mjs";

const numbers = { NaN: Number.NaN, "+Inf": Number.POSITIVE_INFINITY, "-Inf": Number.NEGATIVE_INFINITY };
const number = (text) => numbers[text] ?? Number(text);
const points = ({ values, value }) => values ?? [value];

/** The name of a series without a legend of its own: Grafana's is Prometheus'. */
function bare({ __name__ = "", ...labels }) {
    const inner = Object.entries(labels).map(([key, value]) => `${key}="${value}"`).join(", ");
    return inner ? `${__name__}{${inner}}` : __name__;
}

function lines({ target, result }, step) {
    return result.map((series) => toDataFrame({
        refId: target.refId,
        fields: [
            { name: "Time", type: FieldType.time, values: points(series).map(([at]) => at * 1000), config: { interval: step * 1000 } },
            {
                name: "Value",
                type: FieldType.number,
                labels: series.metric,
                values: points(series).map(([, text]) => number(text)),
                config: { displayNameFromDS: target.legendFormat ? named(target.legendFormat, series.metric) : bare(series.metric) },
            },
        ],
    }));
}

function table({ target, result }, several) {
    const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
    const rows = result.flatMap((series) => points(series).map(([at, text]) => ({ at, text, metric: series.metric })));
    return [toDataFrame({
        refId: target.refId,
        fields: [
            { name: "Time", type: FieldType.time, values: rows.map(({ at }) => at * 1000) },
            ...labels.map((label) => ({ name: label, type: FieldType.string, config: { filterable: true }, values: rows.map(({ metric }) => metric[label] ?? "") })),
            { name: several ? `Value #${target.refId}` : "Value", type: FieldType.number, values: rows.map(({ text }) => number(text)) },
        ],
    })];
}

// Two names stand for one transformation.
const transformers = [...new Map(Object.values(standardTransformers).map((transformation) => [transformation.id, transformation])).values()]
    .map((transformation) => ({ id: transformation.id, name: transformation.name, transformation: async () => transformation, editor: () => null }));
standardTransformersRegistry.setInit(() => transformers);
standardFieldConfigEditorRegistry.setInit(() => []);

/** The registry in which `applyFieldOverrides` looks up what an override may change: every property that the panel's names. */
function properties(overrides) {
    const standard = ["unit", "min", "max", "decimals", "displayName", "noValue", "color", "mappings", "thresholds", "links"];
    const ids = new Set([...standard, ...overrides.flatMap(({ properties }) => properties.map(({ id }) => id))]);
    return new Registry(() => [...ids].map((id) => ({
        id,
        name: id,
        path: id.replace(/^custom\./, ""),
        isCustom: id.startsWith("custom."),
        override: (value) => value,
        process: (value) => value,
        shouldApply: () => true,
        editor: () => null,
    })));
}

/** Grafana's time series panel draws what is no finite number as a gap. */
function drawable(frame) {
    const finite = (field) => field.type === FieldType.number
        ? { ...field, values: field.values.map((value) => Number.isFinite(value) ? value : null) }
        : field;
    return { ...frame, fields: frame.fields.map(finite) };
}

/** The frames that a panel shows. */
export async function framesOf(panel, answers, theme, step) {
    let frames = answers.flatMap((answer) => answer.target.format === "table"
        ? table(answer, answers.length > 1)
        : lines(answer, step));
    if (panel.transformations?.length > 0) {
        frames = await firstValueFrom(transformDataFrame(panel.transformations, frames, { interpolate: (text) => text }));
    }
    const shown = applyFieldOverrides({
        data: panel.type === "timeseries" ? frames.map(drawable) : frames,
        fieldConfig: panel.fieldConfig,
        fieldConfigRegistry: properties(panel.fieldConfig.overrides),
        replaceVariables: (text) => text,
        theme,
        timeZone: "utc",
    });
    cacheFieldDisplayNames(shown);
    return shown;
}
