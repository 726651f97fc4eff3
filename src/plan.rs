//! What will happen when, as data: no clock, no sockets, no tasks. A plan can be printed, summed,
//! split over workers and tested without running anything.

use std::time::Duration;

use crate::{
    catalogue::Metric,
    config::profile::Profile,
    plan::{segment::Segment, work::Work},
};

pub mod chart;
pub mod curve;
pub mod describe;
pub mod pace;
pub mod program;
pub mod ramp;
pub mod scenario;
pub mod schedule;
pub mod segment;
pub mod slots;
pub mod work;

pub use scenario::ScenarioPlan;

/// A whole run, or an agent's segment of it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the order of the profile.
    pub scenarios: Vec<ScenarioPlan>,
    /// Metrics of the profile's own.
    pub metrics: Vec<&'static Metric>,
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
        let plan = |scenario| ScenarioPlan { data: profile.data.clone(), ..ScenarioPlan::new(scenario, segment) };
        Self { scenarios: profile.scenarios.iter().map(plan).collect(), metrics: profile.metrics.clone() }
    }

    /// The same with another course of the scenario at place `index`.
    #[must_use]
    pub fn with(&self, index: usize, course: ScenarioPlan) -> Self {
        let mut changed = self.clone();
        if let Some(scenario) = changed.scenarios.get_mut(index) {
            *scenario = course;
        }
        changed
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
        self.scenarios.iter().map(|scenario| scenario.vus_at(time)).fold(0, u32::saturating_add)
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
        self.scenarios.iter().try_fold(0_u64, |sum, scenario| Some(sum.saturating_add(scenario.iterations()?)))
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

    /// Most sockets open at one time: a VU has the WebSockets that are in one another, and keeps one connection to
    /// each origin that it has sent a request to.
    #[must_use]
    pub fn peak_sockets(&self) -> u64 {
        self.peak(|scenario| scenario.program.origins().len() as u64 + scenario.program.most_sockets(|_| ()).0)
    }

    /// Most WebSockets among them.
    #[must_use]
    pub fn peak_websockets(&self) -> u64 {
        self.peak(|scenario| scenario.program.most_sockets(|_| ()).0)
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

#[cfg(test)]
mod tests;
