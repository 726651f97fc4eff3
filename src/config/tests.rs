//! A whole load: good profiles, one bad fixture per rule, and texts nobody would write.

use std::{fs, path::Path, time::Duration};

use proptest::prelude::*;

use crate::config::{
    environment::Environment,
    load,
    overrides::Overrides,
    problem::Report,
    profile::{Executor, Profile, Sleep, SocketStep, Stage, Step, Timeouts, WebSocket, socket::Message},
    source::Source,
    template::Values,
};

mod executors;
mod http;
mod values;

fn load_text(text: &str, overrides: &Overrides) -> Result<Profile, Report> {
    let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec())?;
    load(&source, &Environment::default(), overrides)
}

fn good(text: &str) -> Profile {
    super::schema::tests::assert_valid("a profile of a test", text);
    load_text(text, &Overrides::default()).unwrap_or_else(|report| panic!("{report}"))
}

fn bad(text: &str, overrides: &Overrides) -> String {
    load_text(text, overrides).unwrap_err().to_string()
}

fn stage(seconds: u64, target: u32) -> Stage {
    Stage { duration: Duration::from_secs(seconds), target }
}

fn ramp(start_vus: u32, stages: &[Stage]) -> Executor {
    Executor::RampingVus { start_vus, stages: stages.to_vec(), graceful_ramp_down: Duration::from_secs(30) }
}

fn socket(step: &Step) -> &WebSocket {
    match step {
        Step::WebSocket(socket) => socket,
        other => panic!("{other:?}"),
    }
}

fn messages(steps: &[SocketStep]) -> Vec<String> {
    let mut all = Vec::new();
    for step in steps {
        match step {
            SocketStep::Send(send) => {
                let mut out = String::new();
                let Message::Text(template) = &send.message else { continue };
                template.render(&Values { vu: 1, index: 5, ..Values::default() }, &mut out).unwrap();
                all.push(out);
            }
            SocketStep::Repeat { steps, .. } => all.extend(messages(steps)),
            _ => {}
        }
    }
    all
}

const FLOW: &str = "flow: [{ sleep: 1s }]\n";

#[test]
fn every_bad_fixture_is_reported_as_its_snapshot_says() {
    let folder = Path::new("tests/config_errors");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(paths.len() > 70, "fixtures are missing: {}", paths.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/config_errors/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in paths {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let (source, environment) = if name.starts_with("sent-") {
                (Source::sent(fs::read(&path).unwrap()), Environment::of_process())
            } else {
                (Source::read(&path), Environment::default())
            };
            let loaded = source.and_then(|source| load(&source, &environment, &Overrides::default()));
            let report = match loaded {
                Err(report) => report.to_string(),
                Ok(_) => panic!("{} is accepted", path.display()),
            };
            insta::assert_snapshot!(name, report);
        }
    });
}

#[test]
fn the_seeds_profile_is_read_to_the_letter() {
    let source = Source::read(Path::new("config/quantum-ws.yaml")).unwrap();
    let profile =
        load(&source, &Environment::default(), &Overrides::default()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(profile.name, "quantum-ws");
    let [scenario] = profile.scenarios.as_slice() else { panic!("{:?}", profile.scenarios) };
    assert_eq!(scenario.name, "default");
    assert_eq!(scenario.executor, ramp(1, &[stage(30, 100), stage(60, 2000), stage(60, 0)]));
    assert_eq!(scenario.graceful_stop, Duration::from_secs(30));
    let socket = socket(&scenario.flow[0]);
    assert_eq!(socket.url.display, "wss://quantum.example.com/ws");
    assert_eq!((socket.url.secure, socket.url.port, socket.url.host.as_str()), (true, 443, "quantum.example.com"));
    assert_eq!(socket.timeouts, Timeouts::default());
    assert!(matches!(
        socket.steps.as_slice(),
        [SocketStep::Repeat { times: 100, .. }, SocketStep::Hold { duration: None }]
    ));
    assert_eq!(messages(&socket.steps), [r#"{"op":"test","payload":5}"#]);
    let thresholds: Vec<_> =
        profile.thresholds.iter().map(|threshold| format!("{} {}", threshold.name, threshold.source)).collect();
    assert_eq!(
        thresholds,
        ["ws_connecting p(99)<200", "ws_msg_rtt p(99)<200", "ws_msgs_sent count>10000", "checks rate>0.99"]
    );
}

#[test]
fn the_seeds_url_comes_from_the_environment() {
    let source = Source::read(Path::new("config/quantum-ws.yaml")).unwrap();
    let environment = [("QUANTUM_WS_URL", "ws://[::1]:8080?room={{ vu }}&token=s3cret")].into_iter().collect();
    let profile = load(&source, &environment, &Overrides::default()).unwrap_or_else(|report| panic!("{report}"));
    let url = &socket(&profile.scenarios[0].flow[0]).url;
    assert_eq!(
        (url.secure, url.port, url.host.as_str(), url.display.as_str()),
        (false, 8080, "::1", "ws://[::1]:8080/")
    );
    let mut sent = String::new();
    url.path_and_query.render(&Values { vu: 3, ..Values::default() }, &mut sent).unwrap();
    assert_eq!(sent, "/?room=3&token=s3cret");
}

#[test]
fn a_k6_options_object_pastes_in_as_it_is() {
    let profile = good(
        r#"{
        "insecureSkipTLSVerify": true,
        "summaryTrendStats": ["avg", "p(99.9)", "count"],
        "tags": { "team": "a", "build": 7, "nightly": true },
        "vus": null, "duration": null,
        "scenarios": {
            "ramp_1": { "executor": "ramping-vus", "startVUs": 0, "gracefulRampDown": "0s", "startTime": 5000,
                        "stages": [{ "duration": "1m30s", "target": 20 }, { "duration": 10000, "target": 0 }],
                        "tags": { "part": "one" } },
            "flat": { "executor": "constant-vus", "vus": 5, "duration": "1m", "gracefulStop": "2s" }
        },
        "thresholds": {
            "ws_connecting{scenario:flat}": ["p(95)<500", { "threshold": "avg<100", "abortOnFail": true, "delayAbortEval": "10s" }],
            "checks": [{ "threshold": "rate>0.9", "allowEmpty": true }],
            "ws_msgs_sent": "count>1"
        },
        "flow": [{ "sleep": { "min": "1s", "max": 2500 } }]
    }"#,
    );
    assert!(profile.tls.insecure_skip_verify);
    assert_eq!(profile.tags.get("build").map(String::as_str), Some("7"));
    assert_eq!(profile.tags.get("nightly").map(String::as_str), Some("true"));
    let [first, second] = profile.scenarios.as_slice() else { panic!() };
    let expected = Executor::RampingVus {
        start_vus: 0,
        stages: vec![stage(90, 20), stage(10, 0)],
        graceful_ramp_down: Duration::ZERO,
    };
    assert_eq!((&first.executor, first.start_time), (&expected, Duration::from_secs(5)));
    assert_eq!(second.executor, Executor::ConstantVus { vus: 5, duration: Duration::from_secs(60) });
    assert_eq!(second.graceful_stop, Duration::from_secs(2));
    assert!(
        matches!(first.flow[0], Step::Sleep(Sleep { min, max }) if min.as_millis() == 1000 && max.as_millis() == 2500)
    );
    assert_eq!(profile.thresholds.len(), 4);
    assert!(profile.thresholds[1].abort_on_fail && profile.thresholds[1].delay_abort_eval == Duration::from_secs(10));
    assert!(profile.thresholds[2].allow_empty);
    assert_eq!(profile.thresholds[0].selector, [("scenario".to_owned(), "flat".to_owned())]);
}

#[test]
fn every_form_of_a_socket_step_is_read() {
    let profile = good(
        r#"
stages: [{ duration: 1s, target: 1 }]
flow:
  - websocket:
      url: "WSS://Example.COM:443/a b%20c/é?x=1"
      name: chat
      headers: { Authorization: "Bearer x", X-Vu: "{{ vu }}", X-N: 5 }
      subprotocols: chat.v1
      timeouts: { connect: 1s, upgrade: 2s, write: 3s, close: 4s, reply: 5s }
      maxMessageSize: 64KiB
      steps:
        - send: "ping {{ vu }}"
        - send: { text: "a\\{{", reply: fifo }
        - send: { json: { z: [1, -2, 1.5, true, null, "q\"{{ vu }}\u0001"], a: {}, b: "{{ index }}", "k\"": "\\{{ vu }}" } }
        - send: { json: null }
        - send: { json: text }
        - expect: 2
        - expect: { count: 3, timeout: 1m }
        - sleep: 1s
        - hold: {}
        - hold:
        - hold: 30s
        - hold: { for: 500 }
        - close: {}
        - close: { code: 4000, reason: bye }
"#
        .replace("a b%20c", "a%20c")
        .as_str(),
    );
    let socket = socket(&profile.scenarios[0].flow[0]);
    assert_eq!(socket.url.display, "wss://example.com/a%20c/é");
    assert_eq!(socket.url.path_and_query.constant(), Some("/a%20c/%C3%A9?x=1"));
    assert_eq!(
        (socket.name.as_str(), socket.max_message_size, socket.subprotocols.as_slice()),
        ("chat", 65_536, &["chat.v1".to_owned()][..])
    );
    assert_eq!(
        socket.headers.iter().map(|header| header.name.as_str()).collect::<Vec<_>>(),
        ["Authorization", "X-Vu", "X-N"]
    );
    assert_eq!(socket.timeouts.reply, Duration::from_secs(5));
    assert_eq!(
        messages(&socket.steps),
        [
            "ping 1",
            "a{{",
            r#"{"z":[1,-2,1.5,true,null,"q\"1\u0001"],"a":{},"b":5,"k\"":"{{ vu }}"}"#,
            "null",
            "\"text\""
        ]
    );
    let holds = socket.steps.iter().filter_map(|step| match step {
        SocketStep::Hold { duration } => Some(duration.map(|duration| duration.as_millis())),
        _ => None,
    });
    assert_eq!(holds.collect::<Vec<_>>(), [None, None, Some(30_000), Some(500)]);
    assert!(!format!("{profile:?}").contains("Bearer x"), "header values are secrets");
}

#[test]
fn variables_are_numbers_and_booleans_where_those_are_needed() {
    let profile = good(&format!(
        "env: {{ N: 7, T: 1500, D: 2m, B: true }}\nvus: ${{N}}\nduration: ${{T}}\ninsecureSkipTLSVerify: ${{B}}\n{FLOW}"
    ));
    assert_eq!(profile.scenarios[0].executor, Executor::ConstantVus { vus: 7, duration: Duration::from_millis(1500) });
    assert!(profile.tls.insecure_skip_verify);
}

#[test]
fn a_name_is_the_files_stem_unless_given() {
    assert_eq!(good(&format!("duration: 1s\n{FLOW}")).name, "p");
    assert_eq!(good(&format!("duration: 1s\nname: q\n{FLOW}")).name, "q");
}

#[test]
fn tags_of_the_command_line_win() {
    let tags = vec![("team".to_owned(), "b".to_owned()), ("build".to_owned(), "7".to_owned())];
    let profile =
        load_text(&format!("tags: {{ team: a }}\nduration: 1s\n{FLOW}"), &Overrides { tags, ..Overrides::default() });
    let tags = profile.unwrap().tags;
    assert_eq!((tags["team"].as_str(), tags["build"].as_str()), ("b", "7"));
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_accepted() {
    let text = fs::read_to_string("config/quantum-ws.yaml").unwrap().replace('\n', "\r\n");
    let profile = good(&format!("\u{feff}{text}"));
    assert_eq!(profile.name, "quantum-ws");
    assert!(bad("\u{feff}nmae: x\r\nstages: []\r\nflwo: 1\r\n", &Overrides::default()).contains("p.yaml:3:1 at flwo"));
}

#[test]
fn a_ca_file_is_found_beside_the_profile() {
    let directory = tempfile::tempdir().unwrap();
    fs::copy("tests/config_errors/ca.pem", directory.path().join("ca.pem")).unwrap();
    let path = directory.path().join("p.yaml");
    fs::write(&path, format!("tls: {{ caFile: ca.pem }}\nduration: 1s\n{FLOW}")).unwrap();
    let source = Source::read(&path).unwrap();
    let profile =
        load(&source, &Environment::default(), &Overrides::default()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(profile.tls.ca_file, Some(directory.path().join("ca.pem")));
}

#[test]
fn json_may_be_indented_with_tabs() {
    let text = "{\n\t\"duration\": \"1s\",\n\t\"flow\": [\n\t\t{ \"sleep\": 5 }\n\t]\n}\n";
    assert_eq!(good(text).scenarios.len(), 1);
}

#[test]
fn secrets_are_in_no_message() {
    let places = [
        "stages: [{ duration: X, target: X }]\nvus: X",
        "scenarios: { a: { executor: X } }\nname: ok",
        "flow: [{ websocket: { url: X } }]",
        "flow: [{ websocket: { url: \"ws://X\" } }, { websocket: { url: \"ws://h:X/\" } }, { websocket: { url: \"ws://h/{{X\" } }]",
        "flow: [{ websocket: { url: \"ws://h\", headers: { A: \"{{X}}\" }, subprotocols: [X], maxMessageSize: X } }]",
        "flow: [{ websocket: { url: \"ws://h\", steps: [{ send: { text: \"{{ X }}\", reply: X } }, { send: { json: \"{{X\" } }, { expect: X }, { hold: X }, { close: { code: X } }] } }]",
        "thresholds: { checks: [X, { threshold: X, abortOnFail: X }], ws_connecting: X }\nsummaryTrendStats: [X]",
        "tls: { caFile: X, insecureSkipTLSVerify: X }",
        "flow: [X]\ntags: X\nstages: X",
    ];
    for secret in ["s3cr3t p\u{1}ass", "s3cr3t://s3cr3t"] {
        for place in places {
            let text = place.replace('X', "${SECRET}");
            let text = text.replace(": ${SECRET}", ": \"${SECRET}\"").replace("[${SECRET}", "[\"${SECRET}\"");
            let source = Source::from_bytes("p.yaml", text.clone().into_bytes()).unwrap();
            let environment = [("SECRET", secret)].into_iter().collect();
            let report = load(&source, &environment, &Overrides::default()).unwrap_err().to_string();
            assert!(!report.contains("s3cr3t"), "{text}\n{report}");
            assert!(report.contains("${SECRET}") || place.contains("{{"), "{text}\n{report}");
        }
    }
}

#[test]
fn thousands_of_problems_are_counted_and_some_are_shown() {
    let text = format!("stages: [{{ duration: 1s, target: 1 }}]\nflow: [{}]", "{},".repeat(5_000));
    let report = load_text(&text, &Overrides::default()).unwrap_err();
    assert!(report.problems.len() <= 50 && report.omitted > 4_000, "{} {}", report.problems.len(), report.omitted);
    assert!(report.to_string().contains("are shown"));
}

const WHOLE: &str = r#"
name: whole
tags: { a: b }
env: { HOST: localhost }
scenarios:
  r: { executor: ramping-vus, startTime: 1s, startVUs: 0, stages: [{ duration: 30s, target: 5 }] }
  c: { executor: constant-vus, vus: 2, duration: 1m, flow: [{ sleep: { min: 1s, max: 2s } }] }
flow:
  - websocket:
      url: "ws://${HOST}:80/{{ vu }}?a=b"
      headers: { A: "{{ seq }}" }
      subprotocols: [x]
      timeouts: { reply: 1s }
      steps:
        - repeat: { times: 2, steps: [{ send: { json: { a: "{{ index }}" }, reply: fifo } }] }
        - expect: { count: 2, timeout: 1s }
        - hold: { for: 1s }
        - close: { code: 3000 }
thresholds:
  "ws_connecting{scenario:r}": [{ threshold: "p(99)<200", abortOnFail: true }]
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,200}") {
        let _outcome = load_text(&text, &Overrides::default());
    }

    #[test]
    fn no_yaml_like_text_makes_the_loader_panic(text in "([a-c]: |- |\\{|\\}|\\[|\\]|, |\\n|  |\"|'|&a |\\*a |!x |\\||>|\\? |: |#|~|1|\\$\\{A|\\{\\{|\\}\\}|---|flow|stages|<<){0,60}") {
        let _outcome = load_text(&text, &Overrides::default());
    }

    #[test]
    fn no_bytes_make_the_loader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _outcome = Source::from_bytes("p", bytes).and_then(|source| load(&source, &Environment::default(), &Overrides::default()));
    }

    #[test]
    fn a_changed_profile_is_read_or_reported(at in 0..WHOLE.len(), cut in 0_usize..6, put in "([a-z0-9{}\\[\\],:\"'&*!|>$ \\n-]|null|-1|1e9|9999999999|\\.nan){0,3}") {
        let end = (at + cut).min(WHOLE.len());
        let text = format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]);
        if let Err(report) = load_text(&text, &Overrides::default()) {
            prop_assert!(!report.problems.is_empty());
            for problem in &report.problems {
                prop_assert!(problem.position.is_some(), "{}\n{}", text, report);
            }
        }
    }
}

#[test]
fn the_unchanged_profile_is_good() {
    assert_eq!(good(WHOLE).scenarios.len(), 2);
}
