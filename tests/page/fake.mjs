// A stand-in for the agent's API, to work on the page without a build: node fake.mjs [PORT]
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const assets = join(dirname(fileURLToPath(import.meta.url)), "../../src/agent/page");
const types = { html: "text/html; charset=utf-8", css: "text/css", js: "text/javascript", svg: "image/svg+xml" };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const start = Date.now();
let phase = "running";
let vus = null;
const seconds = () => (Date.now() - start) / 1000;
const ended = (n) => ({ id: `r${n}`, profile: "quantum-ws", testid: `nightly-${n}`, trigger: "schedule", startedAt: new Date(start - n * 3_600_000).toISOString(), elapsedSeconds: 150.2, outcome: ["passed", "crossed", "interrupted", "invalid", "stopped", "missed"][n % 6], exitCode: 0, note: n % 6 === 1 ? "ws_connecting" : null, hasRecord: n % 6 < 5 });
const history = Array.from({ length: 50 }, (_, n) => ended(n + 1));

function status() {
    const at = seconds();
    const live = vus ?? Math.round(1000 + 900 * Math.sin(at / 20));
    return {
        daemon: {
            mode: process.env.MODE ?? "serve", version: "0.9.0", configProblem: null, configLoadedAt: new Date(start).toISOString(),
            profiles: [
                { name: "quantum-ws", schedule: "0 * * * *", nextAt: new Date(start + 900_000).toISOString(), problem: null, last: history[0] },
                { name: "soak", schedule: null, nextAt: null, problem: null, last: null },
                { name: "broken", schedule: null, nextAt: null, problem: "broken.yaml:3:1: unknown key `stagse`, did you mean `stages`?", last: null },
            ],
            queue: [{ id: "q1", profile: "soak", trigger: "request", since: new Date(start).toISOString() }],
            recent: history.slice(0, 20),
        },
        run: {
            id: "run-1", profile: "quantum-ws", testid: "quantum-ws-20261124-161500", phase, startedAt: new Date(start).toISOString(),
            elapsedSeconds: at, planElapsedSeconds: at, planSeconds: 150,
            latest: { at, plannedVus: 1800, vus: live, plannedRate: 0, iterations: 12.3, dropped: 0, open: live - 3, connecting: 3, sent: 21840.5, received: 21839, requests: 0, failures: { "ws_connect/timeout": 0.5 }, trends: { ws_connecting: { count: 20, p50: 0.31, p95: 1.2, p99: 3.4, max: 12 }, ws_msg_rtt: { count: 21839, p50: 0.12, p95: 0.44, p99: 1.9, max: 33.1 } } },
            scenarios: [{ name: "default", executor: "ramping-vus", plannedVus: vus ?? 1800, maxVus: 2000, plannedRate: null, ordered: vus !== null }],
            thresholds: [
                { metric: "ws_connecting", expression: "p(99)<200", limit: 200, value: 3.4, passed: true, headroom: 0.983 },
                { metric: "ws_msg_rtt", expression: "p(99)<1", limit: 1, value: 1.9, passed: false, headroom: -0.9 },
                { metric: "ws_msgs_sent", expression: "count>10000", limit: 10000, value: 2184, passed: false, headroom: -0.78 },
                { metric: "checks", expression: "rate>0.99", limit: 0.99, value: null, passed: null, headroom: null },
            ],
            validity: { level: "suspect", reasons: ["send lag: p99 was 12 ms in 3 of 60 s"] }, verdict: null, exitCode: null, notes: ["one agent of one"],
        },
    };
}

createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://localhost");
    const json = (code, body) => response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (process.env.TOKEN && pathname.startsWith("/api/") && request.headers.authorization !== `Bearer ${process.env.TOKEN}`) return json(401, { error: { code: "unauthorized", message: "a token is needed" } });
    if (pathname === "/" || pathname.startsWith("/assets/")) {
        const file = pathname === "/" ? "index.html" : pathname.slice(8);
        return response.writeHead(200, { "content-type": types[file.split(".").pop()], "content-security-policy": policy }).end(readFileSync(["style.css", "crosshair.js"].includes(file) ? join(assets, "../../outputs/html", file) : join(assets, file)));
    }
    if (pathname === "/api/v1/events") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        const tell = () => response.write(`event: status\ndata: ${JSON.stringify(status())}\n\n`);
        tell();
        const timer = setInterval(tell, 1000);
        return response.on("close", () => clearInterval(timer));
    }
    if (pathname === "/api/v1/runs" && request.method === "GET") {
        const from = history.findIndex(({ id }) => id === searchParams.get("before")) + 1;
        const limit = Number(searchParams.get("limit") ?? 20);
        const runs = history.slice(from, from + limit);
        return json(200, { runs, next: from + limit < history.length ? runs.at(-1).id : null });
    }
    if (pathname.endsWith("/charts")) return json(200, { charts: ["Load", "Latency", "Messages", "Failures"].map((title) => ({ id: title, title, svg: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 240" role="img"><title>${title}</title><path d="M20 220 L ${20 + Math.min(560, seconds() * 4)} 40" stroke="var(--rampd-accent)" stroke-width="2" fill="none"/></svg>` })) });
    let body = "";
    request.on("data", (part) => { body += part; }).on("end", () => {
        const given = body === "" ? {} : JSON.parse(body);
        if (pathname === "/api/v1/runs") return json(409, { error: { code: "busy", message: "quantum-ws runs; queue it or wait for its end" } });
        if (pathname === "/api/v1/profiles/validate") return json(200, { plan: "scenario default: ramping-vus, 2,000 VUs at most, 2m30s" });
        if (pathname.endsWith("/pause")) phase = "paused";
        if (pathname.endsWith("/resume")) phase = "running";
        if (pathname.endsWith("/stop")) phase = "stopping";
        if (pathname.endsWith("/scale")) {
            if (given.vus > 1500) return json(403, { error: { code: "denied", message: "the operator allows at most 1500 VUs" } });
            vus = given.vus;
        }
        return json(200, { id: "run-1", phase });
    });
}).listen(Number(process.argv[2] ?? 6465), "127.0.0.1");
