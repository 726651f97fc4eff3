//! How agents find one another, who may reach them, and who scrapes them.

use serde_json::{Value, json};

use super::render::{Objects, examples, selects, text};

#[test]
fn selectors_select_the_agents_and_nothing_else() {
    for (name, path) in examples() {
        let objects = Objects::of(&path, &[]);
        let labels = &objects.pod()["metadata"]["labels"];
        let mut selectors = vec![&objects.one("Service")["spec"]["selector"]];
        selectors.extend(objects.all("PodMonitor").iter().map(|one| &one["spec"]["selector"]["matchLabels"]));
        selectors.extend(objects.all("PodDisruptionBudget").iter().map(|one| &one["spec"]["selector"]["matchLabels"]));
        selectors.extend(objects.all("NetworkPolicy").iter().map(|one| &one["spec"]["podSelector"]["matchLabels"]));
        selectors.extend(objects.all("Deployment").iter().map(|one| &one["spec"]["selector"]["matchLabels"]));
        let spread = objects.pod()["spec"]["topologySpreadConstraints"].as_array().into_iter().flatten();
        selectors.extend(spread.map(|one| &one["labelSelector"]["matchLabels"]));
        for selector in selectors {
            assert!(selects(selector, labels), "{name}: {selector} does not select {labels}");
            for pod in objects.all("Pod") {
                assert!(
                    !selects(selector, &pod["metadata"]["labels"]),
                    "{name}: {selector} selects the pod of helm test"
                );
            }
        }
        // A version among them would make every upgrade another run.
        assert_eq!(labels.get("helm.sh/chart"), None, "{name}");
    }
}

#[test]
fn the_leaders_name_is_the_one_that_kubernetes_gives_to_agent_0() {
    for (name, agents) in [("fleet-of-five", 5), ("cronjob", 3)] {
        let objects = Objects::example(name);
        let service = objects.one("Service");
        // HOSTNAME.SUBDOMAIN exists where the headless Service has the subdomain's name and publishes before readiness.
        assert_eq!(objects.pod()["spec"]["subdomain"], service["metadata"]["name"], "{name}");
        assert_eq!(service["spec"]["clusterIP"], "None", "{name}");
        assert_eq!(service["spec"]["publishNotReadyAddresses"], json!(true), "{name}");
        assert_eq!(service["metadata"]["namespace"], objects.workload()["metadata"]["namespace"], "{name}");
        // An Indexed Job's hostname is JOB-INDEX; the label has the Job's name.
        let leader = text(objects.variable("RAMPD_FLEET_LEADER").expect("a leader"));
        let (service_name, namespace) = (text(&service["metadata"]["name"]), text(&service["metadata"]["namespace"]));
        // The dot at its end keeps search lists out.
        let expected = format!("$(RAMPD_JOB)-0.{service_name}.{namespace}.svc.cluster.local.:6466");
        assert_eq!(leader, expected, "{name}");
        let ports = service["spec"]["ports"].as_array().expect("ports");
        assert!(ports.iter().any(|port| port["name"] == "fleet" && port["port"] == json!(6466)), "{name}: {ports:?}");
        assert_eq!(objects.variable("RAMPD_FLEET_LISTEN"), Some(&json!("0.0.0.0:6466")), "{name}");
        assert_eq!(objects.variable("RAMPD_FLEET_SIZE"), Some(&json!(agents.to_string())), "{name}");
        assert_eq!(objects.job_spec()["completions"], json!(agents), "{name}");
    }
}

#[test]
fn one_agent_is_no_fleet() {
    let objects = Objects::minimal(&[]);
    let variables = objects.container()["env"].as_array().expect("variables");
    assert!(variables.iter().all(|variable| !text(&variable["name"]).starts_with("RAMPD_FLEET")), "{variables:?}");
    assert!(objects.all("Secret").is_empty());
    assert_eq!(objects.one("Service")["spec"]["ports"].as_array().expect("ports").len(), 1);
}

/// Every text within a value.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|value| texts(value, found)),
        Value::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn the_token_is_in_its_secret_alone() {
    let objects = Objects::minimal(&["--set", "parallelism=3"]);
    let secret = objects.one("Secret");
    let token = text(&secret["data"]["token"]);
    assert!(token.len() >= 40, "a token of at least 16 characters, in base64");
    let from = objects.variable("RAMPD_FLEET_TOKEN").expect("a token");
    assert_eq!(from, &json!({ "secretKeyRef": { "name": secret["metadata"]["name"], "key": "token" } }));
    let mut elsewhere = Vec::new();
    objects.0.iter().filter(|object| object["kind"] != "Secret").for_each(|object| texts(object, &mut elsewhere));
    assert!(!elsewhere.iter().any(|text| text.contains(token)), "the token is readable");
    let theirs = Objects::example("fleet-of-five");
    assert!(theirs.all("Secret").is_empty());
    let from = theirs.variable("RAMPD_FLEET_TOKEN").expect("a token");
    assert_eq!(from, &json!({ "secretKeyRef": { "name": "our-token", "key": "fleet" } }));
}

#[test]
fn the_fleets_port_is_for_agents_alone_and_targets_stay_reachable() {
    let open = Objects::example("cronjob");
    let spec = &open.one("NetworkPolicy")["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress"]), "egress is open: targets are anywhere");
    let rules = spec["ingress"].as_array().expect("rules");
    assert_eq!((&rules[0]["ports"][0]["port"], rules[0].get("from")), (&json!(6464), None), "everybody may scrape");
    assert_eq!(rules[1]["ports"][0]["port"], json!(6466));
    let peers = rules[1]["from"].as_array().expect("peers");
    assert_eq!(peers.len(), 1);
    assert!(selects(&peers[0]["podSelector"]["matchLabels"], &open.pod()["metadata"]["labels"]));

    let closed = Objects::example("fleet-of-five");
    let spec = &closed.one("NetworkPolicy")["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    assert!(spec["ingress"][0]["from"][0].get("namespaceSelector").is_some(), "{spec}");
    let ports: Vec<_> =
        spec["egress"].as_array().expect("rules").iter().map(|rule| &rule["ports"][0]["port"]).collect();
    assert_eq!(ports, [&Value::Null, &json!(53), &json!(6466)], "the values' rule, DNS, the leader");
}

#[test]
fn the_monitor_keeps_the_agents_labels_and_the_classic_buckets() {
    let objects = Objects::example("fleet-of-five");
    let monitor = objects.one("PodMonitor");
    assert_eq!(monitor["metadata"]["labels"]["release"], "monitoring");
    let spec = &monitor["spec"];
    assert_eq!(spec["scrapeClassicHistograms"], json!(true), "rules compare buckets");
    let endpoint = &spec["podMetricsEndpoints"][0];
    assert_eq!(endpoint["path"], "/metrics");
    // A target label `testid` would push the agent's own to exported_testid.
    let relabelings = endpoint["relabelings"].as_array().expect("relabelings");
    assert!(relabelings.iter().all(|rule| rule["targetLabel"] != "testid"), "{relabelings:?}");
    // The operator's own fields: PodMonitor of monitoring.coreos.com/v1.
    let known = ["jobLabel", "selector", "scrapeClassicHistograms", "sampleLimit", "podMetricsEndpoints"];
    assert!(spec.as_object().expect("a map").keys().all(|key| known.contains(&key.as_str())), "{spec}");
    assert!(Objects::minimal(&[]).all("PodMonitor").is_empty());
}
