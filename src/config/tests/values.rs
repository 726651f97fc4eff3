//! Names, captures and matchers of a profile.

use super::*;
use crate::config::profile::http::Piece;
use crate::config::template::{
    Template,
    variables::{Form, Slot, Variables},
};

fn requests(flow: &str) -> Vec<crate::config::profile::http::Http> {
    let profile = good(&format!("duration: 1s\nflow:{flow}"));
    let requests = profile.scenarios[0].flow.iter().filter_map(|step| match step {
        Step::Http(request) => Some((**request).clone()),
        _ => None,
    });
    requests.collect()
}

fn rendered(template: &Template, values: &[(&str, Form)]) -> String {
    let mut variables = Variables::new(values.len());
    for (slot, (text, form)) in values.iter().enumerate() {
        variables.set(Slot::new(slot as u16), |out| {
            out.push_str(text);
            Some(*form)
        });
    }
    let mut out = String::new();
    template.render(&Values { vu: 3, variables, ..Values::default() }, &mut out).unwrap();
    out
}

#[test]
fn a_captured_value_keeps_its_json_form_alone_and_is_escaped_inside_a_text() {
    let requests = requests(
        r#"
  - http: { url: "http://h/", capture: { id: { json: /id }, name: { regex: 'name=(\w+)' } } }
  - http:
      url: "http://h/{{ name }}?q={{ id }}"
      query: { "a b": "{{ name }}" }
      headers: { X-Name: "{{ name }}" }
      json: { id: "{{ id }}", name: "{{ name }}", both: "{{ id }}/{{ name }}" }
"#,
    );
    let [Piece::Text(body)] = &*requests[1].body.as_ref().unwrap().0 else { panic!("{:?}", requests[1].body) };
    let of = |template, id| rendered(template, &[(id, Form::Json), ("x \"y\"&", Form::Text)]);
    assert_eq!(of(body, "7"), r#"{"id":7,"name":"x \"y\"&","both":"7/x \"y\"&"}"#);
    assert_eq!(of(body, r#"{"a":[1]}"#), r#"{"id":{"a":[1]},"name":"x \"y\"&","both":"{\"a\":[1]}/x \"y\"&"}"#);
    assert_eq!(of(&requests[1].url.path_and_query, "7"), "/x%20%22y%22&?q=7&a%20b=x%20%22y%22%26");
    assert_eq!(of(&requests[1].headers[0].value, "7"), "x \"y\"&");
}

#[test]
fn each_flow_has_names_of_its_own() {
    let flow = |name: &str| {
        format!(
            "[{{ http: {{ url: \"http://h/\", capture: {{ {name}: {{ json: /a }} }} }} }}, {{ http: \"http://h/{{{{ {name} }}}}\" }}]"
        )
    };
    let scenario = |name: &str, flow: &str| format!("{name}: {{ executor: constant-vus, duration: 1s, flow: {flow} }}");
    good(&format!("scenarios: {{ {}, {} }}", scenario("x", &flow("a")), scenario("y", &flow("b"))));
    let stranger = flow("a").replace("{{ a }}", "{{ b }}");
    let text = format!("scenarios: {{ {}, {} }}", scenario("x", &flow("b")), scenario("y", &stranger));
    let report = bad(&text, &Overrides::default());
    assert!(report.contains("unknown placeholder `{{ b }}`") && report.contains("scenarios.y"), "{report}");
}

#[test]
fn checks_are_named_as_typed() {
    let requests = requests(
        r#"
  - http:
      url: "http://h/"
      expect:
        status: 200
        maxDuration: 250ms
        headers: { Content-Type: { contains: json }, X-Gone: { exists: false } }
        contains: [a, b]
        regex: 'id=\d+'
        json: { /status: ok, /n: { min: 1, max: 5 }, /m: { max: 2 }, /null: null, /a~1b: { exists: true } }
"#,
    );
    let names: Vec<_> = requests[0].expect.names().collect();
    assert_eq!(
        names,
        [
            "status is 200",
            "response within 250ms",
            "header content-type contains json",
            "header x-gone is absent",
            "body contains a",
            "body contains b",
            r"body matches id=\d+",
            "/status is ok",
            "/n is from 1 to 5",
            "/m is at most 2",
            "/null is null",
            "/a~1b exists",
        ]
    );
}

#[test]
fn k6s_series_are_asked_for_among_the_metrics_and_are_none_of_them() {
    for (metrics, k6_series, own) in [
        ("{ compat: k6, orders: counter }", true, 1),
        ("{ orders: counter }", false, 1),
        ("{ compat: k6 }", true, 0),
        ("{ compat: }", false, 0),
    ] {
        let profile = good(&format!("vus: 1\nmetrics: {metrics}\nflow: [{{ sleep: 1s }}]\n"));
        assert_eq!((profile.k6_series, profile.metrics.len()), (k6_series, own), "{metrics}");
    }
}
