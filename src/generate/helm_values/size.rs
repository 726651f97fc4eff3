//! What one agent of a run needs of its node: CPU and memory from its plan, with the figures of docs/benchmarks.md.

use std::time::Duration;

use crate::plan::{Plan, ScenarioPlan, program::Op, program::Program, work::Work};

/// An agent without load: 12.8 MB before the first socket ("Held connections"), 17.5 MB in the soak, 24.7 MB at the peak of
/// the seed's ramp, with its histograms.
const IDLE: f64 = 32.0 * MIB;
/// A held ws:// socket ("Held connections").
const PLAIN_SOCKET: f64 = 3.12 * KIB;
/// A held wss:// socket. Connections of HTTP requests count as these: they have no figure of their own.
const SECURE_SOCKET: f64 = 11.49 * KIB;
/// The kernel's own share of an idle TCP socket, which counts for the container too: 4.3 to 4.8 KiB.
const KERNEL_SOCKET: f64 = 5.0 * KIB;
/// Histograms of a scenario beyond the first: some twenty of at most 210 KiB each.
const SCENARIO: f64 = 4.0 * MIB;
/// What agent 0 holds of each other one while it adds them up.
const FOLLOWER: f64 = 0.5 * MIB;
/// A table of data against its file.
const DATA: f64 = 2.0;
/// Asked for beyond what was computed, for buffers of sockets that stall.
const MEMORY_RESERVE: f64 = 1.5;

/// CPU time of a connection over ws:// with its upgrade ("wss://").
const PLAIN_CONNECT: f64 = 57e-6;
/// The same with a TLS handshake.
const SECURE_CONNECT: f64 = 275e-6;
/// A message with its reply: 109,000 in a CPU second ("Speed", 500 sockets).
const MESSAGE: f64 = 1.0 / 109e3;
/// A request with its response: 126,000 in a CPU second ("HTTP").
const REQUEST: f64 = 1.0 / 126e3;
/// A generator that has less than half of its core to itself begins to measure itself.
const CPU_RESERVE: f64 = 2.0;

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

/// What an agent asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Sockets that it holds at most.
    pub sockets: u64,
    /// CPU seconds that the plan asks for in its busiest second; without iterations that follow each other.
    pub busiest: f64,
    /// Whether iterations follow each other as fast as the target answers, which takes what CPU there is.
    pub unpaced: bool,
    /// Request of CPU, in thousandths of a core.
    pub millicores: u64,
    /// Request and limit of memory, in MiB.
    pub mebibytes: u64,
}

impl Size {
    /// Of an agent with `plan` in a fleet of `agents`, with so many bytes of data files.
    #[must_use]
    pub fn of(plan: &Plan, agents: u32, data_bytes: u64) -> Self {
        let sockets = plan.peak_sockets();
        let each = plan.scenarios.iter().map(|scenario| socket(&scenario.program)).fold(PLAIN_SOCKET, f64::max);
        let memory = IDLE
            + sockets as f64 * (each + KERNEL_SOCKET)
            + plan.scenarios.len().saturating_sub(1) as f64 * SCENARIO
            + f64::from(agents - 1) * FOLLOWER
            + data_bytes as f64 * DATA;
        let mebibytes = (memory * MEMORY_RESERVE / MIB).ceil() as u64;
        let busiest = busiest(plan);
        let unpaced = plan.scenarios.iter().any(is_unpaced);
        let least = if unpaced { 1000 } else { 500 };
        Self {
            sockets,
            busiest,
            unpaced,
            millicores: ((busiest * CPU_RESERVE * 10.0).ceil() as u64 * 100).max(least),
            mebibytes: mebibytes.next_multiple_of(32).max(128),
        }
    }
}

/// The most that one socket of a flow takes.
fn socket(program: &Program) -> f64 {
    let secure = program.sites.iter().any(|site| site.url.secure) || !program.requests.is_empty();
    if secure { SECURE_SOCKET } else { PLAIN_SOCKET }
}

fn is_unpaced(scenario: &ScenarioPlan) -> bool {
    !matches!(scenario.work, Work::Arrivals { .. }) && !scenario.program.holds()
}

/// CPU time of one iteration.
fn iteration(program: &Program) -> f64 {
    let connect = |secure: bool| if secure { SECURE_CONNECT } else { PLAIN_CONNECT };
    let sockets: f64 = program.sites.iter().map(|site| connect(site.url.secure)).sum();
    sockets + program.messages() as f64 * MESSAGE + program.requests_each() as f64 * REQUEST
}

/// CPU time in a second of the VUs that are there, by streams that go on until they are taken away.
fn streams(scenario: &ScenarioPlan) -> f64 {
    let rates = scenario.program.ops.iter().map(|op| match op {
        Op::Pace(pace) if pace.duration.is_none() => pace.rate,
        _ => 0.0,
    });
    rates.sum::<f64>() * f64::from(scenario.max_vus()) * MESSAGE
}

/// CPU time that the plan asks for in its busiest second. Each second of the plan is looked at, up to a day of it.
fn busiest(plan: &Plan) -> f64 {
    let second = Duration::from_secs(1);
    let seconds = plan.duration().as_secs().min(24 * 3600);
    let starts = |scenario: &ScenarioPlan, from: Duration| {
        let begun = match scenario.work {
            Work::Arrivals { .. } => scenario.rate_at(from).max(scenario.rate_at(from + second)),
            _ => {
                let before = from.checked_sub(second).map_or(0, |before| scenario.vus_at(before));
                f64::from(scenario.vus_at(from).saturating_sub(before))
            }
        };
        begun * iteration(&scenario.program)
    };
    let at = |from: Duration| plan.scenarios.iter().map(|scenario| starts(scenario, from)).sum::<f64>();
    let highest = (0..=seconds).map(|from| at(Duration::from_secs(from))).fold(0.0, f64::max);
    highest + plan.scenarios.iter().map(streams).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{self, environment::Environment, overrides::Overrides, source::Source},
        plan::segment::Segment,
    };

    fn size(text: &str, agents: u32, data: u64) -> Size {
        let source = Source::from_bytes("p.yaml", text.as_bytes().to_vec()).unwrap();
        let profile = config::load(&source, &Environment::default(), &Overrides::default()).unwrap();
        Size::of(&Plan::of_segment(&profile, Segment::new(0, agents).unwrap()), agents, data)
    }

    fn held(scheme: &str, vus: u32) -> String {
        format!(
            "vus: {vus}\nduration: 10s\nflow: [{{ websocket: {{ url: '{scheme}://a.test/', steps: [hold: {{}}] }} }}]"
        )
    }

    #[test]
    fn memory_follows_sockets_tls_agents_and_data() {
        let few = size(&held("ws", 10), 1, 0);
        assert_eq!((few.sockets, few.mebibytes), (10, 128));
        // (32 MiB + 18,000 × 8.12 KiB) × 1.5 = 262 MiB; over TLS 16.49 KiB each: 483 MiB.
        assert_eq!(size(&held("ws", 18_000), 1, 0).mebibytes, 288);
        assert_eq!(size(&held("wss", 18_000), 1, 0).mebibytes, 512);
        assert_eq!(size(&held("wss", 90_000), 5, 0).sockets, 18_000);
        assert_eq!(size(&held("ws", 10), 101, 0).mebibytes, 128);
        assert_eq!(size(&held("ws", 10), 1001, 0).mebibytes, 800);
        assert_eq!(size(&held("ws", 10), 1, 100 << 20).mebibytes, 352);
    }

    #[test]
    fn cpu_follows_the_busiest_second() {
        let arrivals = |rate: u32, flow: &str| {
            let text = format!(
                "scenarios: {{ a: {{ executor: constant-arrival-rate, rate: {rate}, duration: 10s, preAllocatedVUs: 10, flow: [{flow}] }} }}"
            );
            size(&text, 1, 0)
        };
        let idle = arrivals(1, "http: 'http://a.test/'");
        assert!(!idle.unpaced);
        assert_eq!(idle.millicores, 500);
        // 126,000 requests are one CPU second.
        let busy = arrivals(126_000, "http: 'http://a.test/'");
        assert!((busy.busiest - 1.0).abs() < 1e-9, "{busy:?}");
        assert_eq!(busy.millicores, 2000);
        // 18,000 handshakes in the first second take 4.95 s of CPU.
        let burst = size(&held("wss", 18_000), 1, 0);
        assert!((burst.busiest - 4.95).abs() < 1e-9, "{burst:?}");
        assert_eq!(burst.millicores, 9900);
        let split = size(&held("wss", 18_000), 10, 0);
        assert_eq!(split.millicores, 1000);
    }

    #[test]
    fn iterations_without_a_pause_ask_for_a_whole_core() {
        let loops = size("vus: 1\nduration: 10s\nflow: [{ http: 'http://a.test/' }]", 1, 0);
        assert!(loops.unpaced);
        assert_eq!(loops.millicores, 1000);
        let streams = "vus: 1000\nduration: 10s\nflow: [{ websocket: { url: 'ws://a.test/', steps: [every: \
                       { rate: 109, steps: [send: { text: a }] }] } }]";
        let streams = size(streams, 1, 0);
        assert!(!streams.unpaced);
        // 109,000 messages a second are one CPU second, and all sockets are opened in the first one.
        assert!(streams.busiest > 1.0 && streams.busiest < 1.1, "{streams:?}");
    }
}
