//! What a fleet costs its leader: a real leader in one process, all its followers in another, each with counts of its
//! own. Nothing is under load; both processes tell of the fleet alone.
//!
//! ```text
//! fleet_scale leader AGENTS SCENARIOS           prints its address, and in the end what it has measured as JSON
//! fleet_scale agents AGENTS SCENARIOS ADDRESS   agents 1 to AGENTS-1, prints what they have heard as JSON
//! ```
//!
//! One scenario is that of `config/quantum-ws.yaml`; with more, each has a WebSocket and a request. Instants are
//! nanoseconds of the monotonic clock, which both processes share.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench program: it ends where it fails")]

#[path = "fleet_scale/counts.rs"]
mod counts;
#[path = "fleet_scale/follow.rs"]
mod follow;
#[path = "fleet_scale/lead.rs"]
mod lead;

use std::{sync::Arc, time::Duration};

use nix::time::{ClockId, clock_gettime};
use rampd::{
    clock::Instant,
    config::{
        self,
        environment::Environment,
        overrides::Overrides,
        profile::{Profile, fleet::FleetPolicy},
        source::Source,
    },
    engine::{instruments::Instruments, limits::Offer},
    fleet::{message::RunIdentity, token::Token},
    plan::Plan,
    slo::evaluate::limit_nanos,
    units::tags::Tags,
};

/// What both processes know.
struct Bench {
    of: u32,
    profile: Profile,
    instruments: Instruments,
    run: RunIdentity,
}

impl Bench {
    fn new(of: u32, scenarios: u32) -> Self {
        let text = if scenarios == 1 {
            let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/config/quantum-ws.yaml");
            std::fs::read_to_string(seed).expect("the seed's profile")
        } else {
            of_scenarios(scenarios)
        };
        let source = Source::from_bytes("bench.yaml", text.into_bytes()).expect("a profile");
        let profile = config::load(&source, &Environment::default(), &Overrides::default()).expect("a valid profile");
        let limits: Vec<_> = profile.thresholds.iter().filter_map(limit_nanos).collect();
        let tags = Tags::from([("testid".to_owned(), "bench".to_owned())]);
        let instruments = Instruments::new(&Plan::new(&profile), tags, &limits);
        let run = RunIdentity {
            of,
            digest: profile.digest().to_string(),
            testid: "bench".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Self { of, profile, instruments, run }
    }
}

fn of_scenarios(count: u32) -> String {
    let one = |number| {
        format!(
            "  scenario-{number}: {{ executor: constant-vus, vus: 1000, duration: 1m, flow: [ \
               {{ websocket: {{ url: 'ws://127.0.0.1:1/', steps: [ {{ send: {{ text: hello, reply: fifo }} }} ] }} }}, \
               {{ http: 'http://127.0.0.1:1/' }} ] }}\n"
        )
    };
    let scenarios: String = (0..count).map(one).collect();
    format!("thresholds: {{ ws_connecting: ['p(99)<200'], ws_msg_rtt: ['p(99)<200'] }}\nscenarios:\n{scenarios}")
}

fn policy() -> FleetPolicy {
    FleetPolicy { start_timeout: Duration::from_secs(120), ..FleetPolicy::default() }
}

fn token() -> Token {
    Token::new("the-token-of-the-bench").expect("a token")
}

/// An instant as nanoseconds of the monotonic clock.
fn raw(instant: Instant) -> u64 {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a monotonic clock"));
    let other = Instant::now();
    let raw = now + instant.since(other) - other.since(instant).min(now);
    raw.as_nanos() as u64
}

async fn sleep_until(instant: Instant) {
    tokio::time::sleep_until(instant.to_std().into()).await;
}

fn main() {
    // Raises the limit of open files to the hard one.
    let files = Offer::of_this_machine().files;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse().expect("a number");
    let fits =
        |of: u32| assert!(files > u64::from(of) + 64, "{of} agents need as many open files, {files} are allowed");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let measured = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["leader", of, scenarios] => {
            fits(number(of));
            runtime.block_on(lead::lead(&Bench::new(number(of), number(scenarios))))
        }
        ["agents", of, scenarios, address] => {
            fits(number(of));
            let bench = Arc::new(Bench::new(number(of), number(scenarios)));
            runtime.block_on(follow::follow_all(&bench, address))
        }
        _ => usage(),
    };
    println!("{measured}");
}

#[expect(clippy::panic, reason = "a bench program: it ends where it fails")]
fn usage() -> ! {
    panic!("fleet_scale leader AGENTS SCENARIOS, or fleet_scale agents AGENTS SCENARIOS ADDRESS")
}
