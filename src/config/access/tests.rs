use crate::config::{
    environment::Environment, load, overrides::Overrides, problem::Report, profile::Profile, source::Source,
};

/// Every key that names a file, with one that is there: of the repository's own bad profiles and its tests.
const FILES: [(&str, &str); 8] = [
    ("tags.t", "tags: { t: '${file:Cargo.toml}' }"),
    ("tls.caFile", "tls: { caFile: tests/config_errors/ca.pem }"),
    ("tls.certFile", "tls: { certFile: tests/config_errors/client.pem, keyFile: tests/config_errors/client.key }"),
    ("data.users", "data: { users: { file: tests/config_errors/data/users.csv } }"),
    ("flow[0].http.file", "flow: [{ http: { url: 'http://h/', method: POST, file: Cargo.toml } }]"),
    ("flow[0].http.multipart.x", "flow: [{ http: { url: 'http://h/', multipart: { x: { file: Cargo.toml } } } }]"),
    (
        "flow[0].websocket.steps[0].send.file",
        "flow: [{ websocket: { url: 'ws://h/', steps: [{ send: { file: Cargo.toml } }] } }]",
    ),
    (
        "flow[0].websocket.steps[0].send.text",
        "flow: [{ websocket: { url: 'ws://h/', steps: [{ send: { text: '${file:Cargo.toml}' } }] } }]",
    ),
];

fn text(keys: &str) -> String {
    let flow = if keys.starts_with("flow:") { "" } else { "\nflow: [{ sleep: 1s }]" };
    format!("duration: 1s\n{keys}{flow}\n")
}

fn read(source: Result<Source, Report>, environment: &Environment) -> Result<Profile, Report> {
    load(&source?, environment, &Overrides::default())
}

fn own(keys: &str, environment: &Environment) -> Result<Profile, Report> {
    read(Source::from_bytes("p.yaml", text(keys).into_bytes()), environment)
}

fn sent(keys: &str, environment: &Environment) -> Result<Profile, Report> {
    read(Source::sent(text(keys).into_bytes()), environment)
}

#[test]
fn a_profile_that_is_sent_reads_no_file_by_any_key() {
    for (place, keys) in FILES {
        if let Err(report) = own(keys, &Environment::default()) {
            panic!("{keys}: {report}");
        }
        let report = sent(keys, &Environment::default()).unwrap_err();
        assert!(!report.problems.is_empty());
        for problem in report.problems {
            assert_eq!(problem.message, "a profile that is sent reads no files of this machine", "{keys}");
            assert!(problem.path.starts_with(place) || problem.path == "tls.keyFile", "{keys}: {}", problem.path);
        }
    }
}

#[test]
fn whether_a_file_is_there_is_not_told_to_who_sent_the_profile() {
    for keys in FILES.map(|(_, keys)| keys) {
        let told = |keys: &str| sent(keys, &Environment::default()).unwrap_err().to_string();
        let nowhere = keys.replace("Cargo.toml", "absent.txt").replace("tests/config_errors/", "tests/config_absent/");
        assert_eq!(told(keys), told(&nowhere), "{keys}");
    }
}

#[test]
fn a_profile_that_is_sent_sees_what_was_given_and_nothing_of_the_process() {
    let mut environment = Environment::of_process();
    assert!(environment.get("PATH").is_some(), "cargo needs one");
    environment.set("GIVEN", "given");
    environment.request("REQUESTED", "requested");
    let keys = "name: '${PATH:-none}-${GIVEN}-${REQUESTED}'";
    assert_eq!(sent(keys, &environment).unwrap().name, "none-given-requested");
    assert_ne!(own(keys, &environment).unwrap().name, "none-given-requested");
    let report = sent("name: '${PATH}'", &environment).unwrap_err().to_string();
    assert!(report.contains("the variable `PATH` is not set"), "{report}");
}

#[test]
fn proxies_of_the_process_are_not_those_of_a_profile_that_is_sent() {
    let mut environment = Environment::default();
    environment.set("HTTP_PROXY", "http://given:1");
    assert!(sent("name: x", &environment).unwrap().network.proxies.plain.is_some());
    assert_eq!(sent("name: x", &Environment::of_process()).unwrap().network.proxies.plain, None);
}

#[test]
fn a_variable_of_a_request_names_no_file_of_the_operators_profile_either() {
    let mut environment = Environment::default();
    environment.request("FILE", "Cargo.toml");
    let flow = |file: &str| format!("flow: [{{ http: {{ url: 'http://h/', method: POST, file: '{file}' }} }}]");
    for keys in [
        flow("${FILE}"),
        flow("./${FILE:-x}"),
        format!("env: {{ BY_WAY_OF: '${{FILE}}' }}\n{}", flow("${BY_WAY_OF}")),
        format!(
            "scenarios: {{ s: {{ executor: constant-vus, vus: 1, duration: 1s, env: {{ OWN: '${{FILE}}' }} }} }}\n{}",
            flow("${OWN}")
        )
        .replace("duration: 1s\nscenarios", "scenarios"),
    ] {
        let whole = if keys.starts_with("scenarios") { keys.clone() } else { format!("duration: 1s\n{keys}\n") };
        let report = read(Source::from_bytes("p.yaml", whole.clone().into_bytes()), &environment).unwrap_err();
        let messages: Vec<_> = report.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, ["a variable of a request names no file"], "{whole}");
        let operators: Environment = [("FILE", "Cargo.toml")].into_iter().collect();
        assert!(read(Source::from_bytes("p.yaml", whole.into_bytes()), &operators).is_ok());
    }
    // Its own default is the profile's own choice.
    environment.request("EMPTY", "");
    assert!(own(&flow("${EMPTY:-Cargo.toml}"), &environment).is_ok());
}
