//! The connections that are open where a step stands: `on` names one of them, and the replies of each are
//! matched in one way.

use crate::config::profile::{
    Reply,
    socket::{IdSource, ReplyIds},
};

/// Most connections of one VU at one time.
pub(crate) const MOST: usize = 16;

/// Connections around the step that is being read, the outermost first.
#[derive(Default)]
pub(crate) struct Sockets {
    open: Vec<Open>,
    /// Which of them the steps are for.
    current: usize,
}

struct Open {
    /// If it was given one.
    name: Option<String>,
    way: Option<Way>,
}

enum Way {
    InOrder,
    ById(Box<Ids>),
}

struct Ids {
    received: String,
    sent: Vec<String>,
    sources: ReplyIds,
}

/// A second way to match replies on one connection.
pub(crate) struct Clash;

/// An id's place with the words for it.
pub(crate) type Typed = (IdSource, String);

impl Sockets {
    /// Goes into a connection's steps; returns how many are around it.
    ///
    /// # Errors
    /// There are too many, or one has the name; with a hint.
    pub(crate) fn enter(&mut self, name: Option<String>) -> Result<usize, (&'static str, &'static str)> {
        if self.open.len() == MOST {
            return Err(("more than 16 connections in one another", "let several VUs open them"));
        }
        if name.is_some() && self.open.iter().any(|open| open.name == name) {
            return Err(("a connection around this one has the same name", "`on` could not tell them apart"));
        }
        self.open.push(Open { name, way: None });
        self.current = self.open.len() - 1;
        Ok(self.current)
    }

    /// Leaves it, for `outer`; tells how its replies are matched by ids.
    pub(crate) fn leave(&mut self, outer: usize) -> Option<ReplyIds> {
        self.current = outer;
        match self.open.pop()?.way? {
            Way::InOrder => None,
            Way::ById(ids) => Some(ids.sources),
        }
    }

    /// Which connection the steps are for.
    pub(crate) fn current(&self) -> usize {
        self.current
    }

    /// The steps that follow are for another one.
    pub(crate) fn turn_to(&mut self, depth: usize) {
        self.current = depth;
    }

    /// The connection of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.open.iter().position(|open| open.name.as_deref() == Some(name))
    }

    /// Names of the connections.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.open.iter().filter_map(|open| open.name.as_deref()).collect()
    }

    /// A message's reply comes in order.
    pub(crate) fn in_order(&mut self) -> Result<Reply, Clash> {
        match self.open.get_mut(self.current).map(|open| open.way.get_or_insert(Way::InOrder)) {
            Some(Way::ById(_)) => Err(Clash),
            _ => Ok(Reply::Fifo),
        }
    }

    /// A message's reply has its id.
    pub(crate) fn by_id(&mut self, sent: Typed, received: Typed) -> Result<Reply, Clash> {
        let Some(open) = self.open.get_mut(self.current) else { return Err(Clash) };
        let way = open.way.get_or_insert_with(|| {
            let sources = ReplyIds { sent: Vec::new(), received: received.0 };
            Way::ById(Box::new(Ids { received: received.1.clone(), sent: Vec::new(), sources }))
        });
        let Way::ById(ids) = way else { return Err(Clash) };
        if ids.received != received.1 {
            return Err(Clash);
        }
        let known = ids.sent.iter().position(|typed| *typed == sent.1);
        let place = known.unwrap_or_else(|| {
            ids.sent.push(sent.1);
            ids.sources.sent.push(sent.0);
            ids.sent.len() - 1
        });
        Ok(Reply::Id { sent: place })
    }
}
