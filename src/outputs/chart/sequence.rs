//! The plan's curve beside what was: the plan stands still while a run is paused.

use crate::outputs::{
    chart::{ink::Ink, plot::Line},
    timeline::{PlanCorner, Point, Timeline},
};

/// The later of the plan's end and the last point, in seconds.
pub(in crate::outputs::chart) fn end(timeline: &Timeline) -> f64 {
    let plan = timeline.plan.last().map_or(0.0, |corner| corner.at + paused(timeline));
    timeline.points.last().map_or(plan, |point| point.at.max(plan))
}

/// Spans of run time in which it was paused.
pub(in crate::outputs::chart) fn pauses(timeline: &Timeline) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = Vec::new();
    let mut before = 0.0;
    for point in &timeline.points {
        if point.paused {
            match spans.last_mut().filter(|(_, to)| *to == before) {
                Some((_, to)) => *to = point.at,
                None => spans.push((before, point.at)),
            }
        }
        before = point.at;
    }
    spans
}

fn paused(timeline: &Timeline) -> f64 {
    pauses(timeline).iter().map(|(from, to)| to - from).sum()
}

/// What was planned when it went by, pauses and orders included; from the last point on the corners that are to come.
pub(in crate::outputs::chart) fn plan(
    timeline: &Timeline,
    name: &str,
    corner: fn(&PlanCorner) -> f64,
    point: fn(&Point) -> f64,
) -> Line {
    let shift = paused(timeline);
    let now = timeline.points.last().map_or(f64::NEG_INFINITY, |point| point.at);
    let start = timeline.plan.first().filter(|_| !timeline.points.is_empty());
    let start = start.map(|first| (first.at, Some(corner(first))));
    let past = timeline.points.iter().map(|at| (at.at, Some(point(at))));
    let later = timeline.plan.iter().map(|to_come| (to_come.at + shift, Some(corner(to_come))));
    let points = start.into_iter().chain(past).chain(later.filter(|(at, _)| *at > now));
    Line { name: name.to_owned(), ink: Ink::Plan, points: points.collect() }
}
