//! A value of each type with everything in it.

use crate::{
    agent::daemon::desk::{
        DaemonStatus, ProfileStatus, QueuedRun, RunEntry, StartOverrides, StartRequest, Trigger, WhenBusy,
    },
    outputs::{
        record::{FORMAT, FailureRecord, Machine, MetricRecord, RunRecord},
        run_status::{Phase, RunStatus, ScenarioStatus, ThresholdStatus, ValidityStatus},
        timeline::{PlanCorner, Point, Quantiles, Timeline},
    },
};

pub(super) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

const TIME: &str = "2026-11-24T15:00:00Z";

pub(super) fn entry() -> RunEntry {
    RunEntry {
        id: "r".to_owned(),
        profile: "p".to_owned(),
        testid: "t".to_owned(),
        trigger: Trigger::Request,
        started_at: TIME.to_owned(),
        elapsed_seconds: Some(1.5),
        outcome: "crossed".to_owned(),
        exit_code: Some(99),
        note: text("checks"),
        has_record: true,
    }
}

pub(super) fn daemon() -> DaemonStatus {
    let profile = ProfileStatus {
        name: "p".to_owned(),
        schedule: text("0 * * * *"),
        next_at: text(TIME),
        problem: text("gone"),
        last: Some(entry()),
    };
    let queued =
        QueuedRun { id: "q".to_owned(), profile: "p".to_owned(), trigger: Trigger::Schedule, since: TIME.to_owned() };
    DaemonStatus {
        mode: "serve".to_owned(),
        version: "0.1.0".to_owned(),
        profiles: vec![profile],
        queue: vec![queued],
        recent: vec![entry()],
        config_problem: text("bad"),
        config_loaded_at: text(TIME),
    }
}

pub(super) fn point() -> Point {
    Point {
        failures: [("ws/refused".to_owned(), 0.5)].into(),
        trends: [("ws_connecting".to_owned(), Quantiles::default())].into(),
        paused: true,
        ..Point::default()
    }
}

pub(super) fn threshold() -> ThresholdStatus {
    ThresholdStatus {
        metric: "checks".to_owned(),
        expression: "rate>0.99".to_owned(),
        limit: 0.99,
        value: Some(1.0),
        passed: Some(true),
        headroom: Some(0.01),
    }
}

pub(super) fn validity() -> ValidityStatus {
    ValidityStatus { level: "suspect".to_owned(), reasons: vec!["slow".to_owned()] }
}

pub(super) fn run() -> RunStatus {
    let scenario = ScenarioStatus {
        name: "s".to_owned(),
        executor: "constant-vus".to_owned(),
        planned_vus: 3,
        max_vus: Some(5),
        planned_rate: Some(0.5),
        ordered: true,
    };
    RunStatus {
        id: "r".to_owned(),
        profile: "p".to_owned(),
        testid: "t".to_owned(),
        phase: Phase::Paused,
        started_at: text(TIME),
        elapsed_seconds: 2.0,
        plan_elapsed_seconds: 1.0,
        plan_seconds: 60.0,
        latest: point(),
        scenarios: vec![scenario],
        thresholds: vec![threshold()],
        validity: validity(),
        verdict: text("passed"),
        exit_code: Some(0),
        notes: vec!["note".to_owned()],
    }
}

pub(super) fn timeline() -> Timeline {
    let corner = PlanCorner { at: 0.0, vus: 1.0, rate: 2.0 };
    Timeline { plan: vec![corner], interval_seconds: 1.0, points: vec![point()] }
}

pub(super) fn record() -> RunRecord {
    let metric = MetricRecord {
        name: "ws_connecting".to_owned(),
        kind: "trend".to_owned(),
        unit: "ms".to_owned(),
        values: [("avg".to_owned(), 1.0)].into(),
        histogram: text("aGlzdA=="),
        blocks: vec!["aGlzdA==".to_owned()],
    };
    let failure = FailureRecord { what: "ws_connect".to_owned(), reason: "refused".to_owned(), count: 2 };
    let machine = Machine { host: "h".to_owned(), cpu: text("c"), memory_bytes: Some(1), ..Machine::default() };
    RunRecord {
        format: FORMAT,
        id: "r".to_owned(),
        version: "0.1.0".to_owned(),
        profile: "p".to_owned(),
        testid: "t".to_owned(),
        tags: [("env".to_owned(), "test".to_owned())].into(),
        digest: "d".to_owned(),
        started_at: TIME.to_owned(),
        ended_at: TIME.to_owned(),
        elapsed_seconds: 60.0,
        plan_seconds: 60.0,
        orders: 0,
        paused_seconds: 0.0,
        ended: "completed".to_owned(),
        verdict: "passed".to_owned(),
        exit_code: 0,
        validity: validity(),
        thresholds: vec![threshold()],
        metrics: vec![metric],
        failures: vec![failure],
        timeline: timeline(),
        profile_text: text("flow: []"),
        machine,
        agents: 1,
        notes: vec!["note".to_owned()],
    }
}

pub(super) fn start() -> StartRequest {
    StartRequest {
        profile: text("p"),
        profile_text: text("flow: []"),
        overrides: StartOverrides {
            vus: Some(1),
            duration: text("1s"),
            iterations: Some(1),
            stages: vec!["1s:1".to_owned()],
            scale: Some(0.5),
            speed: Some(2.0),
            env: [("A".to_owned(), "b".to_owned())].into(),
            tags: [("a".to_owned(), "b".to_owned())].into(),
        },
        testid: text("t"),
        when_busy: WhenBusy::Queue,
        key: text("k"),
    }
}
