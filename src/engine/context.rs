//! What the VUs of one worker share.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use rand::rngs::SmallRng;

use crate::{
    clock::{Instant, StampClock, WallClock},
    engine::{
        failure_log::FailureLog,
        instruments::{GeneratorSlots, ScenarioSlots},
        pacer::Pacer,
        plan_clock::PlanClock,
    },
    metrics::recorder::Recorder,
    protocol::{connect::Connector, http::Scratch, transport::Probe},
};

/// 50 wake-ups a second are about 0.03 % of a core.
const HEARTBEAT: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug)]
pub struct WorkerContext {
    /// All counts.
    pub recorder: Rc<Recorder>,
    /// Opens connections.
    pub connector: Connector,
    /// Room for the reads of HTTP connections.
    pub scratch: Scratch,
    /// Renders messages.
    pub text: RefCell<String>,
    /// Renders values that are compared with another one.
    pub other_text: RefCell<String>,
    /// Pauses and backoff.
    pub random: RefCell<SmallRng>,
    /// Cookies outlive their iteration.
    pub keep_cookies: bool,
    /// For placeholders with wall time.
    pub wall: WallClock,
    /// Says the first failure of each kind.
    pub failures: Arc<FailureLog>,
    /// Where the generator's own delays are counted.
    pub generator: GeneratorSlots,
    /// Wakes at exact times.
    pub pacer: Rc<Pacer>,
    /// Of pauses and arrivals.
    pub seed: u64,
    /// How many workers share the run.
    pub workers: u32,
    /// The plan's time; nothing begins while it stands still.
    pub clock: Rc<Cell<PlanClock>>,
    /// Converts the kernel's time stamps; none with `latencyClock: user`.
    pub stamps: Option<Rc<StampClock>>,
}

impl WorkerContext {
    /// Where a new connection of a scenario counts its bytes.
    #[must_use]
    pub fn probe(&self, slots: &ScenarioSlots) -> Probe {
        Probe {
            recorder: self.recorder.clone(),
            sent: slots.data_sent,
            received: slots.data_received,
            read_lag: self.generator.read_lag,
            stamps: self.stamps.clone(),
        }
    }

    /// Milliseconds since 1970 at `instant`.
    #[must_use]
    pub fn now_ms(&self, instant: Instant) -> u64 {
        // In 64 bits, which last until 2554: a division of 128 takes 30 ns.
        self.wall.unix_nanos(instant) as u64 / 1_000_000
    }

    /// Asks to be woken every `HEARTBEAT` and records how late that was: what any task of this worker has to wait for
    /// the others.
    pub async fn measure_loop_lag(&self) {
        let mut next = Instant::now() + HEARTBEAT;
        loop {
            self.pacer.sleep_until(next).await;
            let now = Instant::now();
            self.recorder.observe(self.generator.loop_lag, now.nanos_since(next));
            next = now + HEARTBEAT;
        }
    }
}
