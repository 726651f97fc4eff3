//! A finished run judged on what a Prometheus server has stored of it, without the agent. Pure: which
//! questions to ask, and what the answers mean; who asks is `cli::verdict`.
//!
//! Counts, shares and percentiles are judged anew, on counters added up over the run's agents and on
//! the bucket at the threshold's own limit: exact for any number of agents. What Prometheus holds
//! rounded or not at all (extremes, times per second, hidden tags, observed targets) is the agent's
//! own word in `rampd_threshold_passed`, which is exact for one agent.

pub mod answer;
pub mod facts;

use std::time::Duration;

use crate::{
    catalogue::{self, Family, MetricKind, Source},
    config::threshold::{self, Expression, Method, Operator, Threshold},
    metrics::rank,
    slo::{
        evaluate::limit_nanos,
        promql,
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
    /// Only the agents know, and there are several.
    #[error(
        "{threshold} of {metric} cannot be judged from Prometheus for several agents; judge a count, a rate or p(N) there"
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
    /// The last stored value of every series of a family under `selector`.
    fn last(&self, series: &str, selector: &[(String, String)]) -> String {
        let own = selector.iter().map(|(tag, value)| (tag.as_str(), value.as_str()));
        let matchers: Vec<_> = [("testid", self.testid.as_str())].into_iter().chain(own).collect();
        format!("last_over_time({}[{}ms])", promql::selector(series, &matchers), self.within.as_millis())
    }

    fn sum(&self, series: &str, selector: &[(String, String)]) -> String {
        format!("sum({})", self.last(series, selector))
    }
}

/// What a threshold is judged on, with the queries for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Basis {
    /// A sum.
    Count(String),
    /// A sum among another.
    Share(String, String),
    /// Cumulative counts by `le`, of which one is at the limit.
    Buckets {
        /// The query.
        query: String,
        /// Recorded steps: nanoseconds, or millionths.
        limit: u64,
        /// Recorded steps in one unit of `le`.
        scale: u64,
    },
    /// The agents' own judgement.
    Agents,
}

impl Basis {
    /// How `threshold` is judged; `run_tags` are the labels that all series of the run have.
    #[must_use]
    pub fn of(threshold: &Threshold, scope: &Scope, run_tags: &[String]) -> Self {
        let Some(metric) = threshold.metric.load() else { return Self::Agents };
        let selector = &threshold.selector;
        let shown = |family: Family| {
            let known = |name: &str| {
                name == "scenario" || family.labels().contains(&name) || run_tags.iter().any(|tag| tag == name)
            };
            selector.iter().all(|(name, _)| known(name))
        };
        match (metric.source, metric.kind, threshold.expression.method) {
            (Source::Ratio { hits, only, total }, ..) => {
                // Requests tell failed ones apart by a hidden tag; their failures are counted by themselves.
                let (hits, only) = if only == Some(("expected_response", "false")) {
                    (Family::HttpReqFailures, None)
                } else {
                    (hits, only)
                };
                if !shown(hits) || !shown(total) {
                    return Self::Agents;
                }
                let mut narrowed = selector.clone();
                narrowed.extend(only.map(|(name, value)| (name.to_owned(), value.to_owned())));
                Self::Share(scope.sum(hits.name(), &narrowed), scope.sum(total.name(), selector))
            }
            (Source::Family(family), MetricKind::Counter, Method::Count) if shown(family) => {
                Self::Count(scope.sum(family.name(), selector))
            }
            (Source::Family(family), MetricKind::Trend, _) if shown(family) => match limit_nanos(threshold) {
                Some((_, limit)) if !is_equality(threshold.expression) => Self::Buckets {
                    query: format!("sum by (le) ({})", scope.last(&format!("{}_bucket", family.name()), selector)),
                    limit,
                    scale: family.scale(),
                },
                _ => Self::Agents,
            },
            _ => Self::Agents,
        }
    }

    /// What to ask.
    #[must_use]
    pub fn queries(&self) -> Vec<&str> {
        match self {
            Self::Count(query) | Self::Buckets { query, .. } => vec![query],
            Self::Share(hits, total) => vec![hits, total],
            Self::Agents => Vec::new(),
        }
    }
}

fn is_equality(expression: Expression) -> bool {
    matches!(expression.operator, Operator::Equal | Operator::NotEqual)
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

/// Judges one threshold on the answers to the queries of its basis, in their order.
///
/// # Errors
/// There is no exact answer, or two that differ.
pub fn judge(threshold: &Threshold, basis: &Basis, answers: &[Vec<Sample>], facts: &Facts) -> Result<Judged, Error> {
    let name = || (threshold.name.clone(), threshold.source.clone());
    let claim = facts.claim(&threshold.name, &threshold.source);
    let expression = threshold.expression;
    let sum = |index: usize| answers.get(index).map_or(0.0, |samples| total(samples));
    let (holds, empty, found) = match basis {
        Basis::Agents => return by_word(&threshold.name, &threshold.source, facts),
        Basis::Count(_) => {
            (expression.operator.holds(sum(0), expression.limit), sum(0) == 0.0, format!("count={}", sum(0)))
        }
        Basis::Share(..) => {
            let (hits, all) = (sum(0), sum(1));
            let holds = all > 0.0 && expression.operator.holds(hits / all, expression.limit);
            (holds, all == 0.0, format!("{hits} of {all}"))
        }
        Basis::Buckets { limit, scale, .. } => {
            let samples = answers.first().map_or(&[][..], Vec::as_slice);
            let all = samples.iter().find(|sample| sample.bound() == Some(f64::INFINITY)).map_or(0.0, |all| all.value);
            let at_limit = samples
                .iter()
                .find(|sample| sample.bound().is_some_and(|bound| (bound * *scale as f64).round() == *limit as f64));
            if all > 0.0 && at_limit.is_none() {
                let (metric, threshold) = name();
                return Err(Error::NoBucket { metric, threshold });
            }
            let within = at_limit.map_or(0.0, |sample| sample.value);
            let percent = if let Method::Percentile(percent) = expression.method { percent } else { 50.0 };
            let reached = within as u64 >= rank::nearest_rank(percent, all as u64);
            let below = matches!(expression.operator, Operator::Less | Operator::LessOrEqual);
            (all > 0.0 && reached == below, all == 0.0, format!("{within} of {all} within the limit"))
        }
    };
    // Without a sample an agent's yes is allowEmpty: nothing else lets such a threshold pass.
    let allowed = threshold.allow_empty || claim.is_some_and(Claim::all_passed);
    let passed = holds || (empty && allowed);
    let (metric, threshold) = name();
    if facts.agents == 1
        && let Some(claim) = claim
        && claim.all_passed() != passed
    {
        let word = |passed| if passed { "passed" } else { "crossed" };
        return Err(Error::Disagree { metric, threshold, stored: word(passed), agent: word(claim.all_passed()) });
    }
    Ok(Judged { metric, threshold, passed, found })
}

/// Takes the agents' own judgement of one threshold.
///
/// # Errors
/// There are several agents, whose judgements do not add up, or none has judged it.
pub fn by_word(metric: &str, threshold: &str, facts: &Facts) -> Result<Judged, Error> {
    let (metric, threshold) = (metric.to_owned(), threshold.to_owned());
    match facts.claim(&metric, &threshold) {
        Some(claim) if facts.agents == 1 && !claim.passed.is_empty() => {
            let found = claim.value.map_or_else(|| "no sample".to_owned(), |value| format!("value={value}"));
            Ok(Judged { metric, threshold, passed: claim.all_passed(), found: format!("{found}, by the agent") })
        }
        _ => Err(Error::Undecidable { metric, threshold }),
    }
}

#[cfg(test)]
mod tests;
