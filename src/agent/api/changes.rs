//! Changing a run: stop, pause, resume, scale.

use hyper::{Request, Response, body::Incoming};
use serde::{Deserialize, Serialize};

use crate::{
    agent::{
        api::{
            answer::{self, Body},
            problem::Problem,
            request,
            route::Operation,
            status::Showcase,
        },
        daemon::desk::{Change, Desk},
    },
    outputs::run_status::Phase,
};

/// The body of a change that needs no more words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Of `scale`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Scale {
    scenario: Option<String>,
    vus: Option<u32>,
    per_second: Option<f64>,
}

/// How the run stands after the change.
#[derive(Debug, Serialize)]
struct Changed<'c> {
    id: &'c str,
    /// None of a run that was still waiting for its turn.
    phase: Option<Phase>,
}

impl Scale {
    fn change(self) -> Result<Change, Problem> {
        let Self { scenario, vus, per_second } = self;
        match (vus, per_second) {
            (Some(vus), None) => Ok(Change::ScaleVus { scenario, vus }),
            (None, Some(rate)) if rate.is_finite() && rate >= 0.0 => {
                Ok(Change::ScaleRate { scenario, per_second: rate })
            }
            (None, Some(_)) => Err(Problem::invalid("`perSecond` is a number from 0 on")),
            _ => Err(Problem::invalid("give either `vus` or `perSecond`")),
        }
    }
}

pub(super) async fn change(
    desk: &Desk,
    showcase: &Showcase,
    name: &str,
    operation: Operation,
    request: Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let change = if operation == Operation::ScaleRun {
        request::read::<Scale>(request).await?.change()?
    } else {
        let Nothing {} = request::read(request).await?;
        match operation {
            Operation::PauseRun => Change::Pause,
            Operation::ResumeRun => Change::Resume,
            _ => Change::Stop,
        }
    };
    // Before the change: afterwards `current` may be another.
    let current = showcase.run().filter(|run| run.phase != Phase::Finished);
    let id = match &current {
        Some(run) if name == "current" => run.id.clone(),
        _ => name.to_owned(),
    };
    desk.change(id.clone(), change).await?;
    let phase = showcase.run().filter(|run| run.id == id).map(|run| run.phase);
    answer::value(&Changed { id: &id, phase })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_vus_or_a_rate_is_ordered() {
        let change = |text| serde_json::from_str::<Scale>(text).unwrap().change();
        assert_eq!(change(r#"{"vus":5}"#), Ok(Change::ScaleVus { scenario: None, vus: 5 }));
        let rate = Change::ScaleRate { scenario: Some("a".to_owned()), per_second: 0.5 };
        assert_eq!(change(r#"{"scenario":"a","perSecond":0.5}"#), Ok(rate));
        for bad in ["{}", r#"{"vus":1,"perSecond":1}"#, r#"{"perSecond":-1}"#] {
            assert!(change(bad).is_err(), "{bad}");
        }
    }
}
