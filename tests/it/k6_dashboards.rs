//! Dashboards that were made for k6 have data: every query of grafana.com 19665 and 18030, asked of a real Prometheus
//! during a real run with `metrics: { compat: k6 }`.

use std::time::Duration;

use crate::support::{
    agent::rampd,
    nginx::Nginx,
    poll,
    prometheus::{Setup, Version, free_port, on_each_version},
    scratch::Scratch,
};

const PROFILE: &str = r#"
metrics: { compat: k6 }
vus: 3
duration: 60s
flow:
  - http: { url: "${TARGET}/ok", expect: { status: 200 } }
  - http: { url: "${TARGET}/broken", name: broken }
  - sleep: 20ms
"#;

/// Queries with the dashboards' variables: `T` for the adhoc filter on `testid`, `R` for `$__rate_interval`.
const BOTH: &[&str] = &[
    "sum(k6_vus{T})",
    "sum(irate(k6_http_reqs_total{T}[R]))",
    "sum(k6_http_reqs_total{T})",
    r#"sum(irate(k6_http_reqs_total{T,expected_response="true"}[R]))"#,
    r#"sum(irate(k6_http_reqs_total{T,expected_response="false"}[R]))"#,
    r#"sum(k6_http_reqs_total{T,expected_response="false"})"#,
    "avg(round(k6_http_req_failed_rate{T},0.1)*100)",
    "avg(k6_dropped_iterations_total{T})",
    "avg(irate(k6_data_sent_total{T}[R]))",
    "avg(irate(k6_data_received_total{T}[R]))",
    "sum(k6_data_sent_total{T})",
    "sum(k6_data_received_total{T})",
    "round(k6_checks_rate{T},0.1)",
    "avg(k6_checks_rate{T})",
];

/// 19665, `k6-prometheus.json`: `S` stands for `$quantile_stat`, and each of its values is asked for.
const STATISTICS: &[&str] = &[
    "avg(k6_http_req_duration_S{T})",
    "avg(k6_http_req_blocked_S{T})",
    "avg(k6_http_req_tls_handshaking_S{T})",
    "avg(k6_http_req_sending_S{T})",
    "avg(k6_http_req_waiting_S{T})",
    "avg(k6_http_req_receiving_S{T})",
    "avg(k6_iteration_duration_S{T})",
    "avg by(name,method,status) (k6_http_req_duration_S{T})",
    r#"avg by(name,method,status) (k6_http_req_duration_S{T,expected_response="true"})"#,
];
const STATS: [&str; 7] = ["avg", "min", "med", "max", "p90", "p95", "p99"];

/// 18030, `k6-prometheus-native-histogram.json`: `X` of
/// `histogram_quantile($quantile, sum by(le) (rate(X[$__rate_interval])))`.
const NATIVE: &[&str] = &[
    "k6_http_req_duration_seconds{T}",
    r#"k6_http_req_duration_seconds{T,expected_response="true"}"#,
    "k6_http_req_blocked_seconds{T}",
    "k6_http_req_tls_handshaking_seconds{T}",
    "k6_http_req_sending_seconds{T}",
    "k6_http_req_waiting_seconds{T}",
    "k6_http_req_receiving_seconds{T}",
    "k6_iteration_duration_seconds{T}",
];

fn queries() -> Vec<String> {
    let of =
        |stat: &str| STATISTICS.iter().map(|query| query.replace("_S{", &format!("_{stat}{{"))).collect::<Vec<_>>();
    let statistics = STATS.iter().flat_map(|stat| of(stat));
    let native = NATIVE.iter().flat_map(|series| {
        let quantile = |share: &str| format!("histogram_quantile({share}, sum by(le) (rate({series}[R])))");
        [quantile("0.99"), quantile("0.5")]
    });
    let all = BOTH.iter().map(|query| (*query).to_owned()).chain(statistics).chain(native);
    all.map(|query| query.replace("{T", "{testid=~\"for-k6\"").replace("[R]", "[4s]")).collect()
}

#[test]
fn every_query_of_k6s_dashboards_has_an_answer() {
    on_each_version(every_query_has_an_answer);
}

fn every_query_has_an_answer(version: Version) {
    let scratch = Scratch::new();
    let nginx = Nginx::start(
        "keepalive_requests 1000000; location = /ok { return 200 'ok'; } location = /broken { return 500 'broken'; }",
        &[],
    );
    let port = free_port();
    let prometheus = Setup::new(version, scratch.directory(), "500ms").with_native_histograms().start(&[port]);
    // Killed once everything is answered: a run that goes on is what a dashboard is looked at for.
    let mut agent = rampd(["run"])
        .arg(scratch.write("profile.yaml", PROFILE))
        .args(["--listen", &format!("127.0.0.1:{port}"), "--testid", "for-k6", "--on-invalid", "warn"])
        .args(["-e", &format!("TARGET={}", nginx.url())])
        .start();
    agent.scrape_until("requests", |page| page.sum("http_reqs_total", &[]) > 0.0);

    let mut unanswered = queries();
    assert_eq!(unanswered.len(), BOTH.len() + STATISTICS.len() * STATS.len() + NATIVE.len() * 2);
    let answered = poll(Duration::from_secs(25), || {
        unanswered.retain(|query| {
            let answer = prometheus.query(query);
            answer.is_empty() || answer.iter().any(|(_, value)| !value.is_finite())
        });
        unanswered.is_empty().then_some(())
    });
    assert!(answered.is_some(), "no data for {unanswered:#?}\n{}", prometheus.describe());

    // The table of requests has a row for each step, and the list of the variable `testid` is not empty.
    let rows = prometheus.query("avg by(name,method,status) (k6_http_req_duration_p95{testid=~\"for-k6\"})");
    let named = |name: &str| rows.iter().any(|(labels, _)| labels["name"] == name && labels["method"] == "GET");
    assert!(rows.len() == 2 && named("broken"), "{rows:?}");
    let failed = prometheus.query("avg(round(k6_http_req_failed_rate{testid=~\"for-k6\"},0.1)*100)");
    assert_eq!(failed.first().map(|(_, value)| *value), Some(50.0), "one of two steps always fails");
}
