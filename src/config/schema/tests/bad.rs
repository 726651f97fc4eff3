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
    // The inside of a file.
    "ca-file-empty",
    "ca-file-malformed",
    "ca-file-missing",
    "ca-file-no-der",
    // Sums, units and lengths.
    "close-reason",
    "constant-vus-duration-short",
    "duration-too-long",
    "ramp-never-has-a-vu",
    "ramp-too-long",
    // Texts whose meaning is not in their form.
    "headers-handshake",
    "headers-host-twice",
    "json-not-a-number",
    "json-template",
    "name-empty",
    "template-unknown",
    // A profile may have metrics of its own, or of its targets.
    "threshold-metric",
    "threshold-selector",
    "threshold-target-without-observe",
    // The command line may say how much load there is.
    "nothing-says-how-much",
    "vus-alone",
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
