//! Where the steps of a profile go.

use std::collections::BTreeSet;

use crate::config::profile::{Profile, SocketStep, Step, Target, WebSocket};

/// What a target is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An `http` step.
    Http,
    /// A `websocket` step.
    WebSocket,
}

impl Profile {
    /// Every target of a step, as often as it is named.
    pub fn each_target<'p>(&'p self, see: &mut dyn FnMut(&'p Target, Kind)) {
        self.scenarios.iter().for_each(|scenario| steps(&scenario.flow, see));
    }

    /// Targets of the `http` steps, without their queries, each once.
    #[must_use]
    pub fn http_targets(&self) -> BTreeSet<&str> {
        let mut targets = BTreeSet::new();
        self.each_target(&mut |target, kind| {
            if kind == Kind::Http {
                targets.insert(target.display.as_str());
            }
        });
        targets
    }

    /// Targets of all steps, without their queries, each once.
    pub(crate) fn targets(&self) -> BTreeSet<&str> {
        let mut targets = BTreeSet::new();
        self.each_target(&mut |target, _| {
            targets.insert(target.display.as_str());
        });
        targets
    }
}

fn steps<'p>(flow: &'p [Step], see: &mut dyn FnMut(&'p Target, Kind)) {
    for step in flow {
        match step {
            Step::Http(request) => see(&request.url, Kind::Http),
            Step::Repeat { steps: inner, .. } => steps(inner, see),
            Step::WebSocket(web_socket) => socket(web_socket, see),
            Step::Sleep(_) | Step::Do(_) => {}
        }
    }
}

fn socket<'p>(web_socket: &'p WebSocket, see: &mut dyn FnMut(&'p Target, Kind)) {
    see(&web_socket.url, Kind::WebSocket);
    socket_steps(&web_socket.steps, see);
}

fn socket_steps<'p>(steps: &'p [SocketStep], see: &mut dyn FnMut(&'p Target, Kind)) {
    for step in steps {
        match step {
            SocketStep::Http(request) => see(&request.url, Kind::Http),
            SocketStep::WebSocket(web_socket) => socket(web_socket, see),
            SocketStep::Repeat { steps, .. } | SocketStep::Every { steps, .. } | SocketStep::On { steps, .. } => {
                socket_steps(steps, see);
            }
            SocketStep::Send(_)
            | SocketStep::Ping
            | SocketStep::Expect(_)
            | SocketStep::Sleep(_)
            | SocketStep::Do(_)
            | SocketStep::Hold { .. }
            | SocketStep::Close { .. } => {}
        }
    }
}
