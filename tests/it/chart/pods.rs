//! The pods of each example: security, probes, ports, variables, volumes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::render::{Objects, example, examples, text};
use crate::support::agent::rampd;

/// Variables that came with fleets.
const OF_FLEETS: [&str; 7] = [
    "RAMPD_FLEET_LEADER",
    "RAMPD_FLEET_LISTEN",
    "RAMPD_FLEET_SIZE",
    "RAMPD_FLEET_TOKEN",
    "RAMPD_RESULT",
    "RAMPD_START_AT",
    "RAMPD_VERDICT_FILE",
];

/// Everything that has pods, with their specification.
fn pods(objects: &Objects) -> Vec<&Value> {
    let tests = objects.all("Pod").into_iter().map(|pod| &pod["spec"]);
    std::iter::once(&objects.pod()["spec"]).chain(tests).collect()
}

/// Containers that are the chart's own.
fn own(pod: &Value) -> Vec<&Value> {
    let all = pod["containers"].as_array().expect("containers");
    let own: Vec<_> = all.iter().filter(|one| one["name"] == "rampd" || one["name"] == "verdict").collect();
    assert_eq!(own.len(), 1);
    own
}

#[test]
fn the_restricted_pod_security_standard_is_kept() {
    for (name, path) in examples() {
        for pod in pods(&Objects::of(&path, &[])) {
            let context = &pod["securityContext"];
            assert_eq!(context["runAsNonRoot"], json!(true), "{name}");
            assert_eq!(context["runAsUser"], json!(65532), "{name}");
            assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            for sysctl in context["sysctls"].as_array().into_iter().flatten() {
                assert_eq!(sysctl["name"], "net.ipv4.ip_local_port_range", "{name}: no other is safe since 1.29");
            }
            for field in ["hostNetwork", "hostPID", "hostIPC"] {
                assert_eq!(pod.get(field), None, "{name}");
            }
            for volume in pod["volumes"].as_array().expect("volumes") {
                let kinds: Vec<_> = volume.as_object().expect("a volume").keys().filter(|key| *key != "name").collect();
                let admitted = ["projected", "emptyDir", "persistentVolumeClaim"];
                assert!(kinds.iter().all(|kind| admitted.contains(&kind.as_str())), "{name}: {volume}");
            }
            for container in own(pod) {
                let context = &container["securityContext"];
                assert_eq!(context["allowPrivilegeEscalation"], json!(false), "{name}");
                assert_eq!(context["readOnlyRootFilesystem"], json!(true), "{name}");
                assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }), "{name}");
                assert_eq!(context.get("privileged"), None, "{name}");
                for port in container["ports"].as_array().into_iter().flatten() {
                    assert_eq!(port.get("hostPort"), None, "{name}");
                }
            }
        }
    }
}

#[test]
fn pods_get_no_token_of_the_cluster_and_no_variables_of_services() {
    for (name, path) in examples() {
        for pod in pods(&Objects::of(&path, &[])) {
            assert_eq!(pod["automountServiceAccountToken"], json!(false), "{name}");
            assert_eq!(pod["enableServiceLinks"], json!(false), "{name}");
        }
    }
    let objects = Objects::example("fleet-of-five");
    for kind in ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"] {
        assert!(objects.all(kind).is_empty(), "{kind}");
    }
}

#[test]
fn probes_and_monitors_name_ports_that_the_container_has() {
    for (name, path) in examples() {
        let objects = Objects::of(&path, &[]);
        let ports = objects.container()["ports"].as_array().expect("ports");
        let named =
            |wanted: &Value| ports.iter().find(|port| port["name"] == *wanted).map(|port| &port["containerPort"]);
        for probe in ["readinessProbe", "livenessProbe"] {
            let asked = &objects.container()[probe]["httpGet"];
            assert_eq!(named(&asked["port"]), Some(&json!(6464)), "{name}: {probe}");
            assert!(["/readyz", "/livez"].contains(&text(&asked["path"])), "{name}: {probe}");
        }
        for monitor in objects.all("PodMonitor") {
            assert_eq!(named(&monitor["spec"]["podMetricsEndpoints"][0]["port"]), Some(&json!(6464)), "{name}");
        }
        assert_eq!(objects.variable("RAMPD_LISTEN"), Some(&json!("0.0.0.0:6464")), "{name}");
        for port in objects.one("Service")["spec"]["ports"].as_array().expect("ports") {
            assert_eq!(named(&port["targetPort"]), Some(&port["port"]), "{name}");
        }
    }
    let without = Objects::minimal(&["--set", "probes.readiness=false,probes.liveness=false"]);
    assert!(without.container().get("readinessProbe").is_none() && without.container().get("livenessProbe").is_none());
}

#[test]
fn every_variable_of_ours_is_an_option_of_run() {
    let help = rampd(["run", "--help"]).finish().stdout;
    let mut seen = BTreeSet::new();
    for (_, path) in examples() {
        let objects = Objects::of(&path, &[]);
        let variables = objects.container()["env"].as_array().expect("variables").clone();
        let names = variables.iter().map(|variable| text(&variable["name"]).to_owned());
        // Two are the chart's own: others refer to them.
        let helpers = ["RAMPD_JOB", "RAMPD_INDEX"];
        seen.extend(names.filter(|name| name.starts_with("RAMPD_") && !helpers.contains(&name.as_str())));
    }
    assert!(seen.contains("RAMPD_FLEET_LEADER") && seen.contains("RAMPD_RESULT"), "{seen:?}");
    // Agents of before the fleet know none of its options.
    let fleet = help.contains("--fleet-leader");
    let known = |name: &str| help.contains(name) || !fleet && OF_FLEETS.contains(&name);
    let unknown: Vec<_> = seen.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "`rampd run` has no {unknown:?}");
}

#[test]
fn numbers_and_names_of_variables_arrive_as_typed() {
    let objects = Objects::example("fleet-of-five");
    let test = &objects.one("Pod")["spec"]["containers"][0];
    for (name, value) in [("LEVEL", "3"), ("USERS", "1000000"), ("N", "1.5")] {
        assert_eq!(objects.variable(name), Some(&json!(value)), "{name}");
        assert!(
            test["env"].as_array().expect("variables").contains(&json!({ "name": name, "value": value })),
            "{test}"
        );
    }
}

#[test]
fn variables_stand_before_those_that_refer_to_them() {
    for (name, path) in examples() {
        let objects = Objects::of(&path, &[]);
        let mut known = BTreeSet::new();
        for variable in objects.container()["env"].as_array().expect("variables") {
            let value = variable.get("value").map_or("", text);
            for reference in value.split("$(").skip(1) {
                let reference = reference.split(')').next().expect("a name");
                assert!(known.contains(reference), "{name}: $({reference}) is not set before {}", variable["name"]);
            }
            known.insert(text(&variable["name"]).to_owned());
        }
    }
}

#[test]
fn the_verdict_goes_where_kubernetes_looks() {
    for (name, path) in examples() {
        let objects = Objects::of(&path, &[]);
        let looked_at = &objects.container()["terminationMessagePath"];
        assert_eq!(objects.variable("RAMPD_VERDICT_FILE"), Some(looked_at), "{name}");
    }
}

#[test]
fn files_are_mounted_where_the_agent_looks() {
    for (name, path) in examples() {
        let objects = Objects::of(&path, &[]);
        let mounts = objects.container()["volumeMounts"].as_array().expect("mounts");
        let volumes = objects.pod()["spec"]["volumes"].as_array().expect("volumes");
        for mount in mounts {
            assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{name}: {mount} has no volume");
        }
        let below =
            |path: &str| mounts.iter().any(|mount| path.starts_with(&format!("{}/", text(&mount["mountPath"]))));
        for variable in ["RAMPD_CONTROL_SOCKET", "RAMPD_RESULT"] {
            if let Some(path) = objects.variable(variable) {
                assert!(below(text(path)), "{name}: {variable} is {path}, and the rest of the image is read-only");
            }
        }
        let profile = text(&objects.container()["args"][1]);
        let key = profile.strip_prefix("/etc/rampd/").unwrap_or_else(|| panic!("{name}: {profile}"));
        let source =
            &volumes.iter().find(|volume| volume["name"] == "profile").expect("a volume")["projected"]["sources"][0];
        let items = source["configMap"]["items"].as_array();
        match objects.all("ConfigMap").iter().find(|map| map["metadata"]["name"] == source["configMap"]["name"]) {
            Some(map) => {
                let items = items.expect("items");
                assert!(items.iter().any(|item| item["path"] == key), "{name}: no {key}");
                for item in items {
                    assert!(map["data"].get(text(&item["key"])).is_some(), "{name}: {item}");
                }
            }
            None => assert_eq!(source["configMap"]["name"], "our-profiles", "{name}"),
        }
    }
    let objects = Objects::of(&example("fleet-of-five"), &[]);
    let map = objects.all("ConfigMap").into_iter().find(|map| map["metadata"]["name"] == "quantum-rampd-profile");
    assert_eq!(map.expect("the profile's")["data"]["data..users.csv"], "name,token\nada,one\n\"b, c\",two\n");
}
