use std::{fs, path::Path};

use super::*;

fn loaded(text: &str) -> Result<DaemonConfig, String> {
    let source = Source::from_bytes("rampd.yaml", text.as_bytes().to_vec()).unwrap();
    load(&source, &Environment::default()).map_err(|report| report.to_string())
}

#[test]
fn every_bad_fixture_is_reported_as_its_snapshot_says() {
    let folder = Path::new("tests/daemon_errors");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(paths.len() >= 8, "fixtures are missing: {}", paths.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/daemon_errors/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in paths {
            let loaded = Source::read(&path).and_then(|source| load(&source, &Environment::default()));
            let report = match loaded {
                Err(report) => report.to_string(),
                Ok(_) => panic!("{} is accepted", path.display()),
            };
            insta::assert_snapshot!(path.file_stem().unwrap().to_str().unwrap(), report);
        }
    });
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = loaded("profiles: { smoke: { file: smoke.yaml } }").unwrap();
    assert_eq!((config.listen, config.queue), (LISTEN, 16));
    assert_eq!((config.history.max_runs, config.history.max_age.as_secs()), (1_000, 90 * 86_400));
    let [profile] = config.profiles.as_slice() else { panic!("{:?}", config.profiles) };
    assert_eq!(
        (profile.if_busy, profile.if_missed, profile.if_failed),
        (IfBusy::Queue, IfMissed::Skip, IfFailed::Continue)
    );
    assert!(profile.schedule.is_none() && !profile.on_start);
}

#[test]
fn everything_is_read() {
    let text = "
listen: 0.0.0.0:7000
tokenFile: token
allowedHosts: [Rampd.example.com]
history: { dir: h, maxRuns: 5, maxAge: 24h }
queue: { max: 2 }
policy: { allowedTargets: [\"*.example.com:443\", 10.0.0.0/8], maxVUs: 10, maxRate: 2.5, maxDuration: 1h }
profiles:
  a:
    file: a.yaml
    schedule: '*/5 * * * *'
    timezone: Europe/Berlin
    onStart: true
    env: { HOST: \"${HOST:-x}\", PORT: 1 }
    stages: [{ duration: 1m, target: 5 }]
    tags: { team: a }
    scale: 2
    speed: 0.5
    ifBusy: skip
    ifMissed: run
    ifFailed: { suspendAfter: 3 }
  b: { file: b.yaml, vus: 3, duration: 10s, ifFailed: continue }
";
    let config = loaded(text).unwrap();
    assert_eq!(config.allowed_hosts, ["rampd.example.com"]);
    assert_eq!(config.token_file, Some("token".into()));
    assert_eq!((config.queue, config.history.max_runs), (2, 5));
    let policy = &config.policy;
    assert_eq!(
        (policy.max_vus, policy.max_rate, policy.max_duration),
        (Some(10), Some(2.5), Some(Duration::from_secs(3_600)))
    );
    assert!(policy.targets.permits("a.example.com", [192, 0, 2, 1].into(), 443).is_ok());
    assert!(policy.targets.permits("a.example.com", [192, 0, 2, 1].into(), 80).is_err());
    let [a, b] = config.profiles.as_slice() else { panic!("{:?}", config.profiles) };
    assert_eq!(a.env, [("HOST".into(), "x".into()), ("PORT".into(), "1".into())]);
    assert_eq!((a.overrides.stages.len(), a.scale, a.speed), (1, Some(2.0), Some(0.5)));
    assert_eq!((a.if_busy, a.if_missed), (IfBusy::Skip, IfMissed::Run));
    assert_eq!(a.if_failed, IfFailed::SuspendAfter(NonZeroU32::new(3).unwrap()));
    assert_eq!((b.overrides.vus, b.overrides.duration), (Some(3), Some(Duration::from_secs(10))));
}

#[test]
fn paths_start_at_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rampd.yaml");
    fs::write(&path, "profiles: { a: { file: sub/a.yaml } }").unwrap();
    let config = load(&Source::read(&path).unwrap(), &Environment::default()).unwrap();
    assert_eq!(config.profiles[0].file, folder.path().join("sub/a.yaml"));
    assert_eq!(config.history.dir, folder.path().join("rampd-history"));
}
