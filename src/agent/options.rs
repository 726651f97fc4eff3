//! What a run needs besides its profile.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{
    agent::{
        annotate::Grafana,
        board::Board,
        fleet::options::{FleetOptions, Role},
    },
    metrics::exposition::serve::ServeFacts,
    outputs::{report::Part, style::Style},
    plan::segment::Segment,
};

/// See the module.
#[derive(Debug)]
pub struct Options {
    /// By which the API names the run.
    pub id: String,
    /// Where the run shows its state and its curves.
    pub board: Board,
    /// Label of every series of this run.
    pub testid: String,
    /// Where `/metrics` is.
    pub listen: SocketAddr,
    /// Longest wait for scrapers after the end; `None` learns it from them.
    pub linger: Option<Duration>,
    /// The summary as JSON.
    pub summary_export: Option<PathBuf>,
    /// The run as a file for `rampd merge`.
    pub result: Option<PathBuf>,
    /// The run as one JSON document.
    pub record: Option<PathBuf>,
    /// The run as one HTML file.
    pub report: Option<PathBuf>,
    /// The verdict as one short text.
    pub verdict_file: Option<PathBuf>,
    /// Of the profile as it is meant.
    pub digest: String,
    /// Every sample as NDJSON.
    pub json: Vec<PathBuf>,
    /// Whether the summary has colours.
    pub style: Style,
    /// No summary on standard output.
    pub quiet: bool,
    /// Starts although the machine seems too small.
    pub force: bool,
    /// The embedded target's sockets are in this process too.
    pub echo: bool,
    /// Whether an invalid run has an exit code of its own, or that of its thresholds.
    pub on_invalid: OnInvalid,
    /// Threads; as many as the process may use cores if not given.
    pub workers: Option<NonZeroU32>,
    /// Where the run can be steered, if anywhere.
    pub control_socket: Option<PathBuf>,
    /// Where the run is marked, if anywhere.
    pub annotate: Option<Grafana>,
    /// Which agent of how many this is, if there are several.
    pub fleet: Option<FleetOptions>,
    /// Nanoseconds since 1970 before which the load does not begin.
    pub start_at: Option<i128>,
    /// What `/metrics` says of the daemon that runs it, if one does.
    pub serve: Option<watch::Receiver<Arc<ServeFacts>>>,
}

impl Options {
    /// The part of the load that is this agent's.
    #[must_use]
    pub fn segment(&self) -> Segment {
        self.fleet.as_ref().map_or(Segment::WHOLE, |fleet| fleet.segment)
    }

    /// Whether a leader names the start.
    #[must_use]
    pub fn has_leader(&self) -> bool {
        self.fleet.as_ref().is_some_and(|fleet| !matches!(fleet.role, Role::Apart))
    }

    /// Which part of a run this is, if others judge the whole.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        let FleetOptions { segment, role } = self.fleet.as_ref()?;
        let has_leader = match role {
            Role::Leader { .. } => return None,
            Role::Follower { .. } => true,
            Role::Apart => false,
        };
        Some(Part { index: segment.index(), of: segment.of(), has_leader })
    }

    /// How many other agents have a connection to this one.
    #[must_use]
    pub fn led(&self) -> u64 {
        let leads = self.fleet.as_ref().filter(|fleet| matches!(fleet.role, Role::Leader { .. }));
        leads.map_or(0, |fleet| u64::from(fleet.segment.of()) - 1)
    }

    /// Whether this agent judges the run: alone, or as the leader.
    #[must_use]
    pub fn judges(&self) -> bool {
        self.fleet.as_ref().is_none_or(|fleet| matches!(fleet.role, Role::Leader { .. }))
    }
}

/// What an invalid run ends with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInvalid {
    /// [`crate::exit::Exit::RunInvalid`].
    #[default]
    Fail,
    /// What its thresholds say, as if it were valid.
    Warn,
}
