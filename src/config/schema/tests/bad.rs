//! Bad fixtures: what the schema refuses too, and what only the loader can know.

use std::collections::BTreeSet;

use super::*;

/// Refused by the loader and valid by the schema, for a reason each.
const ONLY_THE_LOADER: &[&str] = &[
    // The inside of an address.
    "address-backslash",
    "address-fragment",
    "address-host-invalid",
    "address-host-missing",
    "address-port",
    "address-template-in-host",
    "address-userinfo",
    "network-proxy-form",
    "tls-server-name",
    // The inside of a file.
    "ca-file-empty",
    "ca-file-malformed",
    "ca-file-missing",
    "ca-file-no-der",
    "data-column",
    "tls-certificate-expired",
    "tls-certificate-future",
    "tls-certificate-none",
    "tls-files-missing",
    "tls-key-encrypted",
    "tls-key-mismatch",
    "tls-key-none",
    // Who wrote it.
    "sent-body",
    "sent-ca-file",
    "sent-data",
    "sent-environment",
    "sent-identity",
    "sent-message",
    "sent-variable-of-file",
    // Sums, units and lengths.
    "close-reason",
    "constant-vus-duration-short",
    "duration-too-long",
    "network-peer-timeout",
    "network-send-buffer",
    "time-unit",
    "ramp-never-has-a-vu",
    "rate-ramp-below-one",
    "ramp-too-long",
    // How many there are in all.
    "cardinality-names",
    "cardinality-nested",
    "cardinality-steps",
    "network-sources-many",
    "sockets-too-deep",
    "thresholds-many",
    // One value beside another one.
    "iterations-fewer-than-vus",
    "metrics-twice",
    "shorthand-fewer-iterations-than-vus",
    "tls-version-k6-order",
    "tls-version-order",
    // One key in two places.
    "dns-twice",
    "hosts-twice",
    // Texts whose meaning is not in their form.
    "headers-handshake",
    "headers-host-twice",
    "json-not-a-number",
    "json-template",
    "name-empty",
    "template-names",
    "template-unknown",
    "used-after-another-loop",
    "websocket-own-framing",
    // A profile may have metrics of its own, or of its targets.
    "threshold-metric",
    "threshold-selector",
    "threshold-scenario",
    "threshold-target-without-observe",
    // Variables are filled in later.
    "variable-unset",
    "variable-value",
];

#[test]
fn what_the_loader_refuses_is_refused_by_the_schema_unless_only_the_loader_can_know() {
    let mut accepted = BTreeSet::new();
    let mut looked_at = 0;
    for (name, text) in fixtures() {
        // What is no YAML, or bombs and second documents, is no business of a schema.
        let Ok(tree) = document::parse(&text) else { continue };
        looked_at += 1;
        if refusal(&json(&tree)).is_none() {
            accepted.insert(name);
        }
    }
    assert!(looked_at > 80, "{looked_at} fixtures");
    let listed: BTreeSet<_> = ONLY_THE_LOADER.iter().map(|name| (*name).to_owned()).collect();
    let unlisted: Vec<_> = accepted.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "the schema accepts tests/config_errors/{unlisted:?}: say it in src/config/schema/tables/, or list them in \
         ONLY_THE_LOADER if a schema cannot know"
    );
    let refused: Vec<_> = listed.difference(&accepted).collect();
    assert!(refused.is_empty(), "the schema refuses {refused:?} by now: take them off ONLY_THE_LOADER");
}
