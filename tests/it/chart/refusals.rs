//! Values that make no sense are refused before anything is created, in words that say what to change.

use super::render::{chart, example, helm, template};
use crate::support::scratch::Scratch;

const PROFILE: &str = "profile: { vus: 1, duration: 1s, flow: [{ sleep: 1s }] }\n";

#[test]
fn what_is_wrong_is_named() {
    let scratch = Scratch::new();
    for (values, said) in [
        ("parallelism: 1\n", &["no profile", "--set-file profileFile=FILE"][..]),
        ("profileFile: 'vus: 1'\nexistingConfigMap: { name: x }\n", &["more than one profile"]),
        ("profile: { vus: 1, duratoin: 1s, flow: [{ sleep: 1s }] }\n", &["'/profile'", "'duratoin' not allowed"]),
        ("profile: { vus: many, duration: 1s, flow: [{ sleep: 1s }] }\n", &["'/profile/vus'"]),
        (
            "profile: { vus: 1, duration: 1s, flow: [{ websocket: { url: 'ws://x/', steps: [{ on: { socket: a, steps: [] } }] } }] }\n",
            &["'/profile/flow", "'true' not allowed"],
        ),
        ("paralelism: 2\n", &["'paralelism' not allowed"]),
        ("parallelism: 0\n", &["'/parallelism'", "minimum"]),
        ("parallelism: two\n", &["'/parallelism'", "want integer"]),
        ("mode: daemon\n", &["'/mode'", "'job', 'cronjob', 'deployment'"]),
        ("image: { digest: latest }\n", &["'/image/digest'"]),
        ("linger: soon\n", &["'/linger'"]),
        ("startAt: tomorrow\n", &["'/startAt'"]),
        ("terminationGracePeriodSeconds: 5\n", &["'/terminationGracePeriodSeconds'", "minimum"]),
        ("linger: 2m\n", &["too short for linger 2m", "131 s"]),
        ("parallelism: 2\nlinger: 1m\n", &["too short for linger 1m", "106 s"]),
        ("profileSources: {}\n", &["'/profileSources'"]),
        ("files: { ../secret: x }\n", &["invalid propertyName '../secret'"]),
        ("files: { /etc/passwd: x }\n", &["invalid propertyName '/etc/passwd'"]),
        ("verdict: { prometheus: prometheus:9090 }\n", &["'/verdict/prometheus'"]),
        ("mode: cronjob\n", &["cronjob.schedule"]),
        ("mode: cronjob\ncronjob: { schedule: '@daily' }\ntestid: one\n", &["could not be told apart"]),
        (
            "mode: cronjob\ncronjob: { schedule: '@daily' }\nstartAt: '2026-12-01T03:00:00Z'\n",
            &["the schedule says when"],
        ),
        (
            "mode: cronjob\ncronjob: { schedule: '@daily' }\nverdict: { prometheus: 'http://prometheus' }\n",
            &["name it with verdict.testid"],
        ),
        ("mode: deployment\nparallelism: 2\n", &["only the pods of a Job have numbers"]),
        ("mode: deployment\ndeadlineSeconds: 60\n", &["it has no end"]),
        ("spread: required\ntopologySpreadConstraints: [{ maxSkew: 1 }]\n", &["leave one out"]),
    ] {
        let whole =
            if values.contains("profile") || said[0] == "no profile" { String::new() } else { PROFILE.to_owned() };
        let path = scratch.write("values.yaml", &(whole + values));
        let output = template(&path, &[]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "accepted: {values}");
        for part in said {
            assert!(error.contains(part), "{values}: no {part:?} in\n{error}");
        }
    }
}

#[test]
fn a_release_whose_name_no_service_may_have_is_refused() {
    let (chart, values) = (chart(), example("minimal"));
    let paths = [chart.to_str().expect("UTF-8"), "-f", values.to_str().expect("UTF-8")];
    let named = |options: &[&str]| helm(&[&["template", "5k-sockets"], &paths[..], options].concat());
    let refused = named(&[]);
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(error.contains("\"5k-sockets-rampd\"") && error.contains("begin with a letter"), "{error}");
    assert!(named(&["--set", "fullnameOverride=sockets"]).status.success());
}

#[test]
fn an_older_kubernetes_is_refused() {
    let refused = template(&example("minimal"), &["--kube-version", "1.28"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains(">=1.29.0-0"), "{refused:?}");
    assert!(template(&example("minimal"), &["--kube-version", "1.29"]).status.success());
}
