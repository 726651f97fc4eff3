// What the HTTP API answers, for the type check of the page; the Rust types are the source.

export interface Quantiles { count: number; p50: number; p95: number; p99: number; max: number }

/** One interval of a run; rates are per second, trends in milliseconds. */
export interface Point {
    at: number;
    plannedVus: number;
    vus: number;
    plannedRate: number;
    iterations: number;
    dropped: number;
    open: number;
    connecting: number;
    sent: number;
    received: number;
    requests: number;
    failures?: Record<string, number>;
    trends?: Record<string, Quantiles>;
    paused?: boolean;
}

export type Phase = "starting" | "running" | "paused" | "stopping" | "finished";

export interface ThresholdStatus {
    metric: string;
    expression: string;
    limit: number;
    value: number | null;
    passed: boolean | null;
    headroom: number | null;
}

export interface ValidityStatus { level: string; reasons: string[] }

export interface ScenarioStatus {
    name: string;
    executor: string;
    plannedVus: number;
    maxVus: number | null;
    plannedRate: number | null;
    ordered: boolean;
}

export interface RunStatus {
    id: string;
    profile: string;
    testid: string;
    phase: Phase;
    startedAt: string | null;
    elapsedSeconds: number;
    planElapsedSeconds: number;
    planSeconds: number;
    latest: Point;
    scenarios: ScenarioStatus[];
    thresholds: ThresholdStatus[];
    validity: ValidityStatus;
    verdict: string | null;
    exitCode: number | null;
    notes: string[];
}

export type Trigger = "schedule" | "startup" | "request";

export interface RunEntry {
    id: string;
    profile: string;
    testid: string;
    trigger: Trigger;
    startedAt: string;
    elapsedSeconds: number | null;
    outcome: string;
    exitCode: number | null;
    note: string | null;
    hasRecord: boolean;
}

export interface ProfileStatus {
    name: string;
    schedule: string | null;
    nextAt: string | null;
    problem: string | null;
    last: RunEntry | null;
}

export interface QueuedRun { id: string; profile: string; trigger: Trigger; since: string }

export interface DaemonStatus {
    mode: string;
    version: string;
    profiles: ProfileStatus[];
    queue: QueuedRun[];
    recent: RunEntry[];
    configProblem: string | null;
    configLoadedAt: string | null;
}

export interface Status { daemon: DaemonStatus; run: RunStatus | null }

export interface HistoryPage { runs: RunEntry[]; next: string | null }

export interface Chart { id: string; title: string; svg: string }

export interface Overrides {
    vus?: number;
    duration?: string;
    iterations?: number;
    stages?: string[];
    scale?: number;
    speed?: number;
    env?: Record<string, string>;
    tags?: Record<string, string>;
}

export interface StartRequest {
    profile?: string;
    profileText?: string;
    overrides: Overrides;
    testid?: string;
    whenBusy: "refuse" | "queue";
    key?: string;
}

export interface Accepted { id: string; queued: boolean }
