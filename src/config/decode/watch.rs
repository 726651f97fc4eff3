//! `keepAlive`, `idleTimeout` and `reconnect` of a connection.

use std::{collections::BTreeMap, time::Duration};

use crate::config::{
    decode::socket::rate,
    node::{Fields, Node},
    profile::socket::{Backoff, KeepAlive, Reconnect},
};

/// Of a keep-alive ping, by default.
const PONG_TIMEOUT: Duration = Duration::from_secs(10);

/// What was read; the inner option is what was not given.
pub(crate) struct Watch {
    pub(crate) keep_alive: Option<Option<KeepAlive>>,
    pub(crate) idle_timeout: Option<Option<Duration>>,
    pub(crate) reconnect: Option<Option<Reconnect>>,
}

/// Takes the three keys.
pub(crate) fn take(fields: &mut Fields<'_>) -> Watch {
    let keep_alive_node = fields.take("keepAlive");
    let keep_alive = keep_alive_node.as_ref().map_or(Some(None), |node| keep_alive(node).map(Some));
    let idle_timeout = fields.take("idleTimeout").map_or(Some(None), |node| node.positive_duration().map(Some));
    if let (Some(node), Some(Some(KeepAlive { interval, .. })), Some(Some(idle))) =
        (keep_alive_node, keep_alive, idle_timeout)
        && idle <= interval
    {
        let hint = "make `idleTimeout` longer than `interval`, or leave one of them out".to_owned();
        node.problem("it never pings: `idleTimeout` is not longer than its interval", hint);
    }
    let reconnect = fields.take("reconnect").map_or(Some(None), |node| reconnect(&node).map(Some));
    Watch { keep_alive, idle_timeout, reconnect }
}

/// `20s` or `{ interval, timeout }`.
fn keep_alive(node: &Node<'_>) -> Option<KeepAlive> {
    if !node.is_map() {
        return Some(KeepAlive { interval: node.positive_duration()?, timeout: PONG_TIMEOUT });
    }
    let mut fields = node.fields("")?;
    let interval = fields.require(&["interval"], "interval: 20s").map(|node| node.positive_duration());
    let timeout = fields.take("timeout").map_or(Some(PONG_TIMEOUT), |node| node.positive_duration());
    fields.finish(&[], &BTreeMap::new());
    Some(KeepAlive { interval: interval??, timeout: timeout? })
}

/// `{ attempts, backoff: { initial, max, jitter }, rate }`, each with a default.
fn reconnect(node: &Node<'_>) -> Option<Reconnect> {
    let default = Reconnect::default();
    let mut fields = node.fields("for example `reconnect: {}` or `reconnect: { attempts: 5 }`")?;
    let attempts = fields.take("attempts").map_or(Some(default.attempts), |node| {
        node.whole(&(1..=u64::from(u32::MAX))).and_then(|attempts| u32::try_from(attempts).ok())
    });
    let backoff = fields.take("backoff").map_or(Some(default.backoff), |node| backoff(&node, default.backoff));
    let rate = fields.take("rate").map_or(Some(default.rate), |node| rate(&node));
    fields.finish(&[], &BTreeMap::from([("delay", "did you mean `backoff: { initial: 1s }`?")]));
    Some(Reconnect { attempts: attempts?, backoff: backoff?, rate: rate? })
}

fn backoff(node: &Node<'_>, default: Backoff) -> Option<Backoff> {
    let mut fields = node.fields("for example `backoff: { initial: 500ms, max: 30s, jitter: 0.5 }`")?;
    let initial = fields.take("initial").map_or(Some(default.initial), |node| node.positive_duration());
    let max = fields.take("max").map_or(Some(default.max), |node| node.positive_duration());
    let jitter = fields.take("jitter").map_or(Some(default.jitter), |node| {
        let hint = "0.5 draws each pause from half to one and a half of itself";
        let share = node.number("a share from 0 to 1", hint)?;
        if (0.0..=1.0).contains(&share) { Some(share) } else { node.expected("a share from 0 to 1", hint) }
    });
    fields.finish(&[], &BTreeMap::new());
    let backoff = Backoff { initial: initial?, max: max?, jitter: jitter? };
    if backoff.initial > backoff.max {
        node.problem(
            "`max` is shorter than `initial`",
            "pauses begin with `initial` and double up to `max`".to_owned(),
        );
        return None;
    }
    Some(backoff)
}
