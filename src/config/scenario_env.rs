//! Variables of one scenario: its `env`, and its own copy of the profile's flow to fill them into.

use crate::config::tree::Tree;

/// Key of a scenario's copy of the profile's flow; problems in it are reported where the flow stands.
pub(crate) const COPIED_FLOW: &str = "\0flow";

/// The `env` of a scenario that has one.
pub(crate) fn of(scenario: &mut Tree) -> Option<&mut Tree> {
    let Tree::Map(entries) = scenario else { return None };
    entries.iter_mut().find(|(key, value)| key == "env" && *value != Tree::Null).map(|(_, env)| env)
}

/// Values, and as many times 16 bytes of text, that all copies of the flow may have together; a profile of 1 MiB could ask for 20,000 copies of half of it.
const MOST_COPIED: usize = 1 << 20;

/// What the scenarios play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Copies {
    /// Whether anybody uses the original.
    pub(crate) shared: bool,
    /// The copies would be too large together, and some scenarios have none.
    pub(crate) too_large: bool,
}

/// Gives every scenario that has variables and no flow of its own a copy of the profile's.
pub(crate) fn copy_flow(profile: &mut [(String, Tree)]) -> Copies {
    let flow = profile.iter().find(|(key, _)| key == "flow").map(|(_, flow)| flow.clone());
    let scenarios = profile.iter_mut().find(|(key, _)| key == "scenarios").map(|(_, scenarios)| scenarios);
    let (Some(flow), Some(Tree::Map(scenarios))) = (flow, scenarios) else {
        return Copies { shared: true, too_large: false };
    };
    let (size, mut left, mut too_large) = (values(&flow), MOST_COPIED, false);
    let mut shared = scenarios.is_empty();
    for (_, scenario) in scenarios {
        let own_variables = of(scenario).is_some();
        let Tree::Map(entries) = scenario else { continue };
        if entries.iter().any(|(key, value)| key == "flow" && *value != Tree::Null) {
            continue;
        }
        if !own_variables {
            shared = true;
        } else if let Some(rest) = left.checked_sub(size) {
            left = rest;
            entries.push((COPIED_FLOW.to_owned(), flow.clone()));
        } else {
            too_large = true;
        }
    }
    Copies { shared, too_large }
}

/// How large a tree is: its values, and 16 bytes of a text like one.
fn values(tree: &Tree) -> usize {
    match tree {
        Tree::List(elements) => 1 + elements.iter().map(values).sum::<usize>(),
        Tree::Map(entries) => 1 + entries.iter().map(|(_, value)| values(value)).sum::<usize>(),
        Tree::Text(text) => 1 + text.value.len() / 16,
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Unresolved => 1,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{environment::Environment, load, overrides::Overrides, profile::Step, source::Source};

    fn loaded(text: &str) -> Result<Vec<String>, String> {
        let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
        let environment: Environment = [("ROOM", "process")].into_iter().collect();
        let profile = load(&source, &environment, &Overrides::default()).map_err(|report| report.to_string())?;
        let url = |step: &Step| match step {
            Step::WebSocket(socket) => socket.url.display.clone(),
            other => panic!("{other:?}"),
        };
        Ok(profile.scenarios.iter().map(|scenario| url(&scenario.flow[0])).collect())
    }

    #[test]
    fn copies_of_the_flow_have_a_bound() {
        let steps = "{ sleep: 1s }, ".repeat(2_000);
        let scenarios: String = (0..1_000)
            .map(|number| format!("  s{number}: {{ executor: constant-vus, duration: 1s, env: {{ A: b }} }}\n"))
            .collect();
        let report = loaded(&format!("scenarios:\n{scenarios}flow: [{steps}]\n")).unwrap_err();
        assert!(report.contains("copies of the `flow`"), "{report}");
    }

    const FLOW: &str = "flow: [{ websocket: { url: 'ws://h/${ROOM}' } }]\n";

    #[test]
    fn the_variables_of_a_scenario_win_within_it_and_end_with_it() {
        let text = "scenarios:
  a: { executor: constant-vus, duration: 1s, env: { ROOM: lobby } }
  b: { executor: constant-vus, duration: 1s }
  c: { executor: constant-vus, duration: 1s, env: { ROOM: '${ROOM}-2' }, flow: [{ websocket: { url: 'ws://h/own/${ROOM}' } }] }
env: { ROOM: default }
";
        assert_eq!(
            loaded(&format!("{text}{FLOW}")).unwrap(),
            ["ws://h/lobby", "ws://h/process", "ws://h/own/process-2"]
        );
    }

    #[test]
    fn a_variable_may_exist_in_scenarios_only() {
        let scenario = "executor: constant-vus, duration: 1s";
        let text =
            format!("scenarios: {{ a: {{ {scenario}, env: {{ ROME: x }} }} }}\n{}", FLOW.replace("ROOM", "ROME"));
        assert_eq!(loaded(&text).unwrap(), ["ws://h/x"]);
        let report = loaded(&text.replace("env: { ROME: x }", "tags: { a: b }")).unwrap_err();
        assert!(report.contains("`ROME` is not set") && report.contains("p.yaml:2:"), "{report}");
    }

    #[test]
    fn a_fault_in_the_flow_is_told_once_and_where_it_stands() {
        let scenario = "executor: constant-vus, duration: 1s, env: { ROOM: x }";
        let text = format!(
            "scenarios: {{ a: {{ {scenario} }}, b: {{ {scenario} }} }}\nflow: [{{ websocket: {{ url: '${{ROOM}}', stpes: [] }} }}]\n"
        );
        let report = loaded(&text).unwrap_err();
        assert_eq!(report.matches("stpes").count(), 2, "message and path\n{report}");
        assert!(report.contains("p.yaml:2:") && report.contains("at flow[0].websocket.stpes"), "{report}");
    }
}
