//! The slots of `http` steps.

use crate::{
    catalogue::Family,
    config::profile::http::Http,
    metrics::{
        recorder::Recorder,
        series::{CounterSlot, Series, SeriesTable, TrendSlot},
    },
    protocol::{
        failure::request::RequestFailure,
        http::{ConnectionSlots, Phases},
    },
    units::tags::Tags,
};

/// Statuses with a label value of their own, sorted: RFC 9110 and its registry. Any other counts as `other`.
const STATUSES: [u16; 61] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400,
    401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 425, 426,
    428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
];

/// Slots of one `http` step.
#[derive(Debug, Clone)]
pub struct RequestSlots {
    /// One for no response, one for each of [`STATUSES`], two for any other: not expected, and expected.
    requests: CounterSlot,
    failures: CounterSlot,
    /// Not expected, and expected.
    duration: [TrendSlot; 2],
    blocked: TrendSlot,
    connecting: TrendSlot,
    tls_handshaking: TrendSlot,
    sending: TrendSlot,
    waiting: TrendSlot,
    receiving: TrendSlot,
    /// Cut requests.
    pub interrupted: CounterSlot,
    /// Its connections.
    pub connections: ConnectionSlots,
    /// In the order of their names.
    checks: Vec<CounterSlot>,
}

impl RequestSlots {
    /// Makes the slots of `request` in a scenario with the labels `scenario`.
    pub(super) fn new(table: &mut SeriesTable, scenario: &Tags, request: &Http) -> Self {
        let mut labels = scenario.clone();
        labels.extend(request.tags.clone());
        let hidden =
            [("group", ""), ("method", request.method.name()), ("url", &request.url.display), ("name", &request.name)]
                .map(|(tag, value)| (tag.to_owned(), value.to_owned()));
        let hidden = Tags::from(hidden);
        let series = |family| Series { family, labels: labels.clone(), hidden: hidden.clone(), always: true };
        let duration = [false, true].map(|expected| {
            let mut series = series(Family::HttpReqDuration);
            series.labels.insert("expected_response".to_owned(), expected.to_string());
            series.always = expected;
            table.trend(series)
        });
        let mut check = |name: String| {
            let mut series = series(Family::Checks);
            series.labels.insert("check".to_owned(), name);
            table.counter_block(&series, "result", ["pass", "fail"], |_| true)
        };
        let checks = request.expect.names().map(&mut check).collect();
        Self {
            requests: requests(table, &series(Family::HttpReqs), request),
            failures: table.counter_block(
                &series(Family::HttpReqFailures),
                "reason",
                RequestFailure::ALL.iter().map(|reason| reason.label()),
                |_| true,
            ),
            duration,
            blocked: table.trend(series(Family::HttpReqBlocked)),
            connecting: table.trend(series(Family::HttpReqConnecting)),
            tls_handshaking: table.trend(series(Family::HttpReqTlsHandshaking)),
            sending: table.trend(series(Family::HttpReqSending)),
            waiting: table.trend(series(Family::HttpReqWaiting)),
            receiving: table.trend(series(Family::HttpReqReceiving)),
            interrupted: table.counter(series(Family::HttpReqsInterrupted)),
            connections: ConnectionSlots {
                opened: table.counter(series(Family::HttpConnections)),
                open: table.gauge(series(Family::HttpOpen)),
                retries: table.counter(series(Family::HttpReqRetries)),
            },
            checks,
        }
    }

    /// Counts a request with a response of `status`.
    pub fn answered(&self, recorder: &Recorder, status: u16, expected: bool) {
        let place = match STATUSES.binary_search(&status) {
            Ok(index) => 1 + index,
            Err(_) => 1 + STATUSES.len() + usize::from(expected),
        };
        recorder.add(self.requests.offset(place), 1);
        if !expected {
            recorder.add(self.failures.offset(RequestFailure::Status.index()), 1);
        }
    }

    /// Counts a request without a response.
    pub fn failed(&self, recorder: &Recorder, reason: RequestFailure) {
        recorder.add(self.requests, 1);
        recorder.add(self.failures.offset(reason.index()), 1);
    }

    /// Records a request's phases.
    pub fn record(&self, recorder: &Recorder, phases: &Phases, expected: bool) {
        let end = phases.ended;
        recorder.record(self.duration[usize::from(expected)], phases.duration(), end);
        recorder.record(self.blocked, phases.blocked, end);
        recorder.record(self.connecting, phases.connecting, end);
        recorder.record(self.tls_handshaking, phases.tls_handshaking, end);
        recorder.record(self.sending, phases.sending, end);
        recorder.record(self.waiting, phases.waiting, end);
        recorder.record(self.receiving, phases.receiving, end);
    }

    /// Counts the check at `place` in the order of their names.
    pub fn check(&self, recorder: &Recorder, place: usize, passed: bool) {
        if let Some(slot) = self.checks.get(place) {
            recorder.add(slot.offset(usize::from(!passed)), 1);
        }
    }

    /// Counts every check as failed: there is no response.
    pub fn fail_checks(&self, recorder: &Recorder) {
        (0..self.checks.len()).for_each(|place| self.check(recorder, place, false));
    }
}

/// The block of counters by status; each says by a hidden tag whether its requests failed.
fn requests(table: &mut SeriesTable, series: &Series, request: &Http) -> CounterSlot {
    let mut one = |status: String, expected: bool, always: bool| {
        let mut series = series.clone();
        for (label, value) in [("method", request.method.name()), ("name", &request.name), ("status", &status)] {
            series.hidden.remove(label);
            series.labels.insert(label.to_owned(), value.to_owned());
        }
        series.hidden.insert("expected_response".to_owned(), expected.to_string());
        series.always = always;
        table.counter(series)
    };
    let first = one("0".to_owned(), false, true);
    for status in STATUSES {
        one(status.to_string(), request.expected.contains(status), status == 200);
    }
    one("other".to_owned(), false, false);
    one("other".to_owned(), true, false);
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Instant,
        config::{
            profile::{Target, http::Statuses},
            template::Template,
        },
    };
    use std::sync::Arc;

    fn request() -> Http {
        let path_and_query = Template::literal("/");
        let url = Target { secure: false, host: "h".into(), port: 80, path_and_query, display: "http://h/".into() };
        Http { expected: Statuses(vec![200..=204, 499..=550]), ..Http::get(url) }
    }

    #[test]
    fn every_status_is_counted_where_its_labels_say() {
        let mut table = SeriesTable::new(Tags::new(), &[]);
        let request = request();
        let slots = RequestSlots::new(&mut table, &Tags::new(), &request);
        let table = Arc::new(table);
        for status in 100..=999 {
            let recorder = Recorder::new(&table, Instant::now(), None);
            let expected = request.expected.contains(status);
            slots.answered(&recorder, status, expected);
            let snapshot = recorder.snapshot();
            let counted = table.counters.iter().zip(snapshot.counters()).filter(|(_, count)| **count > 0);
            let (requests, failures): (Vec<_>, Vec<_>) =
                counted.map(|(series, _)| series).partition(|series| series.family == Family::HttpReqs);
            let [series] = requests.as_slice() else { panic!("{status}: {requests:?}") };
            let label = &series.labels["status"];
            assert!(*label == status.to_string() || label == "other" && STATUSES.binary_search(&status).is_err());
            assert!(series.has("expected_response", &expected.to_string()), "{status}: {series:?}");
            assert_eq!(failures.len(), usize::from(!expected), "{status}");
        }
    }

    #[test]
    fn statuses_are_sorted_for_the_search() {
        assert!(STATUSES.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
