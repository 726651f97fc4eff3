//! How many series a profile makes. Each step and each name has some in every scenario that plays it, in each worker and
//! in each copy for the outputs, so that their number is bounded before the run and not by the memory.

use crate::{
    catalogue::Metric,
    config::profile::{Scenario, SocketStep, Step, WebSocket, action::Action, http::Http},
};

/// Most `http` and `websocket` steps over all scenarios: each has up to eight trends of 16 KiB and more.
const MOST_STEPS: usize = 1_000;
/// Most checks, captured names and metrics over all scenarios: each has a counter or two.
const MOST_NAMES: usize = 10_000;

/// What a profile asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cardinality {
    /// `http` and `websocket` steps.
    steps: usize,
    /// Checks, captures and metrics.
    names: usize,
}

impl Cardinality {
    /// Counts over all scenarios.
    #[must_use]
    pub(crate) fn of(scenarios: &[Scenario], metrics: &[&'static Metric]) -> Self {
        let mut sum = Self::default();
        for scenario in scenarios {
            sum.names += metrics.len();
            sum.flow(&scenario.flow);
        }
        sum
    }

    /// What is too much, with the cap.
    #[must_use]
    pub(crate) fn excess(&self) -> Option<String> {
        let Self { steps, names } = *self;
        if steps > MOST_STEPS {
            return Some(format!(
                "{steps} `http` and `websocket` steps over all scenarios, at most {MOST_STEPS} are measured"
            ));
        }
        (names > MOST_NAMES).then(|| {
            format!("{names} checks, captures and metrics over all scenarios, at most {MOST_NAMES} are counted")
        })
    }

    fn flow(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Http(request) => self.request(request),
                Step::WebSocket(socket) => self.socket(socket),
                Step::Repeat { steps, .. } => self.flow(steps),
                Step::Do(action) => self.action(action),
                Step::Sleep(_) => {}
            }
        }
    }

    fn request(&mut self, request: &Http) {
        self.steps += 1;
        self.names += request.expect.names().count() + request.capture.list().len();
    }

    fn socket(&mut self, socket: &WebSocket) {
        self.steps += 1;
        self.socket_steps(&socket.steps);
    }

    fn socket_steps(&mut self, steps: &[SocketStep]) {
        for step in steps {
            match step {
                SocketStep::Expect(expect) => self.names += expect.capture.list().len(),
                SocketStep::Repeat { steps, .. } | SocketStep::Every { steps, .. } | SocketStep::On { steps, .. } => {
                    self.socket_steps(steps);
                }
                SocketStep::Do(action) => self.action(action),
                SocketStep::Http(request) => self.request(request),
                SocketStep::WebSocket(socket) => self.socket(socket),
                SocketStep::Send(_)
                | SocketStep::Ping
                | SocketStep::Sleep(_)
                | SocketStep::Hold { .. }
                | SocketStep::Close { .. } => {}
            }
        }
    }

    fn action(&mut self, action: &Action) {
        self.names += match action {
            Action::Check(checks) => checks.len(),
            Action::Set(_) | Action::Add(_) => 0,
        };
    }
}
