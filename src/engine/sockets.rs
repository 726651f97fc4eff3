//! The open connections of one VU, each within the steps of the one before it. Whatever the flow waits
//! for, all of them are served, in the VU's one task.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    clock::Instant,
    engine::{
        control::Control,
        mailbox::Hearing,
        session::{Goal, Session, Wait},
    },
};

/// An open connection, with where its steps are.
#[derive(Debug)]
pub struct Socket {
    /// The connection.
    pub session: Box<Session>,
    /// Place in the program's sites.
    pub site: usize,
    /// Place of its first operation.
    pub body: usize,
    /// Loops around it.
    pub rounds: usize,
    /// When it opened.
    pub opened_at: Instant,
    /// How often in a row it has replaced another one.
    pub attempts: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Sockets {
    open: Vec<Socket>,
    /// Which of them the steps are for.
    current: usize,
}

impl Sockets {
    /// The connection that the steps are for.
    pub fn current(&mut self) -> Option<&mut Session> {
        self.open.get_mut(self.current).map(|socket| &mut *socket.session)
    }

    /// Adds a connection; the steps that follow are for it.
    pub fn push(&mut self, socket: Socket) {
        // Mostly the only one.
        self.open.reserve_exact(1);
        self.open.push(socket);
        self.current = self.open.len() - 1;
    }

    /// The steps that follow are for the connection at `depth`.
    pub fn turn_to(&mut self, depth: usize) {
        let intended = self.current().map(|session| session.intended());
        self.current = depth;
        if let (Some(intended), Some(session)) = (intended, self.current()) {
            session.resume(intended);
        }
    }

    /// Waits for `goal` of the current connection.
    pub async fn wait(&mut self, control: &Control, goal: Goal) -> Wait {
        if let [only] = self.open.as_mut_slice() {
            return only.session.wait(control, goal).await;
        }
        let wait = poll_fn(|cx| self.poll(cx, control, |session, cx| session.poll_wait(cx, control, goal, None))).await;
        self.resume();
        wait
    }

    /// Waits for a slot of a pace, in the plan's time. Whenever that ends, what is queued next was intended for the
    /// slot: lateness is the generator's, and counted.
    pub async fn wait_for_slot(&mut self, control: &Control, slot: Duration) -> Wait {
        let wait = self.wait(control, Goal { slot: Some(slot), ..Goal::default() }).await;
        if let Some(session) = self.current() {
            session.resume_at_slot(slot);
        }
        wait
    }

    /// Waits until `hearing` has heard enough of the current connection, those messages first that came before.
    pub async fn hear(&mut self, control: &Control, hearing: &mut Hearing<'_>, until: Instant) -> Wait {
        if let Some(session) = self.current() {
            session.begin_hearing(hearing);
        }
        let goal = Goal { until: Some(until), ..Goal::default() };
        let wait = poll_fn(|cx| {
            let hearing = &mut *hearing;
            self.poll(cx, control, |session, cx| session.poll_wait(cx, control, goal, Some(hearing)))
        });
        let wait = wait.await;
        if let Some(session) = self.current() {
            session.end_hearing();
        }
        self.resume();
        wait
    }

    /// Polls the current connection, and serves the others.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        control: &Control,
        poll: impl FnOnce(&mut Session, &mut Context<'_>) -> Poll<Wait>,
    ) -> Poll<Wait> {
        let current = self.current;
        let others = self.open.iter_mut().enumerate().filter(|(place, _)| *place != current);
        let lost = serve(others.map(|(_, socket)| &mut *socket.session), cx, control);
        match self.current().filter(|session| !session.is_over()).map(|session| poll(session, cx)) {
            None => Poll::Ready(Wait::Lost),
            Some(Poll::Pending) if lost => Poll::Ready(Wait::Lost),
            Some(waited) => waited,
        }
    }

    /// Waits for `future` and serves the connections meanwhile. One that ends is found by [`Self::lost`].
    pub async fn serve<F: Future>(&mut self, control: &Control, mut future: Pin<&mut F>) -> F::Output {
        if self.open.is_empty() {
            return future.await;
        }
        let output = poll_fn(|cx| {
            let _lost = serve(self.open.iter_mut().map(|socket| &mut *socket.session), cx, control);
            future.as_mut().poll(cx)
        });
        let output = output.await;
        self.resume();
        output
    }

    /// Lets the other tasks of the worker have their turn. When messages were to be sent stays as it is.
    pub async fn serve_once(&mut self, control: &Control) {
        let mut yielding = pin!(tokio::task::yield_now());
        poll_fn(|cx| {
            let _lost = serve(self.open.iter_mut().map(|socket| &mut *socket.session), cx, control);
            yielding.as_mut().poll(cx)
        })
        .await;
    }

    fn resume(&mut self) {
        if let Some(session) = self.current() {
            session.resume(Instant::now());
        }
    }

    /// The outermost connection that is over.
    #[must_use]
    pub fn lost(&self) -> Option<usize> {
        self.open.iter().position(|socket| socket.session.is_over())
    }

    /// Closes the connection at `depth`, those inside it first.
    pub async fn close(&mut self, control: &Control, depth: usize, code: u16, reason: &str) -> Wait {
        let mut wait = Wait::Reached;
        while self.open.len() > depth
            && wait != Wait::Cut
            && let Some(mut socket) = self.open.pop()
        {
            let is_inner = self.open.len() > depth;
            let (code, reason) = if is_inner { (1000, "") } else { (code, reason) };
            let closing = pin!(socket.session.close(control, code, reason));
            let closed = self.serve(control, closing).await;
            wait = if wait == Wait::Lost && closed != Wait::Cut { Wait::Lost } else { closed };
        }
        self.current = depth.saturating_sub(1);
        self.resume();
        wait
    }

    /// Takes the lost connection at `depth` out, and cuts those inside it.
    pub async fn take(&mut self, control: &Control, depth: usize) -> Option<Socket> {
        let inner = self.open.split_off((depth + 1).min(self.open.len()));
        let cutting = pin!(cut(inner));
        self.current = depth;
        let lost = self.open.pop();
        self.serve(control, cutting).await;
        lost
    }

    /// Cuts all of them at once.
    pub async fn cut(self) {
        cut(self.open).await;
    }
}

/// Serves those that are not over; returns whether one is.
fn serve<'s>(sessions: impl Iterator<Item = &'s mut Session>, cx: &mut Context<'_>, control: &Control) -> bool {
    let mut lost = false;
    for session in sessions {
        if !session.is_over() {
            let _served = session.poll_serve(cx, control);
        }
        lost |= session.is_over();
    }
    lost
}

async fn cut(mut sockets: Vec<Socket>) {
    sockets.retain(|socket| !socket.session.is_over());
    let mut cuts: Vec<_> = sockets
        .into_iter()
        .map(|mut socket| {
            let until = socket.session.begin_cut();
            (socket.session, until)
        })
        .collect();
    poll_fn(|cx| {
        cuts.retain_mut(|(session, until)| session.poll_goodbye(cx, *until).is_pending());
        if cuts.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
