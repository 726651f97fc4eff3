//! The plan's curve beside what was, and when the run was paused.

use crate::outputs::{
    chart::{ink::Ink, plot::Line},
    timeline::{PlanCorner, Point, Timeline},
};

/// The later of the plan's end and the last point, in seconds.
pub(in crate::outputs::chart) fn end(timeline: &Timeline) -> f64 {
    let plan = timeline.plan.last().map_or(0.0, |corner| corner.at);
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

/// The plan from its corners, which know pauses and orders; without corners as each point says.
pub(in crate::outputs::chart) fn plan(
    timeline: &Timeline,
    name: &str,
    corner: fn(&PlanCorner) -> f64,
    point: fn(&Point) -> f64,
) -> Line {
    let points = if timeline.plan.is_empty() {
        timeline.points.iter().map(|at| (at.at, Some(point(at)))).collect()
    } else {
        timeline.plan.iter().map(|at| (at.at, Some(corner(at)))).collect()
    };
    Line { name: name.to_owned(), ink: Ink::Plan, points }
}
