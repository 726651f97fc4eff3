//! What Grafana is told of a run: when it begins, its stages, and its planned end.

use crate::{
    agent::{
        annotate::{Mark, Marks},
        control::Control,
        facts,
    },
    outputs::annotation::{self, RunName},
};

impl Control {
    /// The marks of the run, at the times that `/metrics` has.
    #[must_use]
    pub fn marks(&self, run: RunName<'_>) -> Marks {
        let (start, plan) = (self.live.start, &self.plan);
        let at = self.wall.unix_nanos(start);
        let planned_end = (!plan.is_endless()).then(|| self.wall.unix_nanos(start + plan.duration()));
        let begins = plan.scenarios.iter().flat_map(|scenario| scenario.stages.iter().map(|at| start + *at));
        let stages = begins.zip(facts::stages(&self.steered, &self.wall, start));
        Marks {
            start: at,
            run: Mark { at: start, annotation: annotation::of_run(run, at, planned_end) },
            stages: stages.map(|(at, stage)| Mark { at, annotation: annotation::of_stage(run, &stage) }).collect(),
        }
    }
}
