//! One scenario's part of a plan: its times, its VUs and its iterations.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{data::Data, profile::Scenario},
    plan::{
        Change, Event, describe,
        program::Program,
        ramp::Ramp,
        segment::Segment,
        slots::{self, SlotNumbers},
        work::{Course, Work},
    },
    units::tags::Tags,
};

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
    /// The profile's data files.
    pub data: Arc<[Data]>,
    /// k6's sentence about the executor.
    pub description: String,
}

impl ScenarioPlan {
    pub(super) fn new(scenario: &Scenario, segment: Segment) -> Self {
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
            data: Arc::from([]),
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
        self.segment.scale(self.max_vus_of_all())
    }

    /// Most VUs that there may be on all agents together.
    #[must_use]
    pub fn max_vus_of_all(&self) -> u32 {
        match self.work {
            Work::Arrivals { max_vus, .. } | Work::Live { max_vus } => max_vus,
            Work::Loop | Work::Each { .. } | Work::Shared { .. } => self.ramp.max(),
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

    /// The same with `vus` VUs from `at` on: it leaves its curve, and its stages to come do not begin.
    #[must_use]
    pub fn with_vus(&self, at: Duration, vus: u32) -> Self {
        Self { ramp: Ramp::constant(vus, self.ramp.duration()), ..self.without_stages(at) }
    }

    /// The same with as many iterations a second from `at` on; none if it has no arrival rate, or if that is no rate.
    #[must_use]
    pub fn with_rate(&self, at: Duration, per_second: f64) -> Option<Self> {
        let Work::Arrivals { schedule, max_vus } = &self.work else { return None };
        let rate = schedule.rate_of(per_second)?;
        let schedule = Arc::new(schedule.with_rate(at.saturating_sub(self.start), rate));
        Some(Self { work: Work::Arrivals { schedule, max_vus: *max_vus }, ..self.without_stages(at) })
    }

    fn without_stages(&self, at: Duration) -> Self {
        let stages = self.stages.iter().copied().filter(|stage| *stage <= at.max(self.start)).collect();
        Self { stages, ..self.clone() }
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
        match self.work {
            Work::Loop => {}
            Work::Live { .. } => return 0,
            Work::Each { .. } | Work::Shared { .. } | Work::Arrivals { .. } => {
                return self.segment.scale(self.ramp.max()).into();
            }
        }
        let (mut starts, mut active) = (0, 0);
        for (_, target) in self.ramp.steps() {
            starts += u64::from(self.segment.scale(target).saturating_sub(self.segment.scale(active)));
            active = target;
        }
        starts
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
    pub(super) fn events(&self, scenario: usize) -> impl Iterator<Item = (Option<u32>, Event)> {
        let all = self.all_events(scenario).into_iter();
        all.filter_map(|event| match event.change {
            Change::Start { vu } | Change::Stop { vu, .. } => {
                self.segment.has(vu).then(|| (Some(self.segment.own(vu)), event))
            }
            Change::Open | Change::End { .. } => Some((None, event)),
        })
    }

    /// When it begins and ends, if its VUs are ordered.
    #[must_use]
    pub fn ordered_events(&self, scenario: usize) -> [Event; 2] {
        let event = |at: Duration, change| Event { at, scenario, change };
        [event(self.start, Change::Open), event(self.end, Change::End { cut_at: self.hard_end })]
    }

    /// Starts and stops of all VUs of the whole; the last VU started is the first stopped, and the end stops those left.
    fn all_events(&self, scenario: usize) -> Vec<Event> {
        let event = |at: Duration, change| Event { at, scenario, change };
        let end = event(self.end, Change::End { cut_at: self.hard_end });
        match self.work {
            Work::Loop => {}
            Work::Live { .. } => return self.ordered_events(scenario).into(),
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
