//! The command line: help, version, checks, and what is refused.

use crate::support::{
    agent::{rampd, run},
    repository,
    scratch::Scratch,
};

#[test]
fn every_command_has_help_that_names_its_options() {
    for (command, expected) in [
        (
            "run",
            &["--vus", "--duration", "--stage", "--scale", "--speed", "--env", "--tag", "--testid", "--listen"][..],
        ),
        ("run", &["--linger", "--summary-export", "--out", "--quiet", "--log-format", "--echo", "--force"][..]),
        ("check", &["PROFILE"][..]),
        ("demo", &["--listen"][..]),
        ("healthcheck", &["--url", "--timeout", "RAMPD_HEALTHCHECK_URL", "/livez"][..]),
        ("verdict", &["--prometheus", "--testid", "--within", "--wait", "--on-invalid", "[PROFILE]"][..]),
        ("echo", &["--listen", "--delay", "--refuse-status", "--stall-upgrade", "--close-code", "--silent"][..]),
    ] {
        let ended = rampd([command, "--help"]).finish();
        ended.assert_code(0);
        for word in expected {
            assert!(ended.stdout.contains(word), "`rampd {command} --help` does not mention {word}\n{}", ended.stdout);
        }
        assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    }
}

#[test]
fn the_help_lists_the_commands_and_the_exit_codes() {
    let ended = rampd(["--help"]).finish();
    ended.assert_code(0);
    for word in ["run", "check", "demo", "echo", "verdict", "99", "104", "105", "106", "107"] {
        assert!(ended.stdout.contains(word), "no {word} in\n{}", ended.stdout);
    }
}

#[test]
fn the_version_is_the_packages() {
    let ended = rampd(["--version"]).finish();
    ended.assert_code(0);
    assert_eq!(ended.stdout.trim(), format!("rampd {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn unknown_commands_and_options_are_bad_options() {
    for arguments in [["rnu", "x.yaml"], ["run", "--scael=2"], ["check", "--no-such-option"]] {
        let ended = rampd(arguments).finish();
        ended.assert_code(104);
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{}", ended.describe());
    }
    let ended = rampd(["demmo"]).finish();
    assert!(ended.stderr.contains("'demo'"), "a hint: {}", ended.describe());
}

#[test]
fn check_prints_the_plan_of_the_seeds_test() {
    let profile = repository().join("config/quantum-ws.yaml");
    let ended = rampd(["check"]).arg(&profile).finish();
    ended.assert_code(0);
    let plan = ended.stdout.replace([',', '\u{202f}', '_'], "");
    for part in ["quantum-ws", "2m30s", "2000", "200000"] {
        assert!(plan.contains(part), "no {part} in\n{}", ended.stdout);
    }
}

#[test]
fn check_names_every_problem_of_a_bad_profile_with_its_place() {
    let scratch = Scratch::new();
    let text = "
stages:
  - { duraton: 30s, target: 100 }
flow:
  - websocket:
      url: http://127.0.0.1/ws
thresholds:
  ws_conecting: ['p(99)<200']
";
    let ended = rampd(["check"]).arg(scratch.write("bad.yaml", text)).finish();
    ended.assert_code(104);
    for part in
        ["bad.yaml:3:7", "did you mean `duration`?", "bad.yaml:6:", "bad.yaml:8:3", "did you mean `ws_connecting`?"]
    {
        assert!(ended.stderr.contains(part), "no {part} in\n{}", ended.describe());
    }
}

#[test]
fn no_secret_of_a_profile_reaches_an_output() {
    const CANARY: &str = "canary-7f3a9";
    let scratch = Scratch::new();
    let text = "
vus: 1
duration: 1s
flow:
  - websocket:
      url: ws://127.0.0.1:1/ws?token=${SECRET}
      headers: { Authorization: \"Bearer ${SECRET}\" }
";
    let profile = scratch.write("profile.yaml", text);
    let (summary, points) = (scratch.path("summary.json"), scratch.path("points.json"));
    let mut agent = run(&profile)
        .env("SECRET", CANARY)
        .env("RUST_LOG", "trace")
        .args(["-e", &format!("SECRET={CANARY}")])
        .args(["--summary-export", summary.to_str().expect("UTF-8")])
        .args(["--out", &format!("json={}", points.display())])
        .start();
    let page = agent.get("/metrics", &[]).expect("served").body;
    let ended = agent.wait();
    let checked = rampd(["check"]).arg(&profile).args(["-e", &format!("SECRET={CANARY}")]).finish();
    let file = |path| std::fs::read_to_string(path).expect("written");
    for (output, text) in [
        ("stdout", ended.stdout.clone()),
        ("stderr", ended.stderr.clone()),
        ("/metrics", page),
        ("the summary", file(summary)),
        ("the JSON lines", file(points)),
        ("check", checked.stdout + &checked.stderr),
    ] {
        assert!(!text.contains(CANARY), "{output} tells the secret: {text}");
    }
    ended.assert_code(0);
}

#[test]
fn schema_prints_a_json_schema_that_says_what_each_key_is() {
    let ended = rampd(["schema"]).finish();
    ended.assert_code(0);
    let schema: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let stages = &schema["$defs"]["profile"]["properties"]["stages"]["description"];
    assert_eq!(stages, "shorthand for one `ramping-vus` scenario named `default`");
}

#[test]
fn check_says_whether_the_rows_of_a_file_suffice() {
    let scratch = Scratch::new();
    scratch.write("users.csv", "name\na\nb\nc\n");
    let profile = scratch.write(
        "profile.yaml",
        "
vus: 5
duration: 1s
data:
  each: { file: users.csv, order: per-vu }
  again: { file: users.csv }
flow: [{ http: 'http://localhost/{{ data.each.name }}{{ data.again.name }}' }]
",
    );
    let ended = rampd(["check"]).arg(&profile).finish();
    ended.assert_code(0);
    for line in ["3 (each), too few if scenario default uses them: for 5", ": 3 (again)\n"] {
        assert!(ended.stdout.contains(line), "{line}\n{}", ended.describe());
    }
}
