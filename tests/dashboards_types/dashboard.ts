// What a dashboard of ours may be: the SDK's types, stricter where the SDK leaves `any` for what depends on the panel.
import type { DataSourceRef, GraphFieldConfig, TableFieldOptions } from "@grafana/grafana-foundation-sdk/common";
import type { AnnotationQuery, Dashboard, FieldConfig, MatcherConfig, Panel, RowPanel } from "@grafana/grafana-foundation-sdk/dashboard";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";
import type * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import type * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import type * as stat from "@grafana/grafana-foundation-sdk/stat";
import type * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import type * as table from "@grafana/grafana-foundation-sdk/table";
import type * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

/** A type as JSON writes it: the words of an enum in place of the enum, and nothing required that Grafana fills in. */
type Json<T> = unknown extends T ? any
    : T extends string ? `${T}`
    : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)
    : T extends (infer Item)[] ? Json<Item>[]
    : T extends object ? { [Key in keyof T]?: Json<T[Key]> }
    : T;

type Defaults = Omit<FieldConfig, "custom">;

/** One line of an override: its value has the type of what it overrides. */
type Property<Custom> =
    | { [Key in keyof Defaults & string]-?: { id: Key; value: Json<Exclude<Defaults[Key], undefined>> } }[keyof Defaults & string]
    | { [Key in keyof Custom & string]-?: { id: `custom.${Key}`; value: Json<Exclude<Custom[Key], undefined>> } }[keyof Custom & string];

type Shown<Type extends string, Options, Custom> = Json<Omit<Panel, "type" | "options" | "fieldConfig" | "targets">> & {
    type: Type;
    options: Json<Options>;
    fieldConfig: {
        defaults: Json<Defaults> & { custom?: Json<Custom> };
        overrides: { matcher: MatcherConfig; properties: Property<Custom>[] }[];
    };
    targets: (Json<Omit<Dataquery, "_implementsDataqueryVariant">> & { refId: string; expr: string })[];
};

type AnyPanel =
    | Shown<"timeseries", timeseries.Options, GraphFieldConfig>
    | Shown<"stat", stat.Options, Record<never, never>>
    | Shown<"table", table.Options, TableFieldOptions>
    | Shown<"heatmap", heatmap.Options, heatmap.FieldConfig>
    | Shown<"bargauge", bargauge.Options, Record<never, never>>
    | Shown<"state-timeline", statetimeline.Options, statetimeline.FieldConfig>
    | Json<RowPanel> & { type: "row" };

/** The keys of Grafana's Prometheus data source, which the SDK's annotations leave to each data source. */
type Annotation = Json<AnnotationQuery> & {
    datasource: DataSourceRef;
    step?: string;
    titleFormat?: string;
    textFormat?: string;
    tagKeys?: string;
    useValueForTime?: boolean;
};

export type Checked = Json<Omit<Dashboard, "panels" | "annotations">> & {
    schemaVersion: 42;
    panels: AnyPanel[];
    annotations: { list: Annotation[] };
};
