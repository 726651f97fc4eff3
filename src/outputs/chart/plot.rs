//! What a picture shows, before it is drawn.

use crate::outputs::chart::{
    axis::{self, Axis, Unit},
    ink::Ink,
};

/// A picture as data.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::outputs::chart) struct Plot {
    /// See [`crate::outputs::chart::Chart::id`].
    pub(in crate::outputs::chart) id: String,
    /// See [`crate::outputs::chart::Chart::title`].
    pub(in crate::outputs::chart) title: String,
    /// What the values are.
    pub(in crate::outputs::chart) unit: Unit,
    /// From left to right.
    pub(in crate::outputs::chart) across: Across,
    /// In the order of the legend.
    pub(in crate::outputs::chart) lines: Vec<Line>,
    /// What thresholds allow.
    pub(in crate::outputs::chart) limits: Vec<Limit>,
    /// Spans in which the run was paused.
    pub(in crate::outputs::chart) pauses: Vec<(f64, f64)>,
}

/// What is from left to right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::outputs::chart) enum Across {
    /// Run time to its end in seconds.
    Time(f64),
    /// Shares of so many samples.
    Quantiles(u64),
}

/// A curve.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::outputs::chart) struct Line {
    /// In the legend.
    pub(in crate::outputs::chart) name: String,
    /// What it is drawn with.
    pub(in crate::outputs::chart) ink: Ink,
    /// Places and values in their order; where there is no value the line is broken.
    pub(in crate::outputs::chart) points: Vec<(f64, Option<f64>)>,
}

/// A level that a threshold draws.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::outputs::chart) struct Limit {
    /// As typed: `p(99)<200`.
    pub(in crate::outputs::chart) expression: String,
    /// In the plot's unit.
    pub(in crate::outputs::chart) at: f64,
}

/// A limit this many times above the largest value is not drawn: the curves would lie on the ground.
const FAR: f64 = 4.0;

impl Plot {
    /// From left to right.
    pub(in crate::outputs::chart) fn x(&self) -> Axis {
        match self.across {
            Across::Time(end) => axis::time(end),
            Across::Quantiles(samples) => axis::quantiles(samples),
        }
    }

    /// From the ground up.
    pub(in crate::outputs::chart) fn y(&self) -> Axis {
        let limits = self.limits.iter().filter(|limit| self.is_drawn(limit)).map(|limit| limit.at);
        axis::values(limits.fold(self.largest(), f64::max), self.unit)
    }

    /// Whether a limit is near enough to what was measured.
    pub(in crate::outputs::chart) fn is_drawn(&self, limit: &Limit) -> bool {
        let largest = self.largest();
        limit.at >= 0.0 && (limit.at <= largest * FAR || largest == 0.0)
    }

    fn largest(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value);
        values.filter(|value| value.is_finite()).fold(0.0, f64::max)
    }
}

impl Line {
    /// The parts between gaps.
    pub(in crate::outputs::chart) fn pieces(&self) -> impl Iterator<Item = Vec<(f64, f64)>> {
        self.points.split(|(_, value)| value.is_none_or(|value| !value.is_finite())).filter_map(|piece| {
            let piece: Vec<_> = piece.iter().filter_map(|(at, value)| value.map(|value| (*at, value))).collect();
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// The last value, with the largest: what a description says of the line.
    pub(in crate::outputs::chart) fn last_and_largest(&self) -> Option<(f64, f64)> {
        let values = || self.points.iter().filter_map(|(_, value)| value.filter(|value| value.is_finite()));
        Some((values().next_back()?, values().fold(f64::NEG_INFINITY, f64::max)))
    }
}
