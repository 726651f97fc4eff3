use std::{fs, path::Path};

use super::*;
use crate::config::{self, environment::Environment, overrides::Overrides, source::Source};

fn rendered(source: &Source, agents: u32, env: &[(String, String)]) -> String {
    let environment: Environment = env.iter().cloned().collect();
    let profile = config::load(source, &environment, &Overrides::default()).unwrap();
    let typed = config::typed(source).unwrap();
    render(&Request {
        profile: &profile,
        typed: &typed,
        origin: source.name(),
        agents,
        env,
        files: &BTreeMap::from([("users.csv".to_owned(), "name\nada\n".to_owned())]),
        missing: &["TOKEN comes from a Secret.".to_owned()],
        data_bytes: 9,
        ports: 40_000,
        linger: Duration::from_secs(45),
        runbooks: rules::RUNBOOKS,
    })
}

fn read(values: &str) -> Value {
    config::typed(&Source::from_bytes("values.yaml", values.as_bytes().to_vec()).unwrap()).unwrap()
}

#[test]
fn the_seeds_profile_for_five_agents() {
    let source = Source::read(Path::new("config/quantum-ws.yaml")).unwrap();
    let env = [("QUANTUM_WS_URL".to_owned(), "wss://staging.example.com/ws".to_owned())];
    insta::assert_snapshot!(rendered(&source, 5, &env));
}

#[test]
fn the_profile_is_the_same_in_the_values() {
    for entry in fs::read_dir("config").unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if !text.lines().any(|line| line.starts_with("flow:") || line.starts_with("scenarios:")) {
            continue;
        }
        let source = Source::read(&path).unwrap();
        let values = read(&rendered(&source, 3, &[]));
        assert_eq!(values["profile"], config::typed(&source).unwrap(), "{}", path.display());
        assert_eq!(values["parallelism"], 3);
    }
}

fn of_text(text: &str, agents: u32) -> Value {
    let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
    read(&rendered(&source, agents, &[]))
}

#[test]
fn the_deadline_covers_everything_that_may_take_time() {
    let load = "vus: 1\nduration: 60s\nflow: [{ sleep: 1s }]\n";
    // 5 min for a node, 60 s and gracefulStop's 30, 20 of goodbyes, 45 of linger.
    assert_eq!(of_text(load, 1)["deadlineSeconds"], 455);
    assert_eq!(of_text(load, 2)["deadlineSeconds"], 785);
    let observed = format!("{load}observe: {{ a: {{ url: 'http://a.test/', settle: 100s }} }}\n");
    assert_eq!(of_text(&observed, 1)["deadlineSeconds"], 555);
    assert_eq!(of_text(load, 1)["terminationGracePeriodSeconds"], 70);
    // 30 s of lostAfter and 5 to add up.
    assert_eq!(of_text(load, 2)["terminationGracePeriodSeconds"], 105);
    let patient = format!("{load}fleet: {{ lostAfter: 60s }}\n");
    assert_eq!(of_text(&patient, 2)["terminationGracePeriodSeconds"], 135);
}

#[test]
fn a_profile_without_an_end_is_a_deployment() {
    let endless = "scenarios: { a: { executor: externally-controlled, vus: 1, duration: 0, flow: [{ sleep: 1s }] } }";
    let values = of_text(endless, 1);
    assert_eq!((&values["mode"], &values["controlSocket"]), (&"deployment".into(), &true.into()));
    assert_eq!(values.get("deadlineSeconds"), None);
    assert_eq!(of_text(endless, 2)["mode"], "job");
}
