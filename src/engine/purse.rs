//! A worker's own supply of shared iterations. It is filled from the common pot with as many as the
//! worker uses up in about ten milliseconds: with slow iterations VUs take them one by one, as k6's do,
//! so that no worker sits on a supply while another has nothing to do; with fast ones the pot is
//! touched a hundred times a second and not once for each.

use std::{cell::Cell, sync::Arc, time::Duration};

use crate::{clock::Instant, engine::commons::Commons};

/// What a supply should last.
const LASTING: Duration = Duration::from_millis(10);
const MOST: u64 = 1024;

/// See the module.
#[derive(Debug)]
pub struct Purse {
    commons: Arc<Commons>,
    scenario: usize,
    workers: u64,
    left: Cell<u64>,
    size: Cell<u64>,
    filled: Cell<Instant>,
}

impl Purse {
    /// Empty, of one of `workers` workers.
    #[must_use]
    pub fn new(commons: Arc<Commons>, scenario: usize, workers: u32) -> Self {
        Self {
            commons,
            scenario,
            workers: workers.into(),
            left: Cell::new(0),
            size: Cell::new(1),
            filled: Cell::new(Instant::now()),
        }
    }

    /// Takes one iteration; false when all have been taken.
    #[must_use]
    pub fn take(&self, now: Instant) -> bool {
        if self.left.get() == 0 {
            self.fill(now);
        }
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    fn fill(&self, now: Instant) {
        let quickly = now.since(self.filled.get()) < LASTING;
        let size = if quickly { (self.size.get() * 2).min(MOST) } else { (self.size.get() / 2).max(1) };
        let Some(pot) = self.commons.pots.get(self.scenario) else { return };
        // Towards the end so few that all workers end together.
        self.left.set(pot.take(|left| size.min(left / (2 * self.workers)).max(1)));
        self.size.set(size);
        self.filled.set(now);
    }

    /// Takes all that nobody will run: its own, and what is in the pot. Returns how many.
    #[must_use]
    pub fn give_up(&self) -> u64 {
        let rest = self.commons.pots.get(self.scenario).map_or(0, |pot| pot.take(|left| left));
        self.left.replace(0) + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{self, environment::Environment, overrides::Overrides, source::Source},
        plan::Plan,
    };

    fn purses(iterations: u64, workers: u32) -> Vec<Purse> {
        let text = format!("iterations: {iterations}\nvus: 4\nflow: [{{ sleep: 1s }}]");
        let source = Source::from_bytes("p.yaml", text.into_bytes()).unwrap();
        let profile = config::load(&source, &Environment::default(), &Overrides::default()).unwrap();
        let commons = Arc::new(Commons::new(&Plan::new(&profile), workers).0);
        (0..workers).map(|_| Purse::new(commons.clone(), 0, workers)).collect()
    }

    #[test]
    fn iterations_of_seconds_are_taken_one_by_one() {
        let purses = purses(100, 2);
        let start = Instant::now();
        for second in 1..=20 {
            assert!(purses[0].take(start + Duration::from_secs(second)));
            assert_eq!(purses[0].left.get(), 0, "nothing is kept from the others");
        }
    }

    #[test]
    fn fast_iterations_rarely_touch_the_pot() {
        let purses = purses(1_000_000, 2);
        let start = Instant::now();
        let mut filled = 0;
        for taken in 0..500_000u64 {
            filled += u64::from(purses[0].left.get() == 0);
            // 20 µs each.
            assert!(purses[0].take(start + Duration::from_micros(taken * 20)));
        }
        // Ten seconds at about a hundred a second.
        assert!((500..3_000).contains(&filled), "{filled}");
    }

    #[test]
    fn all_workers_together_run_exactly_what_there_is() {
        for (iterations, workers) in [(4, 1), (4, 3), (1_003, 2), (50_000, 4)] {
            let purses = purses(iterations, workers);
            let start = Instant::now();
            let (mut taken, mut turns) = (0, 0);
            loop {
                // Workers of different speed: the third takes one where the first takes three.
                let (mut asked, mut got) = (0, 0);
                for (index, purse) in purses.iter().enumerate() {
                    for _ in index..purses.len() {
                        asked += 1;
                        got += u64::from(purse.take(start + Duration::from_micros(turns * 30)));
                    }
                }
                turns += asked;
                taken += got;
                if got == 0 {
                    break;
                }
            }
            assert_eq!(taken, iterations, "{workers} workers");
            assert_eq!(purses.iter().map(Purse::give_up).sum::<u64>(), 0);
        }
    }

    #[test]
    fn what_is_given_up_is_what_nobody_has_begun() {
        let purses = purses(1_000, 3);
        let now = Instant::now();
        let begun = (0..400).filter(|turn| purses[turn % 3].take(now)).count() as u64;
        assert_eq!(begun + purses.iter().map(Purse::give_up).sum::<u64>(), 1_000);
        assert!(purses.iter().all(|purse| !purse.take(now)));
    }
}
