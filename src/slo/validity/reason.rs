//! Why a run is not valid: a closed set, whose names are label values.

use serde::{Deserialize, Serialize};

/// See the module. In the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reason {
    /// Messages went out later than intended.
    SendLag,
    /// Messages were read later than they arrived.
    ReadLag,
    /// Iterations began later than their slots.
    StartLag,
    /// The workers' events were late.
    LoopLag,
    /// The workers waited for a core.
    RunQueue,
    /// Someone waited for a core.
    CpuPressure,
    /// The CPU quota was used up.
    Throttled,
    /// Iterations could not be started because the generator was late.
    DroppedSlots,
    /// Connections did not open for want of files.
    FdLimit,
    /// Connections did not open for want of local ports.
    NoLocalPort,
    /// Connections did not open for want of the kernel's memory.
    NoMemory,
    /// The process stood still.
    ClockGap,
    /// The wall clock was set.
    ClockStep,
    /// The JSON output is not whole.
    SamplesDropped,
    /// A worker was lost with what it had counted last.
    WorkerLost,
    /// An agent of the fleet has handed in nothing, or ended before its load did.
    AgentLost,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::SendLag,
        Self::ReadLag,
        Self::StartLag,
        Self::LoopLag,
        Self::RunQueue,
        Self::CpuPressure,
        Self::Throttled,
        Self::DroppedSlots,
        Self::FdLimit,
        Self::NoLocalPort,
        Self::NoMemory,
        Self::ClockGap,
        Self::ClockStep,
        Self::SamplesDropped,
        Self::WorkerLost,
        Self::AgentLost,
    ];

    /// Value of the label `reason`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendLag => "send_lag",
            Self::ReadLag => "read_lag",
            Self::StartLag => "start_lag",
            Self::LoopLag => "loop_lag",
            Self::RunQueue => "run_queue",
            Self::CpuPressure => "cpu_pressure",
            Self::Throttled => "throttled",
            Self::DroppedSlots => "dropped_slots",
            Self::FdLimit => "fd_limit",
            Self::NoLocalPort => "no_local_port",
            Self::NoMemory => "no_memory",
            Self::ClockGap => "clock_gap",
            Self::ClockStep => "clock_step",
            Self::SamplesDropped => "samples_dropped",
            Self::WorkerLost => "worker_lost",
            Self::AgentLost => "agent_lost",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::SendLag
            | Self::ReadLag
            | Self::StartLag
            | Self::LoopLag
            | Self::RunQueue
            | Self::CpuPressure
            | Self::DroppedSlots => "use more cores or pods, lower the rate, or keep other work off the machine",
            Self::Throttled => "raise the container's CPU limit, use more pods, or lower the rate",
            Self::FdLimit => "raise the hard limit of open files (ulimit -Hn), or use more pods",
            Self::NoLocalPort => {
                "widen net.ipv4.ip_local_port_range, open fewer connections to one address, or use more pods"
            }
            Self::NoMemory => "give the machine more memory (net.ipv4.tcp_mem), or use more pods",
            Self::ClockGap => "run again where the process is not stopped and the machine not paused",
            Self::ClockStep => "run again when the machine's clock is in step",
            Self::SamplesDropped => "write to a faster disk; the metrics are complete",
            Self::WorkerLost => "report this as a bug of rampd",
            Self::AgentLost => "look into the log of that agent, and run again; what it did is not in the figures",
        }
    }
}
