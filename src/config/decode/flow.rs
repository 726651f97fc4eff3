//! The steps of a flow.

use std::collections::BTreeMap;

use crate::config::{
    decode::{action, address, all, choice, headers, http, name, socket, step, tags, watch},
    node::Node,
    profile::{CloseMode, Sleep, Step, Timeouts, WebSocket},
    scope::in_loop,
};

const KINDS: &[&str] = &["http", "websocket", "sleep", "repeat", "set", "check", "add"];

/// Largest limit on a message: it bounds what one server can make the agent hold for one connection.
const LARGEST_MESSAGE: u64 = 1 << 30;

/// A list of at least one step.
pub(crate) fn steps(node: &Node<'_>) -> Option<Vec<Step>> {
    let elements = node.list("begin each step with `-`")?;
    if elements.is_empty() {
        node.problem("no step in this list", "for example `- sleep: 1s`".to_owned());
        return None;
    }
    all(elements.iter().map(one))
}

fn one(node: &Node<'_>) -> Option<Step> {
    let (kind, value) = step(node, KINDS)?;
    match kind {
        "websocket" => websocket(&value).map(|socket| Step::WebSocket(Box::new(socket))),
        "http" => http::http(&value).map(|request| Step::Http(Box::new(request))),
        "sleep" => sleep(&value).map(Step::Sleep),
        kind if action::KINDS.contains(&kind) => action::action(kind, &value).map(Step::Do),
        _ => {
            let (times, steps) = repeat(&value, steps)?;
            Some(Step::Repeat { times, steps })
        }
    }
}

/// `1s` or `{ min: 1s, max: 3s }`.
pub(crate) fn sleep(node: &Node<'_>) -> Option<Sleep> {
    if !node.is_map() {
        return node.duration().map(|duration| Sleep { min: duration, max: duration });
    }
    let mut fields = node.fields("")?;
    let min = fields.require(&["min"], "sleep: { min: 1s, max: 3s }");
    let max = fields.require(&["max"], "sleep: { min: 1s, max: 3s }");
    fields.finish(&[], &BTreeMap::new());
    let (min, max_node) = (min.and_then(|node| node.duration()), max?);
    let (min, max) = (min?, max_node.duration()?);
    if min > max {
        max_node.problem("`max` is shorter than `min`", "swap the two".to_owned());
        return None;
    }
    Some(Sleep { min, max })
}

/// `{ times: 3, steps: […] }` with steps of either kind.
pub(crate) fn repeat<T>(node: &Node<'_>, read: impl Fn(&Node<'_>) -> Option<Vec<T>>) -> Option<(u32, Vec<T>)> {
    let mut fields = node.fields("for example `repeat: { times: 100, steps: […] }`")?;
    let times = fields.require(&["times"], "times: 100");
    let steps = fields.require(&["steps"], "steps: [{ sleep: 1s }]");
    fields.finish(&[], &BTreeMap::new());
    let times =
        times.and_then(|node| node.whole(&(1..=u64::from(u32::MAX)))).and_then(|times| u32::try_from(times).ok());
    let steps = steps.and_then(|node| in_loop(&node.context.scope, || read(&node)));
    Some((times?, steps?))
}

/// A connection with its steps.
pub(crate) fn websocket(node: &Node<'_>) -> Option<WebSocket> {
    let mut fields = node.fields("for example `websocket: { url: \"wss://example.com/ws\", steps: […] }`")?;
    let url = fields.require(&["url"], "url: wss://example.com/ws");
    let url = url.and_then(|node| address::target(&node, &address::WEBSOCKET));
    let name = fields.take("name").map(|node| name(&node));
    let tags = fields.take("tags").map(|node| tags(&node)).unwrap_or_default();
    let headers = fields.take("headers").map_or(Some(Vec::new()), |node| headers::headers(&node, &headers::HANDSHAKE));
    let subprotocols = fields.take("subprotocols").map_or(Some(Vec::new()), |node| headers::subprotocols(&node));
    let timeouts = fields.take("timeouts").map_or(Some(Timeouts::default()), |node| timeouts(&node));
    let size = fields.take("maxMessageSize").map_or(Some(1 << 20), |node| node.size(&(1..=LARGEST_MESSAGE)));
    let close_mode = choice(
        &mut fields,
        "closeMode",
        &[("graceful", CloseMode::Graceful), ("rst", CloseMode::Reset), ("server-first", CloseMode::ServerFirst)],
    );
    let watch = watch::take(&mut fields);
    let outer = node.context.sockets.borrow().current();
    let entered = node.context.sockets.borrow_mut().enter(name.clone().flatten());
    if let Err((why, hint)) = entered {
        node.problem(why, hint.to_owned());
    }
    let steps = fields.take("steps").map_or(Some(Vec::new()), |node| socket::steps(&node));
    let reply_ids = entered.ok().and_then(|_| node.context.sockets.borrow_mut().leave(outer));
    fields.finish(
        &[],
        &BTreeMap::from([
            ("send", "steps on the connection stand in the list `steps`"),
            ("hold", "steps on the connection stand in the list `steps`"),
            ("protocols", "did you mean `subprotocols`?"),
            ("timeout", "did you mean `timeouts: { connect, upgrade, write, close, reply }`?"),
        ]),
    );
    let url = url?;
    Some(WebSocket {
        name: name.unwrap_or_else(|| Some(url.display.clone()))?,
        url,
        tags,
        headers: headers?,
        subprotocols: subprotocols?,
        timeouts: timeouts?,
        max_message_size: usize::try_from(size?).ok()?,
        depth: entered.ok()?,
        reply_ids,
        keep_alive: watch.keep_alive?,
        idle_timeout: watch.idle_timeout?,
        reconnect: watch.reconnect?,
        close_mode,
        steps: steps?,
    })
}

fn timeouts(node: &Node<'_>) -> Option<Timeouts> {
    let mut fields = node.fields("for example `timeouts: { connect: 5s, reply: 10s }`")?;
    let default = Timeouts::default();
    let mut read = |key, otherwise| fields.take(key).map_or(Some(otherwise), |node| node.positive_duration());
    let connect = read("connect", default.connect);
    let upgrade = read("upgrade", default.upgrade);
    let write = read("write", default.write);
    let close = read("close", default.close);
    let reply = read("reply", default.reply);
    fields.finish(&[], &BTreeMap::new());
    Some(Timeouts { connect: connect?, upgrade: upgrade?, write: write?, close: close?, reply: reply? })
}
