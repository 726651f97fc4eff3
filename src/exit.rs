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

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
