use std::collections::BTreeSet;

use hdrhistogram::Histogram;
use proptest::prelude::*;

use super::*;
use crate::outputs::timeline::{MOST, PlanCorner, Point, Quantiles};

fn titles(charts: &[Chart]) -> Vec<&str> {
    charts.iter().map(|chart| chart.title.as_str()).collect()
}

/// The points of the lines drawn with an ink.
fn drawn<'a>(svg: &'a str, ink: &str) -> Vec<&'a str> {
    let marks = svg.lines().filter(|mark| mark.starts_with("<polyline") && mark.contains(&format!("--rampd-{ink},")));
    marks.filter_map(|mark| mark.split(r#"points=""#).nth(1)?.split('"').next()).collect()
}

#[test]
fn a_small_run_as_a_picture() {
    let mut timeline = fixture::ramp(4);
    timeline.points[2].paused = true;
    timeline.points[1].trends.remove("ws_connecting");
    let thresholds = [
        fixture::threshold("ws_connecting", "p(99)<100", 100.0),
        fixture::threshold("ws_connecting", "avg<9000", 9000.0),
    ];
    let charts = all(&timeline, &thresholds);
    insta::assert_snapshot!(charts[0].svg);
    insta::assert_snapshot!(charts[1].svg);
}

#[test]
fn a_run_has_the_curves_that_it_has_samples_for() {
    let mut timeline = fixture::ramp(30);
    let websocket = [
        "Virtual users",
        "ws_connecting, percentiles",
        "ws_msg_rtt, percentiles",
        "WebSocket connections",
        "Messages",
        "Failures by reason",
    ];
    assert_eq!(titles(&all(&timeline, &[])), websocket);
    for point in &mut timeline.points {
        *point = Point { at: point.at, requests: 3.0, iterations: 2.0, planned_rate: 2.0, ..Point::default() };
    }
    assert_eq!(titles(&all(&timeline, &[])), ["Virtual users", "Iterations", "HTTP requests"]);
}

#[test]
fn before_the_first_sample_there_is_the_plan_and_without_a_plan_an_empty_plane() {
    let plan = vec![PlanCorner { at: 0.0, vus: 5.0, rate: 0.0 }, PlanCorner { at: 60.0, vus: 5.0, rate: 0.0 }];
    let planned = all(&Timeline { plan, interval_seconds: 1.0, points: Vec::new() }, &[]);
    assert_eq!(titles(&planned), ["Virtual users"]);
    assert_eq!(drawn(&planned[0].svg, "plan").len(), 2, "the curve and its sample in the legend");
    assert!(planned[0].svg.contains("running: no samples."));
    let empty = all(&Timeline::default(), &[]);
    assert_eq!(drawn(&empty[0].svg, "plan").len(), 1, "the legend alone");
}

#[test]
fn one_point_is_a_dot() {
    let timeline = Timeline { points: vec![Point { at: 1.0, vus: 3, ..Point::default() }], ..Timeline::default() };
    let svg = &all(&timeline, &[])[0].svg;
    assert!(svg.contains("<circle") && svg.contains("running: at most 3.00, at the end 3.00."), "{svg}");
}

#[test]
fn a_pause_is_shaded_and_what_is_to_come_of_the_plan_is_drawn() {
    let mut timeline = fixture::ramp(20);
    timeline.points.truncate(10);
    timeline.points[5].paused = true;
    timeline.points[6].paused = true;
    let chart = &all(&timeline, &[])[0];
    assert!(chart.svg.contains("Paused once.") && chart.svg.contains("Over 0:20 of the run."));
    assert_eq!(chart.svg.lines().filter(|mark| mark.starts_with("<rect") && mark.contains("--rampd-pause")).count(), 2);
}

#[test]
fn what_was_not_measured_breaks_the_line() {
    let mut timeline = fixture::ramp(20);
    timeline.points[9].trends.clear();
    let latency = &all(&timeline, &[])[1];
    assert_eq!(drawn(&latency.svg, "series-1").len(), 3, "two pieces and the legend");
}

#[test]
fn limits_are_levels_of_the_latencies_that_they_judge() {
    let timeline = fixture::ramp(20);
    let thresholds = [
        fixture::threshold("ws_connecting", "p(99)<100", 100.0),
        fixture::threshold("ws_connecting", "p(95)<60000", 60_000.0),
        fixture::threshold("ws_connecting", "count>3", 3.0),
        fixture::threshold("ws_connecting{url:ws://x/}", "p(99)<7", 7.0),
        fixture::threshold("ws_msg_rtt", "p(99)<9", 9.0),
    ];
    let latency = &all(&timeline, &thresholds)[1].svg;
    assert!(latency.contains(">p(99)&lt;100</text>") && latency.contains(">p(95)&lt;60000 (far above)</text>"));
    assert!(!latency.contains("count") && !latency.contains("lt;7<"));
    assert_eq!(drawn(latency, "limit").len(), 3, "one level, and two in the legend");
}

#[test]
fn frequent_reasons_are_lines_and_the_rest_is_one() {
    let mut timeline = fixture::ramp(3);
    for point in &mut timeline.points {
        point.failures =
            (0..20).map(|number| (format!("ws_connect/reason{number:02}"), f64::from(number + 1))).collect();
    }
    let charts = all(&timeline, &[]);
    let svg = &charts.last().unwrap().svg;
    assert!(svg.contains(">ws_connect/reason19</text>") && svg.contains(">14 others</text>"));
    let others: f64 = (1..=14).map(f64::from).sum();
    assert!(svg.contains(&format!("14 others: at most {others:.0}/s")), "{svg}");
}

#[test]
fn names_are_text_and_never_marks() {
    let mut timeline = fixture::ramp(3);
    for point in &mut timeline.points {
        point.failures = [(r#"<script>alert("1")</script>"#.to_owned(), 1.0)].into();
        point.trends = [("a\"b<c'".to_owned(), Quantiles { count: 1, p50: 1.0, ..Quantiles::default() })].into();
    }
    for chart in all(&timeline, &[]) {
        assert!(!chart.svg.contains("<script") && !chart.svg.contains("b<c"));
        assert!(chart.id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-'), "{}", chart.id);
    }
}

#[test]
fn a_picture_of_the_longest_timeline_stays_small() {
    let charts = all(&fixture::ramp(MOST as u32), &[]);
    let ids: BTreeSet<_> = charts.iter().map(|chart| &chart.id).collect();
    assert_eq!(ids.len(), charts.len());
    for chart in charts {
        assert!(chart.svg.len() < 80_000, "{}: {}", chart.id, chart.svg.len());
    }
}

#[test]
fn percentiles_of_two_runs_go_as_far_as_their_samples() {
    let [mut base, mut with] = [(); 2].map(|()| Histogram::<u64>::new(3).unwrap());
    for sample in 1..=10_000u64 {
        base.record(sample * 1000).unwrap();
        with.record(sample * 1500).unwrap();
    }
    let record = fixture::record();
    let chart = percentiles("ws_connecting", &[("base", &record, &base), ("with", &record, &with)]).unwrap();
    assert!(chart.svg.contains("with: at most 15.0 ms, at the end 15.0 ms."), "{}", chart.svg);
    assert!(chart.svg.contains(">99.99%</text>") && !chart.svg.contains(">99.999%</text>"));
    let nothing = Histogram::<u64>::new(3).unwrap();
    assert_eq!(percentiles("ws_connecting", &[("base", &record, &nothing)]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_timeline_is_a_picture_within_its_frame(
        points in prop::collection::vec((0.0f64..1e7, any::<u32>(), 0.0f64..1e12, any::<bool>()), 0..40),
    ) {
        let mut at = 0.0;
        let points = points.into_iter().map(|(after, vus, rate, paused)| {
            at += after;
            Point { at, vus: u64::from(vus), planned_vus: u64::from(vus), sent: rate, paused, ..Point::default() }
        });
        let timeline = Timeline { points: points.collect(), ..Timeline::default() };
        for chart in all(&timeline, &[]) {
            prop_assert!(!chart.svg.contains("cannot be drawn"), "{}", chart.svg);
            for line in drawn(&chart.svg, "series-1") {
                for point in line.split(' ') {
                    let (x, y) = point.split_once(',').unwrap();
                    let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                    prop_assert!((0.0..=640.0).contains(&x) && (0.0..=400.0).contains(&y), "{point}");
                }
            }
        }
    }
}
