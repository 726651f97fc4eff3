//! Whether a schedule stands still because its runs do not pass. It follows from the history alone, so that neither a
//! restart nor a reload forgets it.

use crate::config::daemon::IfFailed;

/// What a run says about its profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// It passed.
    Passed,
    /// It crossed a threshold, was invalid, or could not run.
    Failed,
    /// It was stopped, interrupted or missed, or goes on.
    None,
}

impl Lesson {
    /// Of a history's word for how a run ended.
    #[must_use]
    pub fn of(outcome: &str) -> Self {
        match outcome {
            "passed" => Self::Passed,
            "crossed" | "invalid" | "failed" => Self::Failed,
            _ => Self::None,
        }
    }
}

/// How many runs in a row did not pass, if so many suspend the schedule. `newest_first` are the profile's runs.
#[must_use]
pub fn suspended(policy: IfFailed, newest_first: impl Iterator<Item = Lesson>) -> Option<u32> {
    let IfFailed::SuspendAfter(limit) = policy else { return None };
    let told = newest_first.filter(|lesson| *lesson != Lesson::None);
    let failed = told.take_while(|lesson| *lesson == Lesson::Failed).count();
    u32::try_from(failed).ok().filter(|failed| *failed >= limit.get())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn only_failures_in_a_row_suspend() {
        let policy = IfFailed::SuspendAfter(NonZeroU32::new(2).unwrap());
        for (newest_first, expected) in [
            (&[][..], None),
            (&["crossed"], None),
            (&["crossed", "failed"], Some(2)),
            (&["invalid", "stopped", "missed", "running", "crossed", "crossed"], Some(3)),
            (&["crossed", "passed", "crossed"], None),
            (&["passed", "crossed", "crossed"], None),
        ] {
            let lessons = || newest_first.iter().map(|outcome| Lesson::of(outcome));
            assert_eq!(suspended(policy, lessons()), expected, "{newest_first:?}");
            assert_eq!(suspended(IfFailed::Continue, lessons()), None);
        }
    }
}
