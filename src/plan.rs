//! What will happen when, as data: no clock, no sockets, no tasks. A plan can be printed, summed,
//! split over workers and tested without running anything.

use std::{sync::Arc, time::Duration};

use crate::{
    catalogue::Metric,
    config::{
        data::Data,
        profile::{Executor, Profile, Scenario},
    },
    plan::{program::Program, ramp::Ramp},
    units::tags::Tags,
};

pub mod chart;
pub mod describe;
pub mod pace;
pub mod program;
pub mod ramp;

/// A whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order of the profile.
    pub scenarios: Vec<ScenarioPlan>,
    /// Metrics of the profile's own.
    pub metrics: Vec<&'static Metric>,
}

/// One scenario of a run. All times count from the start of the run.
#[derive(Debug, Clone)]
pub struct ScenarioPlan {
    /// Name in tags and messages.
    pub name: String,
    /// Tags of its samples, without `scenario`.
    pub tags: Tags,
    /// When the ramp begins.
    pub start: Duration,
    /// When the ramp is over and no iteration may begin.
    pub end: Duration,
    /// When the last iteration is cut: `end` and gracefulStop.
    pub hard_end: Duration,
    /// How long an iteration may go on after the ramp has taken its VU away; never beyond `hard_end`.
    pub graceful_ramp_down: Duration,
    /// Target of VUs over time, counted from `start`.
    pub ramp: Ramp,
    /// Starts of the stages, as typed.
    pub stages: Vec<Duration>,
    /// What each iteration does.
    pub program: Arc<Program>,
    /// The profile's data files.
    pub data: Arc<[Data]>,
    /// k6's sentence about the executor.
    pub description: String,
}

/// A change for one VU of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VuEvent {
    /// Since the start of the run.
    pub at: Duration,
    /// Which scenario, by its place in the plan.
    pub scenario: usize,
    /// Which VU, from 0.
    pub vu: u32,
    /// What happens.
    pub change: VuChange,
}

/// What happens to a VU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VuChange {
    /// It begins iterations, or goes on with the one it is still finishing.
    Start,
    /// It begins no more iterations, and the one it is in is cut at `cut_at` (since the start of the run).
    Stop {
        /// When the current iteration is cut.
        cut_at: Duration,
    },
}

impl Plan {
    /// Plans a profile.
    #[must_use]
    pub fn new(profile: &Profile) -> Self {
        let plan = |scenario| ScenarioPlan { data: profile.data.clone(), ..ScenarioPlan::new(scenario) };
        Self { scenarios: profile.scenarios.iter().map(plan).collect(), metrics: profile.metrics.clone() }
    }

    /// Time from the start to the last scenario's regular end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.scenarios.iter().map(|scenario| scenario.end).max().unwrap_or_default()
    }

    /// The same with every gracefulStop used up.
    #[must_use]
    pub fn max_duration(&self) -> Duration {
        self.scenarios.iter().map(|scenario| scenario.hard_end).max().unwrap_or_default()
    }

    /// VUs planned at `time` over all scenarios.
    #[must_use]
    pub fn vus_at(&self, time: Duration) -> u32 {
        self.scenarios.iter().map(|scenario| scenario.vus_at(time)).sum()
    }

    /// Most VUs planned at any one time from `from` until before `to`.
    #[must_use]
    pub fn peak_between(&self, from: Duration, to: Duration) -> u32 {
        // Targets are straight lines between the ends of stages, so the highest is at one of them or at an end.
        let last = to.saturating_sub(Duration::from_nanos(1)).max(from);
        let corners = self.scenarios.iter().flat_map(|scenario| scenario.stages.iter().copied());
        let inside = corners.filter(|corner| (from..to).contains(corner));
        inside.chain([from, last]).map(|time| self.vus_at(time)).max().unwrap_or(0)
    }

    /// Most VUs that can be in an iteration at one time, those being stopped gracefully included.
    #[must_use]
    pub fn peak_vus(&self) -> u32 {
        u32::try_from(self.peak(|_| 1)).unwrap_or(u32::MAX)
    }

    /// Most sockets open at one time: a VU has the WebSockets that are in one another, and keeps one connection to
    /// each origin that it has sent a request to.
    #[must_use]
    pub fn peak_sockets(&self) -> u64 {
        self.peak(|scenario| scenario.program.origins().len() as u64 + scenario.program.most_sockets().0)
    }

    /// Most WebSockets among them.
    #[must_use]
    pub fn peak_websockets(&self) -> u64 {
        self.peak(|scenario| scenario.program.most_sockets().0)
    }

    /// Scenarios whose windows overlap add up; within its window a scenario counts with its highest
    /// target, because VUs that are being stopped may live as long as gracefulStop allows.
    fn peak(&self, each: impl Fn(&ScenarioPlan) -> u64) -> u64 {
        let overlapping = |instant: Duration| {
            let inside = self.scenarios.iter().filter(|other| other.start <= instant && instant < other.hard_end);
            inside.map(|other| each(other) * u64::from(other.ramp.max())).sum()
        };
        self.scenarios.iter().map(|scenario| overlapping(scenario.start)).max().unwrap_or(0)
    }

    /// Changes of the VUs that worker `worker` of `workers` drives, in the order of time. VU n belongs to
    /// worker n modulo `workers`, so that every worker has an even share of each moment of the ramp.
    #[must_use]
    pub fn events(&self, worker: u32, workers: u32) -> Vec<VuEvent> {
        let scenarios = self.scenarios.iter().enumerate();
        let mut events: Vec<_> = scenarios
            .flat_map(|(index, scenario)| scenario.events(index))
            .filter(|event| event.vu % workers == worker)
            .collect();
        events.sort_by_key(|event| event.at);
        events
    }
}

impl ScenarioPlan {
    fn new(scenario: &Scenario) -> Self {
        let (ramp, graceful_ramp_down) = match &scenario.executor {
            Executor::ConstantVus { vus, duration } => (Ramp::constant(*vus, *duration), scenario.graceful_stop),
            Executor::RampingVus { start_vus, stages, graceful_ramp_down } => {
                (Ramp::new(*start_vus, stages), *graceful_ramp_down)
            }
        };
        let start = scenario.start_time;
        let end = start + ramp.duration();
        Self {
            name: scenario.name.clone(),
            tags: scenario.tags.clone(),
            start,
            end,
            hard_end: end + scenario.graceful_stop,
            graceful_ramp_down,
            stages: ramp.stage_starts().map(|offset| start + offset).collect(),
            ramp,
            program: Arc::new(Program::new(&scenario.flow)),
            data: Arc::from([]),
            description: describe::executor(scenario),
        }
    }

    /// VUs planned at `time` since the start of the run.
    #[must_use]
    pub fn vus_at(&self, time: Duration) -> u32 {
        if time < self.start || time >= self.end { 0 } else { self.ramp.at(time - self.start) }
    }

    /// How often VUs are started in all.
    #[must_use]
    pub fn starts(&self) -> u64 {
        let starts = self.events(0).into_iter().filter(|event| event.change == VuChange::Start);
        starts.count() as u64
    }

    /// Starts and stops of all VUs; the last VU started is the first stopped, and the end stops those left.
    fn events(&self, scenario: usize) -> Vec<VuEvent> {
        let mut events = Vec::new();
        let mut active = 0;
        let event = |at: Duration, vu: u32, change| VuEvent { at, scenario, vu, change };
        for (offset, target) in self.ramp.steps() {
            let at = self.start + offset;
            for vu in active..target {
                events.push(event(at, vu, VuChange::Start));
            }
            let cut_at = (at + self.graceful_ramp_down).min(self.hard_end);
            for vu in (target..active).rev() {
                events.push(event(at, vu, VuChange::Stop { cut_at }));
            }
            active = target;
        }
        for vu in (0..active).rev() {
            events.push(event(self.end, vu, VuChange::Stop { cut_at: self.hard_end }));
        }
        events
    }
}
