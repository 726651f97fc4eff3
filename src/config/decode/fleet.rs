//! `fleet:`: how several agents of one run go together.

use std::{collections::BTreeMap, time::Duration};

use crate::config::{
    decode::choice,
    node::Node,
    profile::fleet::{FleetPolicy, OnMissing},
};

/// Followers report once a second, and less often in fleets of over 200; a shorter silence would be no sign.
const SHORTEST_SILENCE: Duration = Duration::from_secs(5);

/// `{ startTimeout, onMissing, lostAfter }`.
pub(crate) fn fleet(node: &Node<'_>) -> Option<FleetPolicy> {
    let mut fields = node.fields("for example `fleet: { startTimeout: 5m, onMissing: fail }`")?;
    let default = FleetPolicy::default();
    let start_timeout = fields.take("startTimeout").and_then(|node| node.positive_duration());
    let on_missing = choice(&mut fields, "onMissing", &[("fail", OnMissing::Fail), ("go", OnMissing::Go)]);
    let lost_after = fields.take("lostAfter").and_then(|node| {
        let lost_after = node.positive_duration()?;
        if lost_after < SHORTEST_SILENCE {
            node.problem(
                format!("`lostAfter` is {lost_after:?}: agents report once a second, and a busy one later"),
                format!("use at least {SHORTEST_SILENCE:?}"),
            );
            return None;
        }
        Some(lost_after)
    });
    fields.finish(&[], &BTreeMap::new());
    Some(FleetPolicy {
        start_timeout: start_timeout.unwrap_or(default.start_timeout),
        on_missing,
        lost_after: lost_after.unwrap_or(default.lost_after),
    })
}
