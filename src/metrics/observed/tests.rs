use proptest::prelude::*;

use super::*;

fn ledger() -> Ledger {
    let metrics = vec![
        ObservedMetricValue::new("memory", MetricKind::Gauge, Contains::Data),
        ObservedMetricValue::new("errors", MetricKind::Counter, Contains::Default),
    ];
    Ledger::new(TargetValues::new("server", metrics))
}

fn series(pairs: &[(&str, f64)]) -> MetricReading {
    let series = pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    MetricReading { known: true, series }
}

fn reading(start: f64, memory: &[(&str, f64)], errors: &[(&str, f64)]) -> Reading {
    let starts = BTreeMap::from([("start".to_owned(), start)]);
    Reading { starts, metrics: vec![series(memory), series(errors)] }
}

fn gauge(ledger: &Ledger) -> GaugeValue {
    let Some(ObservedValue::Gauge(Some(gauge))) = ledger.values.metric("memory") else { panic!("{ledger:?}") };
    gauge
}

fn increase(ledger: &Ledger) -> f64 {
    let Some(ObservedValue::Counter(Some(counter))) = ledger.values.metric("errors") else { panic!("{ledger:?}") };
    counter.increase
}

#[test]
fn a_gauge_is_the_sum_of_its_series_with_what_it_was_before_and_after() {
    let (mut ledger, now) = (ledger(), Instant::now());
    ledger.read(reading(1.0, &[("a", 3.0), ("b", 1.0)], &[]), Phase::Before, now);
    ledger.read(reading(1.0, &[("a", 9.0)], &[]), Phase::During, now + Duration::from_secs(1));
    ledger.read(reading(1.0, &[("a", 2.0)], &[]), Phase::During, now + Duration::from_secs(2));
    assert_eq!(gauge(&ledger).ratio(), None);
    ledger.read(reading(1.0, &[("a", 6.0)], &[]), Phase::After, now + Duration::from_secs(3));
    ledger.read(reading(1.0, &[("a", 5.0)], &[]), Phase::After, now + Duration::from_secs(4));
    let expected = GaugeValue { value: 5.0, min: 2.0, max: 9.0, before: Some(4.0), after: Some(5.0) };
    assert_eq!((gauge(&ledger), gauge(&ledger).ratio()), (expected, Some(1.25)));
    assert_eq!((ledger.values.scrapes, ledger.values.scrapes_after, ledger.values.restarts), (5, 2, Some(0)));
}

#[test]
fn what_happens_while_the_load_is_waited_for_is_none_of_its_doing() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let at = |seconds| now + Duration::from_secs(seconds);
    ledger.read(reading(1.0, &[("a", 9.0)], &[("a", 100.0)]), Phase::Before, at(0));
    ledger.read(reading(1.0, &[("a", 2.0)], &[("a", 160.0)]), Phase::Before, at(300));
    // It begins again, at zero.
    ledger.read(reading(500.0, &[("a", 4.0)], &[("a", 40.0)]), Phase::Before, at(600));
    assert_eq!((increase(&ledger), ledger.values.restarts), (0.0, Some(0)));
    ledger.read(reading(500.0, &[("a", 5.0)], &[("a", 46.0)]), Phase::During, at(602));
    assert_eq!((increase(&ledger), ledger.values.restarts), (6.0, Some(0)));
    let Some(ObservedValue::Counter(Some(counter))) = ledger.values.metric("errors") else { panic!("{ledger:?}") };
    assert_eq!((counter.time, counter.rate()), (Duration::from_secs(2), 3.0));
    assert_eq!((gauge(&ledger).before, gauge(&ledger).min, gauge(&ledger).max), (Some(4.0), 4.0, 5.0));
}

#[test]
fn what_was_never_said_stays_unknown_and_a_known_counter_without_series_stands_at_zero() {
    let (mut ledger, now) = (ledger(), Instant::now());
    let unknown = Reading { metrics: vec![MetricReading::default(); 2], ..Reading::default() };
    ledger.read(unknown.clone(), Phase::Before, now);
    assert_eq!(ledger.values.metric("memory"), Some(ObservedValue::Gauge(None)));
    assert_eq!(ledger.values.metric("errors"), Some(ObservedValue::Counter(None)));
    assert_eq!(ledger.values.restarts, None, "nothing tells of restarts");
    let known = MetricReading { known: true, ..MetricReading::default() };
    ledger.read(
        Reading { metrics: vec![known.clone(), known], ..unknown },
        Phase::During,
        now + Duration::from_secs(9),
    );
    assert_eq!(ledger.values.metric("memory"), Some(ObservedValue::Gauge(None)));
    assert_eq!(increase(&ledger), 0.0);
    assert_eq!(ledger.values.metric("other"), None);
}

#[test]
fn a_counter_that_appears_later_has_grown_from_zero_and_one_that_was_missing_goes_on() {
    let (mut ledger, mut now) = (ledger(), Instant::now());
    for (errors, expected) in [
        (&[("a", 100.0)][..], 0.0),
        (&[("a", 101.0), ("b", 5.0)], 6.0),
        (&[("b", 6.0)], 7.0),
        (&[("a", 103.0), ("b", 6.0)], 9.0),
    ] {
        now = now + Duration::from_secs(2);
        ledger.read(reading(1.0, &[], errors), Phase::During, now);
        assert_eq!(increase(&ledger), expected, "{errors:?}");
    }
    assert_eq!(ledger.values.restarts, Some(0));
    let Some(ObservedValue::Counter(Some(counter))) = ledger.values.metric("errors") else { panic!() };
    assert_eq!(counter.rate(), 1.5, "9 in 6 s");
}

#[test]
fn a_restart_is_known_by_the_start_or_by_a_counter_that_went_back() {
    let (mut ledger, mut now) = (ledger(), Instant::now());
    for (start, errors, restarts, expected) in [
        (1000.0, 50.0, 0, 0.0),
        (1000.4, 51.0, 0, 1.0),
        // The new process has counted more than the old one had.
        (1060.0, 60.0, 1, 61.0),
        (1060.0, 2.0, 2, 63.0),
        (1060.0, 2.0, 2, 63.0),
        (1061.5, 0.0, 3, 63.0),
    ] {
        now = now + Duration::from_secs(1);
        ledger.read(reading(start, &[], &[("a", errors)]), Phase::During, now);
        assert_eq!((ledger.values.restarts, increase(&ledger)), (Some(restarts), expected), "{start} {errors}");
    }
}

#[test]
fn a_series_that_the_new_process_shows_later_is_no_second_restart() {
    for start in [1000.0, 1.0] {
        let (mut ledger, now) = (ledger(), Instant::now());
        let mut read = |second, start, errors: &[(&str, f64)]| {
            ledger.read(reading(start, &[], errors), Phase::During, now + Duration::from_secs(second));
            (ledger.values.restarts, increase(&ledger))
        };
        read(0, 1.0, &[("a", 50.0), ("b", 9.0)]);
        // Known by the start, or by `b` alone.
        assert_eq!(read(1, start, &[("b", 1.0)]), (Some(1), 1.0));
        assert_eq!(read(2, start, &[("a", 2.0), ("b", 1.0)]), (Some(1), 3.0));
    }
}

#[test]
fn failures_are_counted_by_reason_and_change_no_value() {
    let (mut ledger, now) = (ledger(), Instant::now());
    ledger.fail(ScrapeFailure::Refused, Phase::Before);
    assert_eq!(ledger.values.up.map(|up| up.value), Some(0.0));
    ledger.read(reading(1.0, &[("a", 1.0)], &[("a", 7.0)]), Phase::During, now);
    ledger.fail(ScrapeFailure::Refused, Phase::During);
    ledger.fail(ScrapeFailure::Page, Phase::After);
    ledger.read(reading(1.0, &[("a", 1.0)], &[("a", 8.0)]), Phase::After, now + Duration::from_secs(1));
    assert_eq!(ledger.values.failures, BTreeMap::from([(ScrapeFailure::Refused, 2), (ScrapeFailure::Page, 1)]));
    let up = ledger.values.up.unwrap();
    assert_eq!((up.before, up.min, up.max, up.after), (Some(0.0), 0.0, 1.0, Some(1.0)));
    assert_eq!((ledger.values.scrapes, ledger.values.failed(), increase(&ledger)), (5, 3, 1.0));
    assert_eq!(gauge(&ledger).before, None, "without a baseline there is no ratio");
}

#[test]
fn labels_of_failures_are_distinct_and_find_their_reason() {
    for reason in ScrapeFailure::ALL {
        assert_eq!(ScrapeFailure::of_label(reason.label()), *reason);
    }
    assert_eq!(ScrapeFailure::of_label("no_local_port"), ScrapeFailure::Other);
    let page = std::fs::read_to_string("docs/metrics.md").unwrap();
    let section = page.split("### ").find(|section| section.starts_with("`reason` of `target_scrape_failures_total`"));
    for reason in ScrapeFailure::ALL {
        assert!(section.unwrap().contains(&format!("`{}`", reason.label())), "{reason:?}");
    }
}

proptest! {
    /// A process counts, restarts and is looked at; what can be known is the sum over its lives of what each had at
    /// the last look, less what the first had at the first.
    #[test]
    fn an_increase_is_what_the_looks_can_know(steps in proptest::collection::vec((0_u32..4, any::<bool>(), any::<bool>()), 1..60)) {
        let (mut ledger, mut now) = (ledger(), Instant::now());
        let (mut life, mut count) = (0_u32, 3_u32);
        let mut looks: Vec<(u32, u32)> = Vec::new();
        for (grown, restarts, looked) in steps {
            if restarts {
                life += 1;
                count = 0;
            }
            count += grown;
            if looked {
                now = now + Duration::from_secs(1);
                let start = f64::from(life) * 10.0;
                ledger.read(reading(start, &[], &[("a", f64::from(count))]), Phase::During, now);
                looks.push((life, count));
            }
        }
        let mut last_of_life = BTreeMap::new();
        looks.iter().for_each(|(life, count)| { last_of_life.insert(*life, *count); });
        let Some((_, first)) = looks.first() else { return Ok(()) };
        let expected: u32 = last_of_life.values().sum::<u32>() - first;
        prop_assert_eq!(increase(&ledger), f64::from(expected));
        prop_assert_eq!(ledger.values.restarts, Some(last_of_life.len() as u64 - 1));
    }
}
