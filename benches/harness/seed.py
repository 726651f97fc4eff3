"""The seed's ramp, ten times faster, beside k6."""

import json
import pathlib
import subprocess
import sys
import tempfile

from common import CLIENT_CORE, K6, RAMPD, ROOT, go_echo, measured, numbers, pinned, ratios, rounds, version, write
from goals import Table

SPEED = 10


def seed_run(tool):
    with go_echo() as server, tempfile.TemporaryDirectory() as name:
        summary = pathlib.Path(name) / "summary.json"
        if tool == "rampd":
            profile = ROOT / "config/quantum-ws.yaml"
            options = ["--speed", SPEED, "--listen", "127.0.0.1:0", "--linger", "0", "--quiet"]
            command = [RAMPD, "run", profile, *options, "--summary-export", summary]
        else:
            command = [K6, "run", "--quiet", "--summary-export", summary, ROOT / "benches/peers/seed.js"]
        environment = {"QUANTUM_WS_URL": server.url(), "SPEED": str(SPEED)}
        result = measured(tool, command, server, environment, allowed=(0, 99))
        metrics = json.loads(summary.read_text())["metrics"]
    result |= {
        "opened": server.counts["opened"],
        "messages_in": server.counts["messages_in"],
        "connecting": metrics["ws_connecting"]["p(99)"],
        "rtt": metrics.get("ws_msg_rtt", {}).get("p(99)"),
        "received": metrics["ws_msgs_received"]["count"],
    }
    print(tool, {key: round(value, 3) for key, value in result.items() if isinstance(value, float | int)}, flush=True)
    return result


def floor_run():
    """CPU seconds of a bare epoll client for the same connections, bursts and goodbyes."""
    with go_echo() as server:
        address, _, path = server.url().removeprefix("ws://").partition("/")
        command = pinned(CLIENT_CORE, ROOT / "target/release/examples/raw_ramp", address, f"/{path}")
        result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if (result["sessions"], result["replies"]) != (2000, 200_000):
        sys.exit(f"the bare client did other work: {result}")
    return result["cpu_seconds"]


def seed(options):
    results = {"rampd": [], "k6": []}
    for tool in rounds(options.pairs, list(results)):
        results[tool].append(seed_run(tool))
    floor = [floor_run() for _ in range(options.pairs)]
    table = Table("", f"rampd {version(RAMPD)}", f"k6 {version(K6)}", "rampd / k6")

    def row(label, key, digits, shared=False, **goals):
        mine, theirs = ([result[key] for result in results[tool]] for tool in ("rampd", "k6"))
        named = {goal: mine for goal in goals.values()}
        ratio = ratios(mine, theirs) if shared else []
        if shared:
            named[f"{goals['goal']}_to_k6"] = ratio
        parts = numbers([1 / one for one in ratio], 1) if shared else ""
        table.row(label, numbers(mine, digits), numbers(theirs, digits), f"1 / {parts}" if parts else "", **named)

    row("sessions opened, by the server", "opened", 0, goal="seed_sessions")
    row("messages received, by the server", "messages_in", 0, goal="seed_messages")
    row("replies read by the generator", "received", 0, goal="seed_messages")
    row("CPU in all, s", "cpu", 2, shared=True, goal="seed_cpu")
    row("peak memory, MB", "rss", 1, shared=True, goal="seed_memory")
    row("`ws_connecting` p(99), ms", "connecting", 2, goal="seed_connecting")
    row("`ws_msg_rtt` p(99), ms", "rtt", 2)
    row("wall time, s", "wall", 1)
    introduction = (
        f"The seed's ramp at ten times its speed, {options.pairs} pairs in turns; median (lowest–highest), ratios pair by pair.\n"
        "k6 goes on for up to 30 s after the ramp, its gracefulRampDown. "
        f"A bare epoll client (`benches/raw_ramp.rs`) takes {numbers(floor, 2)} s of CPU for the same ramp."
    )
    return write("seed", introduction, table, options.dry)
