//! The steps on an open WebSocket.

use std::{collections::BTreeMap, time::Duration};

use crate::config::{
    capture::Captures,
    decode::{
        action, all,
        flow::{repeat, sleep, websocket},
        http, matching,
        send::send,
        step,
    },
    matcher::Matchers,
    node::Node,
    problem::{did_you_mean, shown},
    profile::{Arrivals, Expect, Pace, SocketStep},
    scope::in_loop,
    tree::Tree,
};

const KINDS: &[&str] = &[
    "send",
    "expect",
    "ping",
    "sleep",
    "repeat",
    "every",
    "hold",
    "http",
    "websocket",
    "on",
    "close",
    "set",
    "check",
    "add",
];

const EXPECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A list of steps, which may be empty.
pub(crate) fn steps(node: &Node<'_>) -> Option<Vec<SocketStep>> {
    all(node.list("begin each step with `-`")?.iter().map(one))
}

fn repeated(node: &Node<'_>) -> Option<Vec<SocketStep>> {
    let steps = steps(node)?;
    if steps.is_empty() {
        node.problem("no step in this list", "for example `- sleep: 1s`".to_owned());
        return None;
    }
    Some(steps)
}

fn one(node: &Node<'_>) -> Option<SocketStep> {
    let (kind, value) = step(node, KINDS)?;
    match kind {
        "send" => send(&value).map(SocketStep::Send),
        "expect" => expect(&value).map(SocketStep::Expect),
        "sleep" => sleep(&value).map(SocketStep::Sleep),
        "hold" => hold(&value),
        kind if action::KINDS.contains(&kind) => action::action(kind, &value).map(SocketStep::Do),
        "close" => close(&value),
        "every" => every(&value),
        "ping" => ping(&value),
        "http" => http::http(&value).map(|request| SocketStep::Http(Box::new(request))),
        "websocket" => websocket(&value).map(|socket| SocketStep::WebSocket(Box::new(socket))),
        "on" => on(&value),
        _ => {
            let (times, steps) = repeat(&value, repeated)?;
            Some(SocketStep::Repeat { times, steps })
        }
    }
}

/// `2` or `{ count, timeout, contains, regex, json, capture }`.
fn expect(node: &Node<'_>) -> Option<Expect> {
    let counts = 1..=u64::from(u32::MAX);
    let of = |count, timeout| Expect { count, timeout, matchers: Matchers::default(), capture: Captures::default() };
    if !node.is_map() {
        return Some(of(node.whole(&counts)?, EXPECT_TIMEOUT));
    }
    let mut fields = node.fields("")?;
    let count = fields.take("count").map_or(Some(1), |node| node.whole(&counts));
    let timeout = fields.take("timeout").map_or(Some(EXPECT_TIMEOUT), |node| node.positive_duration());
    let matchers = matching::matchers(&mut fields, "message");
    let capture = fields.take("capture").map_or(Some(Captures::default()), |node| matching::captures(&node, false));
    fields.finish(&[], &BTreeMap::from([("pointer", "did you mean `json: { /status: ok }`?")]));
    Some(Expect { matchers: matchers?, capture: capture?, ..of(count?, timeout?) })
}

/// `{ rate, for, arrivals, steps }`.
fn every(node: &Node<'_>) -> Option<SocketStep> {
    let mut fields = node.fields("for example `every: { rate: 10, for: 1m, steps: [send: hello] }`")?;
    let rate = fields.require(&["rate"], "rate: 10").map(|node| rate(&node));
    let duration = fields.take("for").map(|node| node.positive_duration());
    let arrivals = fields.take("arrivals").map_or(Some(Arrivals::Uniform), |node| {
        let text = node.text()?;
        match text.value.as_str() {
            "uniform" => Some(Arrivals::Uniform),
            "poisson" => Some(Arrivals::Poisson),
            other => {
                let why = format!("`{}` is no spacing of arrivals", shown(other));
                node.bad_text(text, "a spacing of arrivals", &why, "use `uniform` or `poisson`".to_owned())
            }
        }
    });
    let steps = fields.require(&["steps"], "steps: [send: hello]");
    let steps = steps.map(|steps| in_loop(&steps.context.scope, || repeated(&steps)));
    fields.finish(&[], &BTreeMap::from([("duration", "did you mean `for`?")]));
    let duration = duration.map_or(Some(None), |duration| duration.map(Some))?;
    Some(SocketStep::Every { pace: Pace { rate: rate??, duration, arrivals: arrivals? }, steps: steps?? })
}

/// `10` or `2.5` per second, or `600/m` as a text.
pub(crate) fn rate(node: &Node<'_>) -> Option<f64> {
    const HINT: &str = "a number per second above 0, or a text such as `600/m`, `1/s`, `90/h`";
    let per_second = match node.tree {
        Tree::Text(text) => {
            let (count, unit) = text.value.split_once('/').unwrap_or((&text.value, "s"));
            let seconds = match unit.trim() {
                "s" => Some(1.0),
                "m" => Some(60.0),
                "h" => Some(3600.0),
                _ => None,
            };
            count.trim().parse::<f64>().ok().zip(seconds).map(|(count, seconds)| count / seconds)
        }
        Tree::Number(number) => number.to_string().parse::<f64>().ok(),
        _ => None,
    };
    // A slot in ten years, or one in each nanosecond.
    let sane = per_second.filter(|rate| (3e-9..=1e9).contains(rate));
    if sane.is_none() && *node.tree != Tree::Unresolved {
        node.problem(format!("expected a rate, found {}", node.tree.describe()), HINT.to_owned());
    }
    sane
}

/// `{}`, `30s` or `{ for: 30s }`.
fn hold(node: &Node<'_>) -> Option<SocketStep> {
    if *node.tree == Tree::Null {
        return Some(SocketStep::Hold { duration: None });
    }
    if !node.is_map() {
        return node.positive_duration().map(|duration| SocketStep::Hold { duration: Some(duration) });
    }
    let mut fields = node.fields("")?;
    let duration = fields.take("for").map(|node| node.positive_duration());
    fields.finish(&[], &BTreeMap::from([("duration", "did you mean `for`?")]));
    Some(SocketStep::Hold { duration: duration.map_or(Some(None), |duration| duration.map(Some))? })
}

/// `{}`
fn ping(node: &Node<'_>) -> Option<SocketStep> {
    if *node.tree != Tree::Null {
        node.fields("write `ping: {}`")?.finish(&[], &BTreeMap::from([("timeout", "a pong has `timeouts.reply`")]));
    }
    Some(SocketStep::Ping)
}

/// `{ socket, steps }`.
fn on(node: &Node<'_>) -> Option<SocketStep> {
    let mut fields = node.fields("for example `on: { socket: chat, steps: [send: hello] }`")?;
    let socket = fields.require(&["socket"], "socket: chat");
    let steps = fields.require(&["steps"], "steps: [send: hello]");
    fields.finish(&[], &BTreeMap::from([("name", "did you mean `socket`?")]));
    let sockets = &node.context.sockets;
    let depth = socket.and_then(|node| {
        let text = node.text()?;
        let open = sockets.borrow();
        open.find(&text.value).or_else(|| {
            let why = format!("no connection around this step has the name `{}`", shown(&text.value));
            let near = did_you_mean(&text.value, open.names());
            let hint = near.unwrap_or_else(|| "give the `websocket` around it a `name`".to_owned());
            node.bad_text(text, "the name of a connection", &why, hint)
        })
    });
    let outer = sockets.borrow().current();
    sockets.borrow_mut().turn_to(depth.unwrap_or(outer));
    let steps = steps.and_then(|node| repeated(&node));
    sockets.borrow_mut().turn_to(outer);
    Some(SocketStep::On { depth: depth?, steps: steps? })
}

/// `{}` or `{ code, reason }`.
fn close(node: &Node<'_>) -> Option<SocketStep> {
    if *node.tree == Tree::Null {
        return Some(SocketStep::Close { code: 1000, reason: String::new() });
    }
    let mut fields = node.fields("for example `close: {}` or `close: { code: 1000, reason: done }`")?;
    let code = fields.take("code").map_or(Some(1000), |node| code(&node));
    let reason = fields.take("reason").map_or(Some(String::new()), |node| {
        let text = node.scalar()?;
        // RFC 6455, 5.5: a control frame has at most 125 bytes, 2 of them the code.
        if text.value.len() > 123 {
            return node.bad_text(&text, "a close reason", "a close reason has at most 123 bytes", None);
        }
        Some(text.value)
    });
    fields.finish(&[], &BTreeMap::new());
    Some(SocketStep::Close { code: code?, reason: reason? })
}

fn code(node: &Node<'_>) -> Option<u16> {
    let code = node.whole(&(0..=u64::from(u16::MAX)))?;
    // RFC 6455, 7.4: the others are for servers, for protocol errors, or never sent.
    if code != 1000 && !(3000..=4999).contains(&code) {
        node.problem(
            format!("a client does not close with code {code}"),
            "use 1000, or 3000 to 4999 for codes of your own".to_owned(),
        );
        return None;
    }
    u16::try_from(code).ok()
}
