//! A finished run judged on what a Prometheus server has stored of it, without the agent. Pure: which
//! questions to ask, and what the answers mean; who asks is `cli::verdict`.
//!
//! A threshold is measured and compared as its alert is (`slo::judgement`): counts, shares and percentiles exactly, for any
//! number of agents. What Prometheus holds rounded (means, extremes, times per second) is the word of the agent that has judged it: the
//! only one, or the leader of a fleet. Without such a word it is computed, and what Prometheus does not hold at all (hidden
//! tags, observed targets) is not judged.

pub mod answer;
pub mod facts;

use std::time::Duration;

use crate::{
    catalogue::{self, MetricKind},
    config::threshold::{self, Threshold},
    slo::{
        judgement::{self, Form, Judgement},
        remote::{
            answer::{Sample, total},
            facts::{Claim, Facts},
        },
    },
};

/// Why there is no verdict.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The answer is not one of Prometheus.
    #[error("{0}; is it the address of a Prometheus server?")]
    Answer(String),
    /// Nothing is stored under this name.
    #[error("no series of testid \"{0}\" in Prometheus; is it scraped, and is the run within --within?")]
    NoRun(String),
    /// Some agents have not ended, or were lost.
    #[error(
        "the final state of {missing} of {agents} agents is not in Prometheus: still running, lost, never there, or not scraped at the end (--linger)"
    )]
    NotOver {
        /// Agents without a final state.
        missing: usize,
        /// All of them.
        agents: usize,
    },
    /// Two scrape jobs read one agent: every sum would count it twice.
    #[error("an agent is stored twice ({0}); let one scrape job read it")]
    Twice(String),
    /// Only the agents know, and there is no single word.
    #[error(
        "{threshold} of {metric} cannot be judged from Prometheus: only the agents know it, and several have judged it or none; judge a count, a rate or p(N) there"
    )]
    Undecidable {
        /// As typed.
        metric: String,
        /// As typed.
        threshold: String,
    },
    /// The threshold's limit is no bucket: it was not in the profile that was run.
    #[error("no bucket at the limit of {threshold} of {metric}; only thresholds of the profile that was run are exact")]
    NoBucket {
        /// As typed.
        metric: String,
        /// As typed.
        threshold: String,
    },
    /// The counters and the agent's own judgement differ.
    #[error("{threshold} of {metric}: Prometheus says {stored}, the agent said {agent}; please report this as a bug")]
    Disagree {
        /// As typed.
        metric: String,
        /// As typed.
        threshold: String,
        /// By the stored counters.
        stored: &'static str,
        /// By the agent.
        agent: &'static str,
    },
}

/// Which series, and how far back.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Label of the run.
    pub testid: String,
    /// At least the time since the run's last scrape.
    pub within: Duration,
}

impl Scope {
    /// As judgements have it.
    fn series(&self) -> judgement::Scope {
        let window = format!("{}ms", self.within.as_millis());
        judgement::Scope { window, testid: Some(self.testid.clone()), zero: None }
    }
}

/// What to ask about a threshold, one or two questions; none if only the agents' word is to be had.
#[must_use]
pub fn questions(judgement: &Judgement<'_>, scope: &Scope, facts: &Facts) -> Vec<String> {
    if is_by_word(judgement, facts) {
        return Vec::new();
    }
    let series = scope.series();
    let parts = judgement.parts(&series);
    std::iter::once(parts.value).chain(parts.over.or_else(|| judgement.samples(&series))).collect()
}

fn is_by_word(judgement: &Judgement<'_>, facts: &Facts) -> bool {
    let Threshold { name, source, .. } = judgement.threshold;
    let has_word = || facts.agents == 1 || facts.word(name, source).is_some();
    judgement.form == Form::Agent || (!judgement.form.is_exact() && has_word())
}

/// What one threshold came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// As typed.
    pub metric: String,
    /// As typed.
    pub threshold: String,
    /// Whether it was met.
    pub passed: bool,
    /// What was found, for people.
    pub found: String,
}

/// The threshold that a claim is about; none for a metric of the profile's own or of a target.
#[must_use]
pub fn threshold_of(claim: &Claim) -> Option<Threshold> {
    let (name, selector) = threshold::parse_name(&claim.metric).ok()?;
    let metric = catalogue::find(name)?;
    Some(Threshold {
        metric: metric.into(),
        selector,
        name: claim.metric.clone(),
        source: claim.threshold.clone(),
        expression: threshold::parse_expression(&claim.threshold, metric).ok()?,
        abort_on_fail: false,
        delay_abort_eval: Duration::ZERO,
        allow_empty: false,
    })
}

/// What was found of a threshold.
struct Found {
    holds: bool,
    /// Without a sample.
    empty: bool,
    /// For people.
    text: String,
}

/// Judges one threshold on the answers to its questions, in their order.
///
/// # Errors
/// There is no exact answer, or two that differ.
pub fn judge(judgement: &Judgement<'_>, answers: &[Vec<Sample>], facts: &Facts) -> Result<Judged, Error> {
    let threshold = judgement.threshold;
    if is_by_word(judgement, facts) {
        return by_word(&threshold.name, &threshold.source, facts);
    }
    let claim = facts.claim(&threshold.name, &threshold.source);
    let Found { holds, empty, text } = found(judgement, answers)?;
    // Without a sample an agent's yes is allowEmpty: nothing else lets such a threshold pass.
    let allowed = threshold.allow_empty || claim.is_some_and(Claim::all_passed);
    let passed = holds || (empty && allowed);
    let (metric, threshold) = (threshold.name.clone(), threshold.source.clone());
    if let Some(claim) = facts.word(&metric, &threshold)
        && claim.all_passed() != passed
    {
        let word = |passed| if passed { "passed" } else { "crossed" };
        return Err(Error::Disagree { metric, threshold, stored: word(passed), agent: word(claim.all_passed()) });
    }
    Ok(Judged { metric, threshold, passed, found: text })
}

fn found(judgement: &Judgement<'_>, answers: &[Vec<Sample>]) -> Result<Found, Error> {
    let known = |index: usize| answers.get(index).filter(|samples| !samples.is_empty()).map(|samples| total(samples));
    let (value, over) = (known(0).unwrap_or(0.0), known(1).unwrap_or(0.0));
    let not_crossed = |measured: f64| !judgement.crossing().holds(measured);
    let of_samples = |text| Found { holds: over > 0.0 && not_crossed(value / over), empty: over == 0.0, text };
    Ok(match &judgement.form {
        Form::Bucket { .. } if over > 0.0 && known(0).is_none() => {
            let (metric, threshold) = (judgement.threshold.name.clone(), judgement.threshold.source.clone());
            return Err(Error::NoBucket { metric, threshold });
        }
        Form::Bucket { .. } => of_samples(format!("{value} of {over} within the limit")),
        Form::Share { .. } => of_samples(format!("{value} of {over}")),
        Form::Mean { .. } => of_samples(format!("value={}", value / over)),
        // Samples whose extreme no agent has said: it was not in the profile that was run.
        Form::Extreme { .. } if over > 0.0 && known(0).is_none() => {
            let (metric, threshold) = (judgement.threshold.name.clone(), judgement.threshold.source.clone());
            return Err(Error::Undecidable { metric, threshold });
        }
        Form::Extreme { .. } => {
            let empty = over == 0.0;
            Found { holds: !empty && not_crossed(value), empty, text: format!("value={value}") }
        }
        Form::Sum { .. } => {
            let name = if judgement.threshold.metric.kind() == MetricKind::Gauge { "value" } else { "count" };
            Found { holds: not_crossed(value), empty: value == 0.0, text: format!("{name}={value}") }
        }
        Form::PerSecond { .. } => {
            let rate = value / over;
            Found { holds: not_crossed(rate), empty: value == 0.0, text: format!("value={rate}") }
        }
        // By word, see above.
        Form::Agent => Found { holds: false, empty: true, text: String::new() },
    })
}

/// Takes the word of the agent that has judged one threshold.
///
/// # Errors
/// There are several, whose judgements do not add up, or none.
pub fn by_word(metric: &str, threshold: &str, facts: &Facts) -> Result<Judged, Error> {
    let (metric, threshold) = (metric.to_owned(), threshold.to_owned());
    let Some(claim) = facts.word(&metric, &threshold) else { return Err(Error::Undecidable { metric, threshold }) };
    let found = claim.value.map_or_else(|| "no sample".to_owned(), |value| format!("value={value}"));
    Ok(Judged { metric, threshold, passed: claim.all_passed(), found: format!("{found}, by the agent") })
}

#[cfg(test)]
mod tests;
