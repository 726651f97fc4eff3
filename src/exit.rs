//! Exit codes: k6's where k6 has them.

/// Why the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The run ended as planned and every threshold passed.
    Passed,
    /// Anything that no other code names.
    Failed,
    /// The generator was the limit: what was measured says little about the target, whatever the thresholds say.
    RunInvalid,
    /// A threshold was crossed.
    ThresholdCrossed,
    /// The run was stopped through the API.
    StoppedByApi,
    /// The profile or the options are wrong; nothing was sent.
    BadConfiguration,
    /// SIGINT or SIGTERM; what had been measured was written.
    Interrupted,
    /// The listener's address is taken; nothing was sent.
    CannotListen,
    /// The machine cannot carry the plan (files, ports); nothing was sent.
    PreflightRefused,
}

impl Exit {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Exit::Passed => 0,
            Exit::Failed => 1,
            Exit::RunInvalid => 96,
            Exit::ThresholdCrossed => 99,
            Exit::StoppedByApi => 103,
            Exit::BadConfiguration => 104,
            Exit::Interrupted => 105,
            Exit::CannotListen => 106,
            Exit::PreflightRefused => 107,
        }
    }
}

impl Exit {
    /// Every way to end.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::Failed,
        Self::RunInvalid,
        Self::ThresholdCrossed,
        Self::StoppedByApi,
        Self::BadConfiguration,
        Self::Interrupted,
        Self::CannotListen,
        Self::PreflightRefused,
    ];

    /// What a code means; none if it is of another program.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.code() == code)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_one_end() {
        for exit in Exit::ALL {
            assert_eq!(Exit::of_code(exit.code()), Some(exit));
        }
        assert_eq!(Exit::of_code(2), None);
    }
}
