//! Two runs, or two sets of runs, beside each other: what differs, and whether by more than chance. Pure and repeatable:
//! the same records have the same answer.
//!
//! One run a side: of trends, a moving-block bootstrap over the parts of the runs ([`crate::outputs::record::BLOCKS`]);
//! of shares, Newcombe's interval of two proportions; of failures, the conditional test of two Poisson counts. They know
//! the noise within the runs and not that between runs. Several runs a side: Welch's t-test on the values of the runs; of
//! shares and failures what both that and their counts say, since runs without any failure know no noise.
//! Over all the rows of a comparison Holm's correction keeps the chance that equal targets differ anywhere below 5 %.

mod between_runs;
mod blocks;
mod bootstrap;
mod counts;
mod holm;
mod rows;
pub mod table;
mod warnings;

use serde::Serialize;

use crate::outputs::record::RunRecord;

/// Chance of an error that is accepted: a difference is significant below it.
pub const ALPHA: f64 = 0.05;

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// What it is compared with.
    pub base: Vec<Side>,
    /// What is judged.
    pub with: Vec<Side>,
    /// How it was tested, and what that cannot know.
    pub method: String,
    /// Why the comparison may mean little.
    pub warnings: Vec<String>,
    /// In the order of the records' metrics, failures last.
    pub rows: Vec<Row>,
}

/// A run of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// Of the run.
    pub testid: String,
    /// Of the profile.
    pub profile: String,
    /// RFC 3339.
    pub started_at: String,
    /// `passed`, `crossed` or `invalid`.
    pub verdict: String,
    /// `valid`, `suspect` or `invalid`.
    pub validity: String,
}

/// One value of both sides; means over the runs of a side.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// `ws_connecting`; `ws_connect: timeout` of failures.
    pub metric: String,
    /// `trend`, `rate`, `counter` or `failure`.
    pub kind: String,
    /// `ms`, `bytes` or empty.
    pub unit: String,
    /// `avg`, `med`, `p(95)`, `p(99)`, `value` of a rate, `rate` of counts a second.
    pub statistic: String,
    /// Of the base.
    pub base: f64,
    /// Of what is judged.
    pub with: f64,
    /// `with` - `base` as a share of the base; none of nothing.
    pub change: Option<f64>,
    /// In which `with` - `base` lies with 95 %, of this row alone; none if it was not tested.
    pub interval: Option<[f64; 2]>,
    /// Chance of such a difference between equal targets, of this row alone.
    pub p: Option<f64>,
    /// The same, corrected for the number of rows.
    pub corrected_p: Option<f64>,
    /// What it means.
    pub judgement: Judgement,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Judgement {
    /// Significantly, where it is known what is good.
    Better,
    /// Significantly, where it is known what is good.
    Worse,
    /// Significantly, where neither is good.
    Different,
    /// Chance explains it.
    NotSignificant,
    /// Too few parts or runs, or a value that the plan decides.
    NotTested,
}

impl Judgement {
    /// For people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Different => "different",
            Self::NotSignificant => "no difference",
            Self::NotTested => "not tested",
        }
    }
}

/// What a test says of a difference.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tested {
    interval: [f64; 2],
    p: f64,
}

/// Compares; each side has at least one record, or nothing is compared.
#[must_use]
pub fn compare(base: &[RunRecord], with: &[RunRecord]) -> Comparison {
    let several = base.len() > 1 || with.len() > 1;
    let mut rows = rows::rows(base, with);
    let corrected = holm::corrected(&rows.iter().filter_map(|row| row.p).collect::<Vec<_>>());
    for (row, corrected) in rows.iter_mut().filter(|row| row.p.is_some()).zip(corrected) {
        row.corrected_p = Some(corrected);
        row.judgement = if corrected < ALPHA { rows::meaning(row) } else { Judgement::NotSignificant };
    }
    let tested = rows.iter().filter(|row| row.p.is_some()).count();
    Comparison {
        base: base.iter().map(Side::of).collect(),
        with: with.iter().map(Side::of).collect(),
        method: method(several, blocks::are_paired(base, with), tested),
        warnings: warnings::warnings(base, with),
        rows,
    }
}

impl Comparison {
    /// Rows of a judgement.
    pub fn judged(&self, judgement: Judgement) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.judgement == judgement)
    }
}

impl Side {
    fn of(record: &RunRecord) -> Self {
        Self {
            testid: record.testid.clone(),
            profile: record.profile.clone(),
            started_at: record.started_at.clone(),
            verdict: record.verdict.clone(),
            validity: record.validity.level.clone(),
        }
    }
}

fn method(several: bool, paired: bool, tested: usize) -> String {
    let how = if several {
        "Welch's t-test on the values of the runs (Student's with the variance of the other side where a side has one run); \
         of shares and failures also the test of their counts in all runs together, and the larger p counts. What does not \
         vary between the runs of a side and differs between the sides is not tested by Welch's"
    } else if paired {
        "one run a side: trends by a moving-block bootstrap over the runs' parts, part by part; shares by Newcombe's \
         interval; failures by the conditional Poisson test, which takes them for independent, and bursts are not. The \
         noise from run to run is not known from one run a side: several with --base and --with tell it"
    } else {
        "one run a side, of different loads or lengths: trends by a moving-block bootstrap over the parts of each; shares \
         by Newcombe's interval; failures by the conditional Poisson test, which takes them for independent, and bursts \
         are not. The noise from run to run is not known from one run a side: several with --base and --with tell it"
    };
    format!(
        "{how}. Intervals are of 95 % for each row alone; a row is called different when Holm's correction over the \
         {tested} rows tested leaves less than 5 % for chance."
    )
}

#[cfg(test)]
pub(crate) mod tests;
