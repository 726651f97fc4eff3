//! Kinds of panels: the plugin and its settings.

use serde_json::{Value, json};

use super::Unit;

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

impl Kind {
    /// The plugin that draws it.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Lines => "timeseries",
            Self::Stat => "stat",
            Self::Table => "table",
            Self::Heatmap => "heatmap",
            Self::Bars => "bargauge",
            Self::States => "state-timeline",
        }
    }

    /// Whether the panel shows one moment, the end of the time range.
    pub(super) fn is_instant(self) -> bool {
        matches!(self, Self::Stat | Self::Table | Self::Bars)
    }

    /// The form in which the data source hands over the answers.
    pub(super) fn format(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Heatmap => "heatmap",
            Self::Lines | Self::Stat | Self::Bars | Self::States => "time_series",
        }
    }

    /// Where colours come from: series differ from each other, single values from their limits.
    pub(super) fn colours(self) -> &'static str {
        match self {
            Self::Lines => "palette-classic",
            // A run or an agent has one colour in all bars, whatever order the answers come in.
            Self::Bars => "palette-classic-by-name",
            Self::Stat | Self::Table | Self::Heatmap | Self::States => "thresholds",
        }
    }

    /// What its lines or cells look like.
    pub(super) fn custom(self) -> Value {
        match self {
            Self::Lines => json!({
                "drawStyle": "line",
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "fillOpacity": 8,
                "showPoints": "never",
                "spanNulls": false,
            }),
            Self::States => json!({ "lineWidth": 0, "fillOpacity": 70 }),
            // Grafana's 150 pixels push the last of nine columns out of a laptop's window.
            Self::Table => json!({ "minWidth": 100 }),
            Self::Stat | Self::Heatmap | Self::Bars => json!({}),
        }
    }

    /// What surrounds them; `has_room` for names and figures beside the lines.
    pub(super) fn options(self, unit: Unit, has_room: bool) -> Value {
        let last = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        match self {
            Self::Lines => json!({
                "legend": legend(has_room),
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Self::Stat => json!({
                "reduceOptions": last,
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": "auto",
            }),
            Self::Table => json!({ "showHeader": true, "cellHeight": "sm" }),
            Self::Heatmap => json!({
                "calculate": false,
                "color": { "mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "reverse": false },
                "cellGap": 1,
                "yAxis": { "unit": unit.id() },
                "tooltip": { "mode": "single", "yHistogram": false },
                "legend": { "show": true },
            }),
            Self::Bars => json!({
                "reduceOptions": last,
                "displayMode": "basic",
                "orientation": "horizontal",
                "showUnfilled": true,
                "valueMode": "color",
                "namePlacement": "left",
                "text": { "titleSize": 14, "valueSize": 18 },
            }),
            Self::States => json!({
                "showValue": "auto",
                "rowHeight": 0.9,
                "mergeValues": true,
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false },
                "tooltip": { "mode": "single", "sort": "none" },
            }),
        }
    }
}

/// Below the lines a table of more than two of them would take half of the panel, so that names alone stand there.
fn legend(has_room: bool) -> Value {
    if has_room {
        json!({ "displayMode": "table", "placement": "right", "showLegend": true, "calcs": ["max"] })
    } else {
        json!({ "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] })
    }
}
