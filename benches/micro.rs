//! Single functions by Criterion: what runs for each message, and what runs for each snapshot and
//! each scrape beside the load. `make bench-micro`.

#![expect(clippy::expect_used, reason = "a bench program: it ends where it fails")]

use std::{collections::BTreeMap, fmt::Write as _, hint::black_box, sync::Arc, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rampd::{
    clock::Instant,
    config::{
        self,
        environment::Environment,
        overrides::Overrides,
        profile::{Profile, Stage},
        source::Source,
        template::{Template, Values},
    },
    engine::instruments::Instruments,
    metrics::{
        exposition::{self, format::Format, run::RunFacts},
        recorder::Recorder,
        snapshot::Snapshot,
        view::View,
    },
    outputs::timeline::{
        MOST,
        sampler::{Moment, Sampler},
    },
    plan::{Plan, ramp::Ramp, segment::Segment},
    units::tags::Tags,
};

fn profile(text: String) -> Profile {
    let source = Source::from_bytes("bench.yaml", text.into_bytes()).expect("a profile");
    let environment = Environment::default();
    config::load(&source, &environment, &Overrides::default()).expect("a valid profile")
}

/// So many scenarios with a WebSocket and a request each.
fn scenarios(count: usize) -> Profile {
    let mut text = "scenarios:\n".to_owned();
    for number in 0..count {
        writeln!(
            text,
            "  scenario-{number}: {{ executor: constant-vus, vus: 10, duration: 1m, flow: [ \
               {{ websocket: {{ url: 'ws://127.0.0.1:1/', steps: [ {{ send: {{ text: hello, reply: fifo }} }} ] }} }}, \
               {{ http: 'http://127.0.0.1:1/' }} ] }}"
        )
        .expect("a String takes everything");
    }
    profile(text)
}

/// A recorder in which every trend has a thousand durations between 50 µs and 50 ms.
fn recorded(instruments: &Instruments) -> Recorder {
    let recorder = Recorder::new(&instruments.table, Instant::now(), None);
    let now = Instant::now();
    for slot in instruments.scenarios.iter().flat_map(|scenario| &scenario.sites) {
        for trend in [slot.connecting, slot.session_duration, slot.rtt, slot.service] {
            (1..=1000).for_each(|number| recorder.record(trend, number * 50_000, now));
        }
        recorder.add(slot.sent, 1000);
        recorder.add(slot.received, 1000);
    }
    recorder
}

fn instruments(count: usize) -> Instruments {
    Instruments::new(&Plan::new(&scenarios(count)), Tags::new(), &[])
}

fn recorder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recorder");
    let instruments = instruments(1);
    let recorder = recorded(&instruments);
    let slot = &instruments.scenarios[0].sites[0];
    let now = Instant::now();
    let mut nanos = 0;
    group.bench_function("add to a counter", |bencher| bencher.iter(|| recorder.add(black_box(slot.sent), 1)));
    group.bench_function("record a duration", |bencher| {
        bencher.iter(|| {
            // Neighbours fall into different places of the histogram, as durations of a real run do.
            nanos = (nanos + 7_919_000) % 50_000_000;
            recorder.record(black_box(slot.rtt), nanos, now);
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("snapshot");
    for count in [1, 100] {
        let instruments = self::instruments(count);
        let recorder = recorded(&instruments);
        group.bench_function(BenchmarkId::new("take, by scenarios", count), |bencher| {
            bencher.iter(|| recorder.snapshot());
        });
        let snapshot = recorder.snapshot();
        let mut merged = Snapshot::empty(&instruments.table);
        group.bench_function(BenchmarkId::new("merge, by scenarios", count), |bencher| {
            bencher.iter(|| merged.merge(black_box(&snapshot)));
        });
    }
    group.finish();
}

fn template(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("template");
    let values =
        Values { vu: 17, iteration: 3, index: 41, seq: 1_234_567, now_ms: 1_790_000_000_000, ..Values::default() };
    let mut out = String::with_capacity(256);
    for (name, text) in [
        ("constant, 20 bytes", "xxxxxxxxxxxxxxxxxxxx"),
        ("the seed's message", r#"{"op":"test","payload":{{ index }}}"#),
        ("every placeholder", "{{ vu }}/{{ iteration }}/{{ index }}/{{ seq }}/{{ now_ms }}"),
    ] {
        let template = Template::parse(text).expect("a template");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                template.render(black_box(&values), &mut out).expect("every value is there");
            });
        });
    }
    group.finish();
}

fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    let seed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/quantum-ws.yaml"));
    let seed = seed.expect("the seed's profile");
    group.bench_function("load the seed's profile", |bencher| bencher.iter(|| profile(seed.clone())));
    let seed = Plan::new(&profile(seed));
    group.bench_function("starts and stops of the seed's 2000 VUs", |bencher| {
        bencher.iter(|| seed.events(Segment::WHOLE));
    });
    let minute = Duration::from_secs(60);
    let stages = [100_000, 20_000, 0].map(|target| Stage { duration: minute, target });
    let ramp = Ramp::new(0, &stages);
    group.throughput(Throughput::Elements(200_000));
    group.bench_function("steps of a ramp to 100000 and back", |bencher| {
        bencher
            .iter(|| ramp.steps().map(|(at, vus)| at.as_nanos() as u64 ^ u64::from(vus)).fold(0, |all, one| all ^ one));
    });
    group.bench_function("VUs of that ramp at an instant", |bencher| {
        bencher.iter(|| ramp.at(black_box(Duration::from_secs(97))));
    });
    group.finish();
}

fn scrape(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scrape");
    for count in [1, 100] {
        let instruments = instruments(count);
        let snapshot = recorded(&instruments).snapshot();
        let (table, facts) = (Arc::clone(&instruments.table), RunFacts::default());
        let render = |snapshot: &_| {
            exposition::encode(&exposition::sheet(&table, snapshot, &facts), Format::Text).expect("a page")
        };
        let page = render(&snapshot);
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function(BenchmarkId::new("page, by scenarios", count), |bencher| {
            bencher.iter(|| render(black_box(&snapshot)));
        });
    }
    group.finish();
}

/// A run that the control thread has looked at so many times, a second apart.
struct Watched {
    instruments: Instruments,
    recorder: Recorder,
    sampler: Sampler,
    seconds: f64,
}

impl Watched {
    fn new(count: usize, ticks: usize) -> Self {
        let instruments = instruments(count);
        let sampler = Sampler::new(&instruments.table, &[]);
        let recorder = recorded(&instruments);
        let mut watched = Self { instruments, recorder, sampler, seconds: 0.0 };
        for _ in 0..ticks {
            let snapshot = watched.second();
            watched.take(&snapshot);
        }
        watched
    }

    /// A hundred durations more in each trend, over three octaves.
    fn second(&self) -> Snapshot {
        let now = Instant::now();
        for slot in self.instruments.scenarios.iter().flat_map(|scenario| &scenario.sites) {
            for trend in [slot.connecting, slot.rtt] {
                (1..=100).for_each(|number| self.recorder.record(trend, 500_000 + number * 40_000, now));
            }
            self.recorder.add(slot.sent, 100);
        }
        self.recorder.snapshot()
    }

    fn take(&mut self, snapshot: &Snapshot) {
        self.seconds += 1.0;
        let moment = Moment { at: self.seconds, ..Moment::default() };
        let (table, extremes) = (&self.instruments.table, &BTreeMap::new());
        self.sampler.take(moment, &View { table, snapshot, extremes, elapsed: self.seconds, observed: &[] });
    }
}

fn timeline(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timeline");
    group.sample_size(20);
    for count in [1, 100] {
        let watched = std::cell::RefCell::new(Watched::new(count, 1));
        group.bench_function(BenchmarkId::new("a second, by scenarios", count), |bencher| {
            let next = || watched.borrow().second();
            bencher.iter_batched(next, |snapshot| watched.borrow_mut().take(&snapshot), BatchSize::PerIteration);
        });
    }
    let full = || {
        let watched = Watched::new(1, MOST - 1);
        let snapshot = watched.second();
        (watched, snapshot)
    };
    let (watched, _) = full();
    group.bench_function("curves of 719 points", |bencher| bencher.iter(|| watched.sampler.timeline(Vec::new())));
    group.sample_size(10);
    group.bench_function("the second that makes 720 points 360", |bencher| {
        let last = |(mut watched, snapshot): (Watched, Snapshot)| {
            watched.take(&snapshot);
            watched
        };
        bencher.iter_batched(full, last, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = recorder, template, plan, scrape, timeline
}
criterion_main!(benches);
