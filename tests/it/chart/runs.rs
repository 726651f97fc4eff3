//! Jobs: how they fail, how they are called, and how `helm test` finds the run.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::render::{Objects, chart, example, examples, helm, text};

#[test]
fn agents_fail_alone_and_a_lost_one_ends_the_run() {
    for (name, path) in examples() {
        let objects = Objects::of(&path, &[]);
        if objects.workload()["kind"] == "Deployment" {
            assert_eq!(objects.pod()["spec"]["restartPolicy"], "Always", "{name}");
            continue;
        }
        let spec = objects.job_spec();
        // The API server wants all of these together.
        assert_eq!(spec["completionMode"], "Indexed", "{name}");
        assert_eq!(spec["backoffLimitPerIndex"], json!(0), "{name}");
        assert_eq!(objects.pod()["spec"]["restartPolicy"], "Never", "{name}");
        assert_eq!(spec["podReplacementPolicy"], "Failed", "{name}");
        assert_eq!(
            spec["completions"], spec["parallelism"],
            "{name}: an agent that waits for others must not wait for a place"
        );
        // This one would stop the other agents at the first failure.
        assert_eq!(spec.get("backoffLimit"), None, "{name}");
        let rules = spec["podFailurePolicy"]["rules"].as_array().expect("rules");
        let acts: Vec<_> =
            rules.iter().map(|rule| (text(&rule["action"]), rule["onExitCodes"]["values"].clone())).collect();
        let expected = [("FailJob", Value::Null), ("FailJob", json!([104, 106, 107])), ("FailIndex", json!([96, 99]))];
        assert_eq!(
            acts, expected,
            "{name}: the first that matches decides, so a disruption comes before its exit code"
        );
        assert_eq!(rules[0]["onPodConditions"], json!([{ "type": "DisruptionTarget", "status": "True" }]), "{name}");
        for rule in &rules[1..] {
            assert_eq!(rule["onExitCodes"]["containerName"], objects.container()["name"], "{name}");
        }
    }
}

#[test]
fn a_finished_job_is_kept_where_no_time_is_given() {
    let kept = Objects::minimal(&["--set", "ttlSecondsAfterFinished=null"]);
    assert_eq!(kept.job_spec().get("ttlSecondsAfterFinished"), None);
    assert_eq!(Objects::minimal(&[]).job_spec()["ttlSecondsAfterFinished"], json!(86_400));
}

#[test]
fn agents_that_must_be_apart_never_share_a_node() {
    let spread = |how: &str| Objects::minimal(&["--set", &format!("parallelism=3,spread={how}")]).pod()["spec"].clone();
    let required = spread("required");
    let rule = &required["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
    assert_eq!(rule["topologyKey"], "kubernetes.io/hostname");
    assert_eq!(rule["labelSelector"]["matchLabels"]["app.kubernetes.io/component"], "agent");
    assert_eq!(required.get("topologySpreadConstraints"), None);
    let preferred = spread("preferred");
    assert_eq!(preferred["topologySpreadConstraints"][0]["whenUnsatisfiable"], "ScheduleAnyway");
    assert_eq!(preferred.get("affinity"), None);
    assert_eq!(spread("none").get("topologySpreadConstraints"), None);
}

fn job_name(options: &[&str]) -> String {
    Objects::of(&example("job-one-pod"), options).name("Job")
}

#[test]
fn another_run_has_another_name_and_the_same_run_has_the_same() {
    let usual = job_name(&[]);
    assert_eq!(usual, job_name(&[]));
    let image = "image.digest=sha256:1111111111111111111111111111111111111111111111111111111111111111";
    let changes = [
        "profile.stages[0].duration=31s",
        "runId=nightly-43",
        "parallelism=2",
        "image.repository=elsewhere.example.com/rampd",
        image,
        "env.QUANTUM_WS_URL=wss://other.example.com/ws",
        "resources.requests.cpu=2",
        "extraArgs[0]=--force",
    ];
    // Fields that a Job may change while it exists, and what is not its own.
    for kept in ["deadlineSeconds=700", "ttlSecondsAfterFinished=60", "podMonitor.enabled=false", "suspend=true"] {
        assert_eq!(usual, job_name(&["--set", kept]), "{kept}");
    }
    let names: BTreeSet<_> = changes.iter().map(|change| job_name(&["--set", change])).chain([usual.clone()]).collect();
    assert_eq!(names.len(), changes.len() + 1, "{names:?}");
    let profile = |options: &[&str]| Objects::of(&example("existing-configmap"), options).name("Job");
    assert_ne!(profile(&[]), profile(&["--set", "runId=8"]), "what is in that ConfigMap is not known");
}

#[test]
fn the_fleets_token_does_not_change_the_name() {
    let fleet = || Objects::minimal(&["--set", "parallelism=3"]);
    let (first, second) = (fleet(), fleet());
    assert_ne!(first.one("Secret")["data"], second.one("Secret")["data"], "without a cluster there is none to keep");
    assert_eq!(first.name("Job"), second.name("Job"));
}

#[test]
fn hostnames_stay_within_dns_labels() {
    let long = "a-release-with-a-name-as-long-as-helm-lets-it-be-ok53";
    for mode in ["job", "cronjob"] {
        let chart = chart();
        let values = example("minimal");
        let output = helm(&[
            "template",
            long,
            chart.to_str().expect("UTF-8"),
            "-f",
            values.to_str().expect("UTF-8"),
            "--set",
            &format!("mode={mode},cronjob.schedule=0 3 * * *,parallelism=10000"),
        ]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rendered = String::from_utf8(output.stdout).expect("UTF-8");
        let kind = if mode == "job" { "kind: Job\n" } else { "kind: CronJob\n" };
        let after = rendered.split(kind).nth(1).expect("the workload");
        let name = after.split("name: ").nth(1).and_then(|rest| rest.lines().next()).expect("a name");
        // A CronJob's Jobs have 11 characters more; the last agent is 9999.
        let hostname = name.len() + if mode == "job" { 0 } else { 11 } + "-9999".len();
        assert!(hostname <= 63, "{name}: {hostname} characters");
    }
}

#[test]
fn testids_are_the_jobs_names_so_that_runs_differ() {
    for (name, expected) in [
        ("minimal", json!("$(RAMPD_JOB)")),
        ("cronjob", json!("$(RAMPD_JOB)")),
        ("job-one-pod", json!("quantum-42")),
        ("deployment", json!({ "fieldRef": { "fieldPath": "metadata.name" } })),
    ] {
        let objects = Objects::example(name);
        assert_eq!(objects.variable("RAMPD_TESTID"), Some(&expected), "{name}");
        let job = json!({ "fieldRef": { "fieldPath": "metadata.labels['batch.kubernetes.io/job-name']" } });
        assert_eq!(objects.variable("RAMPD_JOB"), (name != "deployment").then_some(&job), "{name}");
    }
}

#[test]
fn helm_test_judges_the_run_of_this_release() {
    for (name, testid) in [
        ("job-one-pod", "quantum-42".to_owned()),
        ("fleet-of-five", Objects::example("fleet-of-five").name("Job")),
        ("cronjob", "nightly-rampd-29400000".to_owned()),
    ] {
        let objects = Objects::example(name);
        let pod = objects.one("Pod");
        assert_eq!(pod["metadata"]["annotations"]["helm.sh/hook"], "test", "{name}");
        assert_eq!(pod["spec"]["restartPolicy"], "Never", "{name}");
        let container = &pod["spec"]["containers"][0];
        let arguments: Vec<_> = container["args"].as_array().expect("arguments").iter().map(text).collect();
        assert_eq!(arguments[0], "verdict", "{name}");
        assert!(arguments.contains(&format!("--testid={testid}").as_str()), "{name}: {arguments:?}");
        assert_eq!(container["image"], objects.container()["image"], "{name}");
        for field in ["securityContext", "nodeSelector", "tolerations", "serviceAccountName"] {
            let (mut own, mut agents) = (pod["spec"][field].clone(), objects.pod()["spec"][field].clone());
            // Only agents need many ports.
            for context in [&mut own, &mut agents] {
                context.as_object_mut().map(|context| context.remove("sysctls"));
            }
            assert_eq!(own, agents, "{name}: {field}");
        }
        assert_eq!(container["args"][3], objects.container()["args"][1], "{name}: the same profile");
    }
    assert!(Objects::minimal(&[]).all("Pod").is_empty(), "without a Prometheus there is nothing to ask");
}
