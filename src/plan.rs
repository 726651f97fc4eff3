//! What will happen when, as data: no clock, no sockets, no tasks. A plan can be printed, summed,
//! split over workers and tested without running anything.

use std::{sync::Arc, time::Duration};

use crate::{
    config::profile::{Profile, Scenario},
    plan::{
        program::Program,
        ramp::Ramp,
        segment::Segment,
        slots::SlotNumbers,
        work::{Course, Work},
    },
    units::tags::Tags,
};

pub mod chart;
pub mod describe;
pub mod pace;
pub mod program;
pub mod ramp;
pub mod schedule;
pub mod segment;
pub mod slots;
pub mod work;

/// A whole run, or an agent's segment of it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order of the profile.
    pub scenarios: Vec<ScenarioPlan>,
}

/// One scenario of a run. All times count from the start of the run. Numbers of VUs, slots and
/// iterations are those of this segment, except in `ramp` and `work`, which are the whole's.
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
    /// Whether it ends only when the run is stopped; `end` is then ten years from `start`.
    pub endless: bool,
    /// How long an iteration may go on after the ramp has taken its VU away; never beyond `hard_end`.
    pub graceful_ramp_down: Duration,
    /// Target of VUs over time, counted from `start`: of an arrival rate the VUs that are there from
    /// the start, of VUs set live the first ones.
    pub ramp: Ramp,
    /// What gives the VUs iterations.
    pub work: Work,
    /// Which part of the whole run this is.
    pub segment: Segment,
    /// Starts of the stages, as typed.
    pub stages: Vec<Duration>,
    /// What each iteration does.
    pub program: Arc<Program>,
    /// k6's sentence about the executor.
    pub description: String,
}

/// A change in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Since the start of the run.
    pub at: Duration,
    /// Which scenario, by its place in the plan.
    pub scenario: usize,
    /// What happens.
    pub change: Change,
}

/// What happens in a scenario. VUs are numbered from 0 over the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The VU begins iterations, or goes on with the one it is still finishing.
    Start {
        /// Which one.
        vu: u32,
    },
    /// The VU begins no more iterations, and the one it is in is cut at `cut_at` (since the start of the run).
    Stop {
        /// Which one.
        vu: u32,
        /// When the current iteration is cut.
        cut_at: Duration,
    },
    /// From here on as many VUs run as have been asked for.
    Open,
    /// No iteration begins any more; those going on are cut at `cut_at` (since the start of the run).
    End {
        /// When current iterations are cut.
        cut_at: Duration,
    },
}

impl Plan {
    /// Plans a whole run.
    #[must_use]
    pub fn new(profile: &Profile) -> Self {
        Self::of_segment(profile, Segment::WHOLE)
    }

    /// Plans an agent's part of a run. The parts of all agents together are exactly the whole run.
    #[must_use]
    pub fn of_segment(profile: &Profile, segment: Segment) -> Self {
        Self { scenarios: profile.scenarios.iter().map(|scenario| ScenarioPlan::new(scenario, segment)).collect() }
    }

    /// Time from the start to the last scenario's regular end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.scenarios.iter().map(|scenario| scenario.end).max().unwrap_or_default()
    }

    /// Whether the run ends only when it is stopped.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.scenarios.iter().any(|scenario| scenario.endless)
    }

    /// Time to the end of the last scenario that ends neither with its iterations nor only when it is
    /// stopped; none if there is none.
    #[must_use]
    pub fn foreseeable(&self) -> Option<Duration> {
        let counted = |scenario: &&ScenarioPlan| matches!(scenario.work, Work::Each { .. } | Work::Shared { .. });
        let timed = self.scenarios.iter().filter(|scenario| !scenario.endless && !counted(scenario));
        timed.map(|scenario| scenario.end).max()
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

    /// Iterations per second that arrival rates ask for at `time`.
    #[must_use]
    pub fn rate_at(&self, time: Duration) -> f64 {
        self.scenarios.iter().map(|scenario| scenario.rate_at(time)).sum()
    }

    /// Whether any scenario is an arrival rate.
    #[must_use]
    pub fn has_arrivals(&self) -> bool {
        self.scenarios.iter().any(|scenario| matches!(scenario.work, Work::Arrivals { .. }))
    }

    /// Whether the number of VUs at each moment is the plan's alone: they loop until it takes them away.
    #[must_use]
    pub fn loops(&self) -> bool {
        self.scenarios.iter().all(|scenario| matches!(scenario.work, Work::Loop))
    }

    /// Iterations of all scenarios; none if a scenario has as many as its VUs manage.
    #[must_use]
    pub fn iterations(&self) -> Option<u64> {
        self.scenarios.iter().map(ScenarioPlan::iterations).sum()
    }

    /// Most VUs planned at any one time from `from` until before `to`.
    #[must_use]
    pub fn peak_between(&self, from: Duration, to: Duration) -> u32 {
        // Targets are straight lines between the ends of stages, so the highest is at one of them or at an end.
        self.moments(from, to).map(|time| self.vus_at(time)).max().unwrap_or(0)
    }

    /// Highest rate of iterations at any one time from `from` until before `to`.
    #[must_use]
    pub fn peak_rate_between(&self, from: Duration, to: Duration) -> f64 {
        self.moments(from, to).map(|time| self.rate_at(time)).fold(0.0, f64::max)
    }

    /// From, until just before `to`, and the beginnings of stages between them with the instants just before.
    fn moments(&self, from: Duration, to: Duration) -> impl Iterator<Item = Duration> {
        let before = |time: Duration| time.saturating_sub(Duration::from_nanos(1));
        let corners = self.scenarios.iter().flat_map(|scenario| scenario.stages.iter().copied());
        let inside = corners.filter(move |corner| (from..to).contains(corner));
        inside.flat_map(move |corner| [corner, before(corner).max(from)]).chain([from, before(to).max(from)])
    }

    /// Most VUs that can be in an iteration at one time, those being stopped gracefully included.
    #[must_use]
    pub fn peak_vus(&self) -> u32 {
        u32::try_from(self.peak(|_| 1)).unwrap_or(u32::MAX)
    }

    /// Most sockets open at one time: a VU has at most one WebSocket, and keeps one connection to
    /// each origin that it has sent a request to.
    #[must_use]
    pub fn peak_sockets(&self) -> u64 {
        self.peak(|scenario| scenario.program.origins().len() as u64 + u64::from(!scenario.program.sites.is_empty()))
    }

    /// Most WebSockets among them.
    #[must_use]
    pub fn peak_websockets(&self) -> u64 {
        self.peak(|scenario| u64::from(!scenario.program.sites.is_empty()))
    }

    /// Scenarios whose windows overlap add up; within its window a scenario counts with its highest
    /// target, because VUs that are being stopped may live as long as gracefulStop allows.
    fn peak(&self, each: impl Fn(&ScenarioPlan) -> u64) -> u64 {
        let overlapping = |instant: Duration| {
            let inside = self.scenarios.iter().filter(|other| other.start <= instant && instant < other.hard_end);
            inside.map(|other| each(other) * u64::from(other.max_vus())).sum()
        };
        self.scenarios.iter().map(|scenario| overlapping(scenario.start)).max().unwrap_or(0)
    }

    /// Changes that a worker sees, in the order of time: those of its own VUs, and of whole scenarios.
    /// An agent's VU n belongs to worker n modulo their number, so that every worker has an even share
    /// of each moment of the ramp.
    #[must_use]
    pub fn events(&self, worker: Segment) -> Vec<Event> {
        let scenarios = self.scenarios.iter().enumerate();
        let mut events: Vec<_> = scenarios
            .flat_map(|(index, scenario)| scenario.events(index))
            .filter(|(vu, _)| vu.is_none_or(|own| worker.has(own)))
            .map(|(_, event)| event)
            .collect();
        events.sort_by_key(|event| event.at);
        events
    }
}

impl ScenarioPlan {
    fn new(scenario: &Scenario, segment: Segment) -> Self {
        let Course { ramp, work, graceful_ramp_down, stages, endless } = Course::of(scenario);
        let start = scenario.start_time;
        let end = start + ramp.duration();
        Self {
            name: scenario.name.clone(),
            tags: scenario.tags.clone(),
            start,
            end,
            hard_end: end + scenario.graceful_stop,
            endless,
            graceful_ramp_down,
            stages: stages.into_iter().map(|offset| start + offset).collect(),
            ramp,
            work,
            segment,
            program: Arc::new(Program::new(&scenario.flow)),
            description: describe::executor(scenario),
        }
    }

    /// VUs planned at `time` since the start of the run.
    #[must_use]
    pub fn vus_at(&self, time: Duration) -> u32 {
        if time < self.start || time >= self.end { 0 } else { self.segment.scale(self.ramp.at(time - self.start)) }
    }

    /// VUs that are there without being added or asked for.
    #[must_use]
    pub fn planned_vus(&self) -> u32 {
        self.segment.scale(self.ramp.max())
    }

    /// Most VUs that there may be.
    #[must_use]
    pub fn max_vus(&self) -> u32 {
        match self.work {
            Work::Arrivals { max_vus, .. } | Work::Live { max_vus } => self.segment.scale(max_vus),
            Work::Loop | Work::Each { .. } | Work::Shared { .. } => self.planned_vus(),
        }
    }

    /// Iterations per second that an arrival rate asks for at `time`, 0 for other executors.
    #[must_use]
    pub fn rate_at(&self, time: Duration) -> f64 {
        match &self.work {
            Work::Arrivals { schedule, max_vus } if time >= self.start && time < self.end => {
                let share = f64::from(self.segment.scale(*max_vus)) / f64::from(*max_vus);
                schedule.rate_at(time - self.start) * share
            }
            _ => 0.0,
        }
    }

    /// Iterations if all begin; none where there are as many as the VUs manage.
    #[must_use]
    pub fn iterations(&self) -> Option<u64> {
        match &self.work {
            Work::Loop | Work::Live { .. } => None,
            Work::Each { iterations } => Some(iterations.saturating_mul(self.planned_vus().into())),
            Work::Shared { iterations } => Some(slots::share(self.ramp.max(), self.segment, *iterations)),
            Work::Arrivals { schedule, max_vus } => Some(slots::share(*max_vus, self.segment, schedule.total())),
        }
    }

    /// How often VUs are started in all.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.events(0).filter(|(_, event)| matches!(event.change, Change::Start { .. })).count() as u64
    }

    /// The slots of `worker` in an arrival rate; none if it has no slot.
    #[must_use]
    pub fn slots(&self, worker: Segment) -> Option<SlotNumbers> {
        match self.work {
            Work::Arrivals { max_vus, .. } => SlotNumbers::new(max_vus, self.segment, worker),
            _ => None,
        }
    }

    /// Changes of this segment, with the segment's own number of the VU.
    fn events(&self, scenario: usize) -> impl Iterator<Item = (Option<u32>, Event)> {
        let all = self.all_events(scenario).into_iter();
        all.filter_map(|event| match event.change {
            Change::Start { vu } | Change::Stop { vu, .. } => {
                self.segment.has(vu).then(|| (Some(self.segment.own(vu)), event))
            }
            Change::Open | Change::End { .. } => Some((None, event)),
        })
    }

    /// Starts and stops of all VUs of the whole; the last VU started is the first stopped, and the end stops those left.
    fn all_events(&self, scenario: usize) -> Vec<Event> {
        let event = |at: Duration, change| Event { at, scenario, change };
        let end = event(self.end, Change::End { cut_at: self.hard_end });
        match self.work {
            Work::Loop => {}
            Work::Live { .. } => return vec![event(self.start, Change::Open), end],
            Work::Each { .. } | Work::Shared { .. } | Work::Arrivals { .. } => {
                let starts = (0..self.ramp.max()).map(|vu| event(self.start, Change::Start { vu }));
                return starts.chain([end]).collect();
            }
        }
        let mut events = Vec::new();
        let mut active = 0;
        for (offset, target) in self.ramp.steps() {
            let at = self.start + offset;
            for vu in active..target {
                events.push(event(at, Change::Start { vu }));
            }
            let cut_at = (at + self.graceful_ramp_down).min(self.hard_end);
            for vu in (target..active).rev() {
                events.push(event(at, Change::Stop { vu, cut_at }));
            }
            active = target;
        }
        for vu in (0..active).rev() {
            events.push(event(self.end, Change::Stop { vu, cut_at: self.hard_end }));
        }
        events
    }
}

#[cfg(test)]
mod tests;
