//! The distributions of consecutive parts of a run, all of about the same length: [`BLOCKS`] at most. When there are so
//! many, each two neighbours become one and parts take twice as long.

use crate::{
    metrics::{sketch::Sketch, trend::Trend},
    outputs::record::BLOCKS,
};

/// Steps of a trend's own histogram.
type Part = Sketch<10>;

/// Of several trends, cut at the same moments.
#[derive(Debug, Clone)]
pub(super) struct Blocks {
    /// By trend, in the order of time.
    parts: Vec<Vec<Part>>,
    /// Of each trend at the begin of the present part.
    begin: Vec<Trend>,
    began: f64,
    seconds: f64,
}

impl Blocks {
    /// Before the first sample of trends that are `empty`; parts last `seconds` at first.
    pub(super) fn new(empty: Vec<Trend>, seconds: f64) -> Self {
        Self { parts: vec![Vec::new(); empty.len()], begin: empty, began: 0.0, seconds }
    }

    /// Takes the trends as they are `at` seconds after the start; called often, does something at the end of a part.
    pub(super) fn look(&mut self, at: f64, trends: &[Trend]) {
        // Ticks come a little early or late.
        if at - self.began >= self.seconds * 0.9 {
            self.cut(at, trends);
        }
    }

    /// The parts by trend. What is left since the last part's end becomes one if it is at least half as long, and a part
    /// of the last one otherwise.
    pub(super) fn finish(mut self, at: f64, trends: &[Trend]) -> Vec<Vec<Part>> {
        let is_short = at - self.began < self.seconds / 2.0;
        if at > self.began || self.parts.iter().all(Vec::is_empty) {
            self.cut(at, trends);
            for parts in self.parts.iter_mut().filter(|parts| is_short && parts.len() > 1) {
                if let (Some(rest), Some(last)) = (parts.pop(), parts.last_mut()) {
                    last.merge(&rest);
                }
            }
        }
        self.parts
    }

    fn cut(&mut self, at: f64, trends: &[Trend]) {
        for ((parts, begin), trend) in self.parts.iter_mut().zip(&mut self.begin).zip(trends) {
            if trend.count() == begin.count() {
                parts.push(Part::default());
                continue;
            }
            parts.push(trend.since(begin).as_ref().map(Part::of).unwrap_or_default());
            begin.clone_from(trend);
        }
        self.began = at;
        if self.parts.first().is_some_and(|parts| parts.len() >= BLOCKS) {
            self.seconds *= 2.0;
            for parts in &mut self.parts {
                *parts = std::mem::take(parts).chunks(2).map(sum).collect();
            }
        }
    }
}

fn sum(parts: &[Part]) -> Part {
    let mut sum = Part::default();
    parts.iter().for_each(|part| sum.merge(part));
    sum
}
