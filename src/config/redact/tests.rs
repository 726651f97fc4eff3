use proptest::prelude::*;

use super::*;

fn shown(profile: &str) -> String {
    text(&Source::from_bytes("p.yaml", profile.as_bytes().to_vec()).unwrap()).unwrap()
}

#[test]
fn credentials_are_taken_out_wherever_they_stand() {
    // Each has the word once in a place of its own.
    for profile in [
        "a: # canary",
        "env: { X: canary }",
        "scenarios: { a: { env: { X: canary } } }",
        "flow: [{ http: { url: 'http://h/', headers: { Authorization: 'Bearer canary' } } }]",
        "flow: [{ http: { url: 'http://h/', headers: { x-anything: canary } } }]",
        "flow: [{ http: { url: 'http://h/', headers: { x-anything: [a, canary] } } }]",
        "flow: [{ http: { url: 'http://h/', headers: { Cookie: 'a=${A}; b=canary' } } }]",
        "flow: [{ http: { url: 'http://h/', cookies: { sid: canary } } }]",
        "flow: [{ http: { url: 'http://h/', auth: { basic: { user: canary, password: x } } } }]",
        "flow: [{ http: { url: 'http://h/', auth: { bearer: canary } } }]",
        "flow: [{ http: { url: 'http://h/?q=canary' } }]",
        "flow: [{ http: { url: 'http://h/?canary' } }]",
        "flow: [{ http: 'http://h/a?b=1&token=canary#x' }]",
        "flow: [{ http: { url: 'http://u:canary@h/' } }]",
        "network: { proxy: 'http://canary:p@ss@proxy:3128' }",
        "flow: [{ http: { json: { user: a, password: canary } } }]",
        "flow: [{ http: { form: { userPassword: canary } } }]",
        "flow: [{ websocket: { steps: [{ send: { text: '{\"type\":\"auth\",\"token\":\"canary\"}' } }] } }]",
        "flow: [{ websocket: { steps: [{ send: { text: '[{\"api_key\":\"canary\"}]' } }] } }]",
        "flow: [{ set: { access-token: canary } }]",
        "url: 'ws://h/${API_TOKEN:-canary}'",
        "flow: [{ http: { headers: { Authorization: 'Bearer ${T:-canary}' } } }]",
        "flow: [{ http: { headers: &h { Authorization: canary } } }, { http: { headers: *h } }]",
        "tls: { password: canary }",
        "flow: [{ http: { body: 'grant_type=password&password=canary' } }]",
        "flow: [{ websocket: { subprotocols: [v1, bearer.eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCcanary] } }]",
        "flow: [{ websocket: { steps: [{ send: { text: 'hello canarycanaryCANARY0123456789012345 x' } }] } }]",
        "flow: [{ websocket: { url: 'wss://h/{{ room }}/ws?ticket=canary' } }]",
        "flow: [{ websocket: { url: '${TARGET}/ws?ticket=canary' } }]",
        "flow: [{ websocket: { url: '${TARGET:-wss://h/ws?ticket=canary}' } }]",
        "flow: [{ http: { url: 'http://h/', query: { key: canary } } }]",
        "flow: [{ http: { url: 'http://h/', query: { key: [a, 'x {{ y }} canary'] } } }]",
        "flow: [{ http: { url: 'http://h/?q=${Q:-canary}' } }]",
        "flow: [{ http: { url: 'http://h/?${Q:-canary}' } }]",
        "network: { proxy: 'http://${USER}:${DB_PASS:-canary}@h' }",
        "network: { proxy: 'http://${USER:-canary}:${X}@h' }",
        "url: 'ws://h/${DB_PASS:-canary}'",
        "flow: [{ send: { text: '{\"seq\": {{ seq }}, \"token\": \"canary\"}' } }]",
        "flow: [{ send: { text: '{\"seq\": ${N}.5, \"auth\" : {\"a\": [1, \"canary\"], \"b\": {}, \"c\": canary}}' } }]",
        "flow: [{ send: { text: '{\"seq\": {{ seq }}, \"in\": \"{\\\"token\\\": \\\"canary\\\"}\"}' } }]",
        "flow: [{ send: { text: '{\"seq\": {{ seq }}, \"token\": \"\\{{canary}}\"}' } }]",
        "flow: [{ send: { text: '{\"seq\": {{ seq }}, \"token\": \"canary' } }]",
        "flow: [{ send: { text: '{\"token\": \"canary\", \"token\": \"${T}\"}' } }]",
        "flow: [{ send: { text: '42[\"login\",{\"token\":\"canary\"}]' } }]",
        "flow: [{ http: { json: { metrics: { password: canary } } } }]",
        "flow: [{ http: { json: [{ capture: { token: { thresholds: { pin: { otp: canary } } } } }] } }]",
        "flow: [{ send: { text: '{\"thresholds\": {\"password\": \"canary\"}}' } }]",
        "flow: [{ http: { body: 'user={{ user }}&password=ca?canary' } }]",
        "scenarios: { query: { flow: [{ http: { query: { key: canary } } }] } }",
    ] {
        let shown = shown(profile);
        assert!(!shown.contains("canary"), "{profile}\n{shown}");
    }
}

#[test]
fn what_tells_nothing_stays_as_typed() {
    for (profile, kept) in [
        ("flow: [{ http: { headers: { Authorization: 'Bearer ${TOKEN}' } } }]", "Bearer ${TOKEN}"),
        ("flow: [{ http: { headers: { Authorization: 'Bearer ${file:token}' } } }]", "Bearer ${file:token}"),
        ("flow: [{ http: { headers: { Authorization: '{{ token }}' } } }]", "{{ token }}"),
        ("flow: [{ http: { headers: { Content-Type: application/json } } }]", "application/json"),
        ("flow: [{ http: { url: 'http://${HOST:-h}/a?b=${B}&c=' } }]", "http://${HOST:-h}/a?b=${B}&c="),
        ("flow: [{ http: { json: { password: '${PW}' } } }]", "${PW}"),
        ("flow: [{ websocket: { steps: [{ send: { text: '{ \"seq\": {{ seq }} }' } }] } }]", "{ \"seq\": {{ seq }} }"),
        ("flow: [{ websocket: { steps: [{ send: { text: '{\"a\": 1}' } }] } }]", "{\"a\": 1}"),
        ("network: { proxy: 'http://${USER}:${PASS}@proxy:3128' }", "http://${USER}:${PASS}@proxy:3128"),
        ("flow: [{ http: { capture: { token: { json: /access_token } } } }]", "json: /access_token"),
        ("thresholds: { ws_session_duration: ['avg<1'] }", "avg<1"),
        ("stages: [{ duration: 30s, target: 100 }]", "target: 100"),
        ("thresholds: { ws_connecting: ['p(99)<200'] }", "p(99)<200"),
        ("flow: [{ sleep: 1s }] # why?", "sleep: 1s"),
        ("flow: [{ http: { body: 'a=1&b=${B}' } }]", "a=1&b=${B}"),
        (
            "flow: [{ send: { text: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' } }]",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ),
        ("url: 'ws://quantum-1.a-long-name-of-a-host-with-the-digits-12.example.com/v1'", "digits-12.example.com/v1"),
        ("name: is it slow? yes=no", "is it slow? yes=no"),
        ("flow: [{ http: { url: 'wss://h/{{ room }}/ws?a={{ b }}&c=${C}' } }]", "/{{ room }}/ws?a={{ b }}&c=${C}"),
        ("flow: [{ http: { query: { a: '{{ b }}', c: '${C:-d}' } } }]", "{{ b }}"),
        ("network: { proxy: 'http://${USER}:${DB_PASS:-x}@h' }", "http://${USER}:${DB_PASS:-<redacted>}@h"),
        (
            "flow: [{ send: { text: '{\"seq\": {{ seq }}, \"token\": {{ token }}, \"to\": \"b\"}' } }]",
            "{\"seq\": {{ seq }}, \"token\": {{ token }}, \"to\": \"b\"}",
        ),
        (
            "flow: [{ send: { text: '{\"seq\": {{ seq }}, \"pin_token\": 1, \"to\": \"b\"}' } }]",
            "{\"seq\": {{ seq }}, \"pin_token\": \"<redacted>\", \"to\": \"b\"}",
        ),
        ("flow: [{ capture: { t: { between: ['\"token\":\"', '\",'] } } }]", "\"token\":\""),
        ("flow: [{ capture: { t: { regex: '\"token\":\"([^\"]+)\"' } } }]", "([^\"]+)"),
        ("scenarios: { query: { vus: 17 } }", "vus: 17"),
    ] {
        let shown = shown(profile);
        assert!(shown.contains(kept), "{profile}\n{shown}");
    }
}

#[test]
fn what_is_shown_is_yaml_with_the_same_keys() {
    let profile = include_str!("../../../config/quantum-ws.yaml");
    let again = Source::from_bytes("p.yaml", shown(profile).into_bytes()).unwrap();
    let source = Source::from_bytes("p.yaml", profile.as_bytes().to_vec()).unwrap();
    let keys = |source| typed(source).unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&again), keys(&source));
}

proptest! {
    #[test]
    fn references_come_back_as_typed(text in r#"(\$|\{|\}|\\|"|:|-|\?|@| |a|é|\$\{A\}|\{\{ a \}\}){0,40}"#) {
        let (masked, references) = reference::mask(&text);
        prop_assert_eq!(reference::unmask(&masked, &references, |reference, _| reference.to_owned()), &*text);
    }

    // Quotes before it are in pairs, and no two brackets make a placeholder that is none: the rest is no JSON.
    #[test]
    fn a_credential_after_its_key_is_taken_out(
        before in r#"(\{ |\}|\[|\]|,|:| |1|"a"|\{\{ seq \}\}|\$\{N\}|"\{\{ a \}\}"|"é\\n"){0,20}"#,
        after in r#"(\{|\}|\[|\]|,|:| |"|\\|é|\{\{ seq \}\}|\$\{N){0,20}"#,
    ) {
        let text = format!("{before},\"token\": \"canary\"{after}");
        prop_assert!(!redacted(&text, Place::Plain).contains("canary"), "{}", redacted(&text, Place::Plain));
    }
}
