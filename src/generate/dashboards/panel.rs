//! One panel: what it shows, in which unit, and from which queries.

use serde_json::{Map, Value, json};

mod kind;
mod unit;

pub use self::{kind::Kind, unit::Unit};

/// The query for the limits of the run's profile.
const LIMIT: &str = "limit";

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
    sorted_by: Vec<Value>,
    alarm: Option<f64>,
    colours: Option<&'static str>,
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
            sorted_by: Vec::new(),
            alarm: None,
            colours: None,
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
        self = self.query(LIMIT, &expression, "limit {{metric}} {{threshold}}");
        self.overrides.push(json!({
            "matcher": { "id": "byFrameRefID", "options": LIMIT },
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
                { "id": "custom.cellOptions", "value": { "type": "color-background", "mode": "basic" } },
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

    /// One row for all queries of equal labels, sorted by them: the labels' columns first, then the queries' own names.
    #[must_use]
    pub fn joined(mut self, labels: &[&str]) -> Self {
        let answer = |query: &Query| match self.queries.len() {
            // The data source names a single answer without its query.
            1 => "Value".to_owned(),
            _ => format!("Value #{}", query.id),
        };
        let names: Map<_, _> = self.queries.iter().map(|query| (answer(query), json!(query.id))).collect();
        let columns = labels.iter().map(|label| (*label).to_owned()).chain(self.queries.iter().map(answer));
        let order: Map<_, _> = columns.enumerate().map(|(at, column)| (column, json!(at))).collect();
        self.transformations = vec![
            json!({ "id": "merge", "options": {} }),
            json!({
                "id": "organize",
                "options": { "excludeByName": { "Time": true }, "indexByName": order, "renameByName": names },
            }),
        ];
        self.sorted_by = labels.iter().map(|label| json!({ "displayName": label, "desc": false })).collect();
        self
    }

    /// Lines whose name the expression matches are dashed: a plan or a limit, nothing that was measured.
    #[must_use]
    pub fn dashed(mut self, expression: &str) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byRegexp", "options": expression },
            "properties": [
                { "id": "custom.lineStyle", "value": { "fill": "dash", "dash": [10, 10] } },
                { "id": "custom.fillOpacity", "value": 0 },
            ],
        }));
        self
    }

    /// Leaves out of the legend what never happened: codes and reasons are closed sets, of which a run has few.
    #[must_use]
    pub fn without_zeros(mut self) -> Self {
        self.overrides.push(json!({
            "matcher": { "id": "byValue", "options": { "reducer": "allIsZero", "op": "gte", "value": 0 } },
            "properties": [{ "id": "custom.hideFrom", "value": { "legend": true, "tooltip": true, "viz": false } }],
        }));
        self
    }

    /// The colour of a line comes from its name, so that it is the same in all panels.
    #[must_use]
    pub fn colours_by_name(mut self) -> Self {
        self.colours = Some("palette-classic-by-name");
        self
    }

    /// Red from this value on.
    #[must_use]
    pub fn alarm(mut self, from: f64) -> Self {
        self.alarm = Some(from);
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
        let mut steps = vec![json!({ "value": null, "color": "text" })];
        steps.extend(self.alarm.map(|from| json!({ "value": from, "color": "red" })));
        // The long names of limits beside the lines would leave half of a panel.
        let has_limits = self.queries.iter().any(|query| query.id == LIMIT);
        let has_room = place["w"].as_u64().is_some_and(|columns| columns >= 12) && !has_limits;
        let mut options = self.kind.options(self.unit, has_room);
        if !self.sorted_by.is_empty() {
            options["sortBy"] = json!(self.sorted_by);
        }
        let mut defaults = json!({
            "unit": self.unit.id(),
            "color": { "mode": self.colours.unwrap_or(self.kind.colours()) },
            "mappings": self.mappings,
            "thresholds": { "mode": "absolute", "steps": steps },
            "custom": self.kind.custom(),
        });
        if matches!(self.kind, Kind::Lines | Kind::Bars) {
            defaults["min"] = json!(0);
        }
        if let Some(maximum) = self.maximum {
            defaults["max"] = json!(maximum);
        }
        json!({
            "id": id,
            "type": self.kind.type_name(),
            "title": self.title,
            "description": self.description,
            "datasource": datasource(),
            "gridPos": place,
            // Else a window of rate() is a minute, which is a whole stage.
            "interval": "5s",
            "fieldConfig": { "defaults": defaults, "overrides": self.overrides },
            "options": options,
            "targets": targets,
            "transformations": self.transformations,
        })
    }

    fn target(&self, query: &Query) -> Value {
        json!({
            "refId": query.id,
            "datasource": datasource(),
            "expr": query.expression,
            "legendFormat": query.legend,
            "format": self.kind.format(),
            "instant": self.kind.is_instant(),
            "range": !self.kind.is_instant(),
            "editorMode": "code",
        })
    }
}

fn mapping(words: &[(i64, &str, &str)]) -> Value {
    let options: Map<_, _> = words
        .iter()
        .enumerate()
        .map(|(index, (value, text, color))| {
            (value.to_string(), json!({ "text": text, "color": color, "index": index }))
        })
        .collect();
    json!({ "type": "value", "options": options })
}
