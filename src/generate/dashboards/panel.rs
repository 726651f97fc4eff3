//! One panel: what it shows, in which unit, and from which queries.

use serde_json::{Value, json};

/// The data source of every query: the dashboard's variable.
#[must_use]
pub fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// An expression with the chosen run in place of `$run`.
#[must_use]
pub fn of_run(expression: &str) -> String {
    expression.replace("$run", "testid=~\"$testid\"")
}

/// Grafana's units, as far as they are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Base units, which differ from row to row.
    Base,
    /// Seconds.
    Seconds,
    /// A share of 1.
    Share,
    /// Bytes.
    Bytes,
    /// Bytes in a second.
    BytesPerSecond,
    /// Events in a second.
    PerSecond,
}

impl Unit {
    /// Grafana's name.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Count => "short",
            Self::Base => "none",
            Self::Seconds => "s",
            Self::Share => "percentunit",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "Bps",
            Self::PerSecond => "cps",
        }
    }
}

/// How a panel shows its series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lines over time.
    Lines,
    /// The last value, large.
    Stat,
    /// A row for each series.
    Table,
    /// A distribution over time.
    Heatmap,
    /// Bars beside each other.
    Bars,
    /// Coloured spans over time.
    States,
}

/// A query with the name of its answer.
#[derive(Debug, Clone)]
pub struct Query {
    id: String,
    expression: String,
    legend: &'static str,
}

/// A panel that is being put together.
#[derive(Debug, Clone)]
pub struct Panel {
    kind: Kind,
    title: &'static str,
    description: &'static str,
    unit: Unit,
    queries: Vec<Query>,
    overrides: Vec<Value>,
    mappings: Vec<Value>,
    transformations: Vec<Value>,
    maximum: Option<f64>,
}

impl Panel {
    /// A panel without queries.
    #[must_use]
    pub fn new(kind: Kind, title: &'static str, description: &'static str, unit: Unit) -> Self {
        Self {
            kind,
            title,
            description,
            unit,
            queries: Vec::new(),
            overrides: Vec::new(),
            mappings: Vec::new(),
            transformations: Vec::new(),
            maximum: None,
        }
    }

    /// Adds a query; `id` names its answer in tables and overrides.
    #[must_use]
    pub fn query(mut self, id: &str, expression: &str, legend: &'static str) -> Self {
        self.queries.push(Query { id: id.to_owned(), expression: of_run(expression), legend });
        self
    }

    /// Dashed lines at the limits that the run's profile sets for the times of a metric.
    #[must_use]
    pub fn limits(mut self, metric: &str) -> Self {
        // A selector may follow the metric's name; counts and rates are not on this axis.
        let expression = format!(
            "max by (metric, threshold) (rampd_threshold_limit{{$run, metric=~\"{metric}([{{].*)?\", threshold!~\"(count|rate).*\"}})"
        );
        self = self.query("limit", &expression, "limit {{metric}} {{threshold}}");
        self.overrides.push(json!({
            "matcher": { "id": "byFrameRefID", "options": "limit" },
            "properties": [
                { "id": "custom.lineStyle", "value": { "fill": "dash", "dash": [10, 10] } },
                { "id": "custom.fillOpacity", "value": 0 },
                { "id": "color", "value": { "mode": "fixed", "fixedColor": "red" } },
            ],
        }));
        self
    }

    /// Words and colours in place of numbers.
    #[must_use]
    pub fn words(mut self, words: &[(i64, &str, &str)]) -> Self {
        self.mappings = vec![mapping(words)];
        self
    }

    /// Words and colours in one column of a table.
    #[must_use]
    pub fn column_words(mut self, column: &str, words: &[(i64, &str, &str)]) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byName", "options": column },
            "properties": [
                { "id": "mappings", "value": [mapping(words)] },
                { "id": "custom.cellOptions", "value": { "type": "color-background" } },
            ],
        }));
        self
    }

    /// A column of a table in a unit of its own.
    #[must_use]
    pub fn column_unit(mut self, column: &str, unit: Unit) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byName", "options": column },
            "properties": [{ "id": "unit", "value": unit.id() }],
        }));
        self
    }

    /// One row for all queries of equal labels, under the queries' own names.
    #[must_use]
    pub fn joined(mut self) -> Self {
        let names = self.queries.iter().map(|query| (format!("Value #{}", query.id), json!(query.id)));
        let names: serde_json::Map<_, _> = names.collect();
        self.transformations = vec![
            json!({ "id": "merge", "options": {} }),
            json!({ "id": "organize", "options": { "excludeByName": { "Time": true }, "renameByName": names } }),
        ];
        self
    }

    /// The end of the scale.
    #[must_use]
    pub fn maximum(mut self, maximum: f64) -> Self {
        self.maximum = Some(maximum);
        self
    }

    /// As Grafana reads it, at a place of the grid.
    #[must_use]
    pub fn into_json(self, id: usize, place: &Value) -> Value {
        let targets: Vec<_> = self.queries.iter().map(|query| self.target(query)).collect();
        let colours = json!({ "mode": "absolute", "steps": [{ "value": null, "color": "text" }] });
        let mut defaults = json!({
            "unit": self.unit.id(),
            "mappings": self.mappings,
            "thresholds": colours,
            "custom": self.custom(),
        });
        if matches!(self.kind, Kind::Lines | Kind::Bars) {
            defaults["min"] = json!(0);
        }
        if let Some(maximum) = self.maximum {
            defaults["max"] = json!(maximum);
        }
        json!({
            "id": id,
            "type": self.type_name(),
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "gridPos": place,
            // Else a window of rate() is a minute, which is a whole stage.
            "interval": "5s",
            "fieldConfig": { "defaults": defaults, "overrides": self.overrides },
            "options": self.options(),
            "targets": targets,
            "transformations": self.transformations,
        })
    }

    fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Lines => "timeseries",
            Kind::Stat => "stat",
            Kind::Table => "table",
            Kind::Heatmap => "heatmap",
            Kind::Bars => "bargauge",
            Kind::States => "state-timeline",
        }
    }

    /// Whether the panel shows one moment, the end of the time range.
    fn is_instant(&self) -> bool {
        matches!(self.kind, Kind::Stat | Kind::Table | Kind::Bars)
    }

    fn target(&self, query: &Query) -> Value {
        let format = match self.kind {
            Kind::Table => "table",
            Kind::Heatmap => "heatmap",
            Kind::Lines | Kind::Stat | Kind::Bars | Kind::States => "time_series",
        };
        json!({
            "refId": query.id,
            "datasource": datasource(),
            "expr": query.expression,
            "legendFormat": query.legend,
            "format": format,
            "instant": self.is_instant(),
            "range": !self.is_instant(),
            "editorMode": "code",
        })
    }

    fn custom(&self) -> Value {
        match self.kind {
            Kind::Lines => json!({
                "drawStyle": "line",
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "fillOpacity": 8,
                "showPoints": "never",
                "spanNulls": false,
            }),
            Kind::States => json!({ "lineWidth": 0, "fillOpacity": 70 }),
            Kind::Stat | Kind::Table | Kind::Heatmap | Kind::Bars => json!({}),
        }
    }

    fn options(&self) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self.kind {
            Kind::Lines => json!({
                "legend": { "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["max", "lastNotNull"] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Kind::Stat => json!({
                "reduceOptions": last,
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": "auto",
            }),
            Kind::Table => json!({ "showHeader": true, "cellHeight": "sm" }),
            Kind::Heatmap => json!({
                "calculate": false,
                "color": { "mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": false },
                "cellGap": 1,
                "yAxis": { "unit": self.unit.id() },
                "tooltip": { "mode": "single", "yHistogram": false },
                "legend": { "show": true },
            }),
            Kind::Bars => json!({
                "reduceOptions": last,
                "displayMode": "basic",
                "orientation": "horizontal",
                "showUnfilled": true,
                "valueMode": "color",
            }),
            Kind::States => json!({
                "showValue": "auto",
                "rowHeight": 0.9,
                "mergeValues": true,
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false },
                "tooltip": { "mode": "single", "sort": "none" },
            }),
        }
    }
}

fn mapping(words: &[(i64, &str, &str)]) -> Value {
    let options: serde_json::Map<_, _> = words
        .iter()
        .enumerate()
        .map(|(index, (value, text, color))| {
            (value.to_string(), json!({ "text": text, "color": color, "index": index }))
        })
        .collect();
    json!({ "type": "value", "options": options })
}
