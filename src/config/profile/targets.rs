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

    /// Whether its connections go to the same servers by the same ways as those of `other`, which may have other paths,
    /// messages and load: for a profile of the operator's that a request has filled with variables.
    #[must_use]
    pub fn goes_where(&self, other: &Self) -> bool {
        self.network == other.network && self.servers() == other.servers()
    }

    /// Whether encrypted, host and port of every target, observed ones among them.
    fn servers(&self) -> BTreeSet<(bool, &str, u16)> {
        fn server(target: &Target) -> (bool, &str, u16) {
            (target.secure, target.host.as_str(), target.port)
        }
        let mut servers: BTreeSet<_> = self.observe.iter().map(|observed| server(&observed.url)).collect();
        self.each_target(&mut |target, _| {
            servers.insert(server(target));
        });
        servers
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

#[cfg(test)]
mod tests {
    use crate::config::fixture::profile;

    #[test]
    fn a_profile_goes_elsewhere_only_with_other_servers_or_another_way_to_them() {
        let flow = "duration: 1s\nflow: [{ websocket: { url: 'ws://a:1/x', steps: [{ http: 'http://b/' }] } }]\n";
        let observe = "observe: { t: 'http://c/metrics' }\n";
        let before = profile(&format!("{flow}{observe}"));
        for (text, same) in [
            (format!("{flow}{observe}"), true),
            (format!("{flow}{observe}vus: 7\ntags: {{ a: b }}\n"), true),
            (format!("{flow}{observe}").replace("a:1/x", "a:1/y?z"), true),
            (format!("{flow}{observe}").replace("a:1/", "a:2/"), false),
            (format!("{flow}{observe}").replace("http://b/", "https://b/"), false),
            (format!("{flow}{observe}").replace("//c/", "//d/"), false),
            (format!("{flow}{observe}hosts: {{ a: 10.0.0.1 }}\n"), false),
            (format!("{flow}{observe}network: {{ proxy: 'http://p:1' }}\n"), false),
            (format!("{flow}{observe}dns: {{ servers: [10.0.0.1] }}\n"), false),
            (flow.to_owned(), false),
        ] {
            let after = profile(&text);
            assert_eq!((after.goes_where(&before), before.goes_where(&after)), (same, same), "{text}");
        }
    }
}
