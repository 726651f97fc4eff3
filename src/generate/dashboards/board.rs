//! A dashboard: its variables, annotations, and panels put from left to right into Grafana's grid of 24 columns.

use serde_json::{Value, json};

use super::panel::{Panel, datasource, of_run};

const COLUMNS: u64 = 24;
const TAG: &str = "rampd";

/// A dashboard that is being put together.
#[derive(Debug)]
pub struct Board {
    uid: &'static str,
    title: &'static str,
    description: &'static str,
    many_runs: bool,
    panels: Vec<Value>,
    /// Where the next panel goes, and the height of the row that it is in.
    next: (u64, u64),
    row_height: u64,
}

impl Board {
    /// Shows one run at a time, or several where `many_runs`.
    #[must_use]
    pub fn new(uid: &'static str, title: &'static str, description: &'static str, many_runs: bool) -> Self {
        Self { uid, title, description, many_runs, panels: Vec::new(), next: (0, 0), row_height: 0 }
    }

    /// Begins a part with a headline.
    #[must_use]
    pub fn row(mut self, title: &'static str) -> Self {
        self.new_line();
        let place = json!({ "x": 0, "y": self.next.1, "w": COLUMNS, "h": 1 });
        let id = self.panels.len() + 1;
        self.panels.push(
            json!({ "id": id, "type": "row", "title": title, "collapsed": false, "gridPos": place, "panels": [] }),
        );
        self.next.1 += 1;
        self
    }

    /// Adds a panel, in a new line where it does not fit.
    #[must_use]
    pub fn panel(mut self, width: u64, height: u64, panel: Panel) -> Self {
        if self.next.0 + width > COLUMNS {
            self.new_line();
        }
        let place = json!({ "x": self.next.0, "y": self.next.1, "w": width, "h": height });
        self.panels.push(panel.into_json(self.panels.len() + 1, &place));
        self.next.0 += width;
        self.row_height = self.row_height.max(height);
        self
    }

    fn new_line(&mut self) {
        self.next = (0, self.next.1 + self.row_height);
        self.row_height = 0;
    }

    /// As Grafana reads it.
    #[must_use]
    pub fn into_json(self) -> Value {
        json!({
            "id": null,
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": 42,
            "editable": false,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": "5s",
            "time": { "from": "now-15m", "to": "now" },
            "timepicker": {},
            "links": [{
                "type": "dashboards",
                "title": "rampd",
                "tags": [TAG],
                "asDropdown": false,
                "includeVars": true,
                "keepTime": true,
                "targetBlank": false,
                "icon": "external link",
                "tooltip": "",
                "url": "",
            }],
            "templating": { "list": variables(self.many_runs) },
            "annotations": { "list": [stages()] },
            "panels": self.panels,
        })
    }
}

fn variables(many_runs: bool) -> Value {
    json!([
        { "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1 },
        {
            "type": "query",
            "name": "testid",
            "label": if many_runs { "Runs" } else { "Run" },
            "datasource": datasource(),
            "definition": "label_values(rampd_run_info, testid)",
            "query": { "query": "label_values(rampd_run_info, testid)", "refId": "testid" },
            // With the time range: a run of last week is found by looking at last week.
            "refresh": 2,
            "sort": 2,
            "multi": many_runs,
            "includeAll": many_runs,
        },
    ])
}

/// A mark at each stage's own time, however seldom the agent is scraped. Grafana reads milliseconds.
fn stages() -> Value {
    let expression = "max by (testid, scenario, stage) (rampd_stage_start_timestamp_seconds{$run}) * 1000";
    json!({
        "name": "Stages",
        "datasource": datasource(),
        "enable": true,
        "iconColor": "blue",
        "expr": of_run(expression),
        "step": "5s",
        "titleFormat": "{{testid}} {{scenario}}",
        "textFormat": "stage {{stage}}",
        "useValueForTime": true,
    })
}
