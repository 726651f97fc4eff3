//! The flow of an iteration as a flat list of operations. Nested steps become jumps, so that the
//! engine walks an array without recursion, and an iteration allocates nothing for its control flow.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::config::{
    capture::Captures,
    profile::{
        Expect, Pace, Reply, Sleep, SocketStep, Step, Target, WebSocket, action::Action, http::Http, socket::Message,
    },
    template::variables::Slot,
};

/// One operation.
#[derive(Debug, Clone)]
pub enum Op {
    /// Begins a loop; ends at the matching [`Op::Next`].
    Repeat,
    /// Goes back to `body` until the innermost loop has run `times` rounds, then ends the loop.
    Next {
        /// Place of the loop's first operation.
        body: usize,
        /// Rounds in all, at least 1.
        times: u32,
    },
    /// Begins slots at a rate; ends at the matching [`Op::Slot`].
    Pace(Pace),
    /// Waits for the next slot of the innermost pace; goes on at `after` when there is none.
    Slot {
        /// Place behind the pace.
        after: usize,
    },
    /// Goes on elsewhere.
    Jump {
        /// Where.
        to: usize,
    },
    /// Waits; an open connection is served meanwhile.
    Sleep(Sleep),
    /// Computes.
    Do {
        /// What.
        action: Action,
        /// Place of its first check in [`Program::checks`].
        first_check: usize,
    },
    /// Sends a request and reads its response.
    Http {
        /// Place in [`Program::requests`].
        request: usize,
    },
    /// Opens the connection `site`; the steps that follow are for it.
    Open {
        /// Place in [`Program::sites`].
        site: usize,
    },
    /// The steps that follow are for another open connection.
    On {
        /// How many connections are around that one.
        depth: usize,
    },
    /// Queues a message.
    Send {
        /// The message.
        message: Message,
        /// How its reply is found, if one is to come.
        reply: Option<Reply>,
    },
    /// Queues a ping.
    Ping,
    /// Waits for messages.
    Expect(Expect),
    /// Keeps the connection until the VU is taken away or `duration` is over.
    Hold {
        /// Ends the hold earlier.
        duration: Option<Duration>,
    },
    /// Closes the connection and those inside it, leaves `loops` loops and goes on at `after`.
    Close {
        /// How many connections are around it.
        depth: usize,
        /// Close code.
        code: u16,
        /// Close reason.
        reason: String,
        /// Loops around this step within the connection's steps.
        loops: usize,
        /// Place behind the connection's last operation.
        after: usize,
    },
}

/// What is around the steps that are being flattened.
#[derive(Debug, Default)]
struct Nesting {
    /// Loops within the outermost connection.
    loops: usize,
    /// How many of them are around each connection, the outermost first.
    opened: Vec<usize>,
    /// Which connection the steps are for.
    current: usize,
}

/// What one iteration does.
#[derive(Debug, Clone)]
pub struct Program {
    /// In order; a walk begins at 0 and ends behind the last.
    pub ops: Vec<Op>,
    /// The connections that [`Op::Open`] names.
    pub sites: Vec<WebSocket>,
    /// The requests that [`Op::Http`] names.
    pub requests: Vec<Http>,
    /// Names of the values that the flow captures, by slot.
    pub names: Vec<String>,
    /// Names of the checks that [`Op::Do`] counts.
    pub checks: Vec<String>,
}

impl Program {
    /// Flattens a flow.
    #[must_use]
    pub fn new(flow: &[Step]) -> Self {
        let mut program =
            Self { ops: Vec::new(), sites: Vec::new(), requests: Vec::new(), names: Vec::new(), checks: Vec::new() };
        program.steps(flow);
        program
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Sleep(sleep) => self.ops.push(Op::Sleep(*sleep)),
                Step::Do(action) => self.action(action),
                Step::Repeat { times, steps } => self.repeat(*times, |program| program.steps(steps)),
                Step::WebSocket(socket) => self.socket(socket, &mut Nesting::default()),
                Step::Http(request) => self.request(request),
            }
        }
    }

    fn request(&mut self, request: &Http) {
        self.ops.push(Op::Http { request: self.requests.len() });
        self.requests.push(request.clone());
        self.captures(&request.capture);
    }

    fn action(&mut self, action: &Action) {
        self.ops.push(Op::Do { action: action.clone(), first_check: self.checks.len() });
        match action {
            Action::Set(settings) => settings.iter().for_each(|setting| self.name(setting.slot, &setting.name)),
            Action::Check(checks) => self.checks.extend(checks.iter().map(|check| check.name.clone())),
            Action::Add(_) => {}
        }
    }

    fn captures(&mut self, captures: &Captures) {
        for capture in captures.list() {
            self.name(capture.slot, &capture.name);
        }
    }

    fn name(&mut self, slot: Slot, name: &str) {
        if self.names.len() <= slot.index() {
            self.names.resize(slot.index() + 1, String::new());
        }
        name.clone_into(&mut self.names[slot.index()]);
    }

    fn repeat(&mut self, times: u32, body: impl FnOnce(&mut Self)) {
        self.ops.push(Op::Repeat);
        let first = self.ops.len();
        body(self);
        self.ops.push(Op::Next { body: first, times });
    }

    fn socket(&mut self, socket: &WebSocket, around: &mut Nesting) {
        let site = self.sites.len();
        self.sites.push(socket.clone());
        let open = self.ops.len();
        self.ops.push(Op::Open { site });
        let outer = around.current;
        let depth = around.opened.len();
        around.current = depth;
        around.opened.push(around.loops);
        self.socket_steps(&socket.steps, around);
        around.opened.pop();
        around.current = outer;
        self.ops.push(Op::Close { depth, code: 1000, reason: String::new(), loops: 0, after: 0 });
        let end = self.ops.len();
        for op in &mut self.ops[open..] {
            if let Op::Close { depth: closed, after, .. } = op
                && *closed == depth
            {
                *after = end;
            }
        }
        if depth > 0 {
            self.ops.push(Op::On { depth: outer });
        }
    }

    fn socket_steps(&mut self, steps: &[SocketStep], around: &mut Nesting) {
        for step in steps {
            match step {
                SocketStep::Send(send) => {
                    self.ops.push(Op::Send { message: send.message.clone(), reply: send.reply });
                }
                SocketStep::Expect(expect) => {
                    self.ops.push(Op::Expect(expect.clone()));
                    self.captures(&expect.capture);
                }
                SocketStep::Ping => self.ops.push(Op::Ping),
                SocketStep::Sleep(sleep) => self.ops.push(Op::Sleep(*sleep)),
                SocketStep::Do(action) => self.action(action),
                SocketStep::Hold { duration } => self.ops.push(Op::Hold { duration: *duration }),
                SocketStep::Repeat { times, steps } => {
                    around.loops += 1;
                    self.repeat(*times, |program| program.socket_steps(steps, around));
                    around.loops -= 1;
                }
                SocketStep::Every { pace, steps } => {
                    self.ops.push(Op::Pace(*pace));
                    let slot = self.ops.len();
                    self.ops.push(Op::Slot { after: 0 });
                    around.loops += 1;
                    self.socket_steps(steps, around);
                    around.loops -= 1;
                    self.ops.push(Op::Jump { to: slot });
                    let end = self.ops.len();
                    if let Some(Op::Slot { after }) = self.ops.get_mut(slot) {
                        *after = end;
                    }
                }
                SocketStep::Http(request) => self.request(request),
                SocketStep::WebSocket(socket) => self.socket(socket, around),
                SocketStep::On { depth, steps } => {
                    let outer = std::mem::replace(&mut around.current, *depth);
                    self.ops.push(Op::On { depth: *depth });
                    self.socket_steps(steps, around);
                    self.ops.push(Op::On { depth: outer });
                    around.current = outer;
                }
                SocketStep::Close { code, reason } => {
                    let depth = around.current;
                    let loops = around.loops - around.opened.get(depth).copied().unwrap_or(around.loops);
                    self.ops.push(Op::Close { depth, code: *code, reason: reason.clone(), loops, after: 0 });
                }
            }
        }
    }

    /// Most connections that one VU has open at one time, in all and by where they go to.
    #[must_use]
    pub fn most_sockets<P: Ord + Clone>(&self, place: impl Fn(&Target) -> P) -> (u64, BTreeMap<P, u64>) {
        let (mut open, mut most, mut each) = (Vec::new(), 0, BTreeMap::new());
        // Sites stand in the order in which they are opened.
        for site in &self.sites {
            open.truncate(site.depth);
            open.push(place(&site.url));
            most = most.max(open.len() as u64);
            for here in &open {
                let count = open.iter().filter(|other| *other == here).count() as u64;
                let known = each.entry(here.clone()).or_insert(0);
                *known = count.max(*known);
            }
        }
        (most, each)
    }

    /// Messages that one whole iteration sends; a `close` inside a loop makes it an upper bound, and an
    /// `every` without `for` counts as one round.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.count(|op| matches!(op, Op::Send { .. }))
    }

    /// Requests that one whole iteration sends, redirects not counted.
    #[must_use]
    pub fn requests_each(&self) -> u64 {
        self.count(|op| matches!(op, Op::Http { .. }))
    }

    /// Times that one whole iteration comes by the operations that are `counted`.
    fn count(&self, counted: impl Fn(&Op) -> bool) -> u64 {
        let mut factor: Vec<u64> = vec![1];
        let mut total: u64 = 0;
        // A loop's rounds stand at its end, so the walk goes backwards.
        for op in self.ops.iter().rev() {
            let current = factor.last().copied().unwrap_or(1);
            match op {
                Op::Next { times, .. } => factor.push(current.saturating_mul(u64::from(*times))),
                Op::Repeat | Op::Pace(_) => {
                    factor.pop();
                }
                Op::Jump { to } => factor.push(current.saturating_mul(self.slots(*to))),
                op if counted(op) => total = total.saturating_add(current),
                _ => {}
            }
        }
        total
    }

    /// `host:port` of each target of a request, each once; http and https to one of them are two connections.
    #[must_use]
    pub fn origins(&self) -> BTreeSet<(bool, String)> {
        self.requests.iter().map(|request| (request.url.secure, request.url.address())).collect()
    }

    /// Slots of the pace whose [`Op::Slot`] is at `slot`.
    fn slots(&self, slot: usize) -> u64 {
        let pace = slot.checked_sub(1).and_then(|place| self.ops.get(place));
        match pace {
            Some(Op::Pace(Pace { rate, duration: Some(duration), .. })) => {
                (duration.as_secs_f64() * rate).round() as u64
            }
            _ => 1,
        }
    }

    /// Whether an iteration lasts until the ramp takes its VU away, so that each start of a VU is one iteration.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Hold { duration: None } | Op::Pace(Pace { duration: None, .. })))
    }
}

#[cfg(test)]
mod tests;
