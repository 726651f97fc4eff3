"""The seed's ramp, ten times faster, beside k6."""

import json
import pathlib
import statistics
import sys
import tempfile

from common import CLIENT_CORE, K6, RAMPD, ROOT, measured, pinned, server, setting, spread, version, write

SPEED = 10
SESSIONS, MESSAGES = 2000, 200_000


def seed_run(tool, directory):
    summary = directory / "summary.json"
    with server() as (url, counts), open(directory / "log", "w+", encoding="utf-8") as log:
        if tool == "rampd":
            profile = ROOT / "config/quantum-ws.yaml"
            options = ["--speed", SPEED, "--listen", "127.0.0.1:0", "--linger", "0", "--quiet"]
            command = [RAMPD, "run", profile, *options, "--summary-export", summary]
        else:
            command = [K6, "run", "--quiet", "--summary-export", summary, ROOT / "benches/peers/seed.js"]
        environment = {"QUANTUM_WS_URL": url, "SPEED": str(SPEED)}
        result = measured(pinned(CLIENT_CORE, *command), environment, log)
        log.seek(0)
        if result["exit"] not in (0, 99):
            sys.exit(f"{tool} ended with {result['exit']}:\n{log.read()}")
    metrics = json.loads(summary.read_text())["metrics"]
    result |= {
        "opened": counts["opened"],
        "messages_in": counts["messages_in"],
        "messages_out": counts["messages_out"],
        "connecting": metrics["ws_connecting"]["p(99)"],
        "rtt": metrics.get("ws_msg_rtt", {}).get("p(99)"),
        "received": metrics["ws_msgs_received"]["count"],
    }
    print(tool, {key: round(value, 3) for key, value in result.items() if value is not None}, flush=True)
    return result


def seed(options):
    tools = ["rampd"] + ([options.peer] if options.peer else [])
    if options.peer and not K6.exists():
        sys.exit("k6 is not built: run `make k6`")
    results = {tool: [] for tool in tools}
    for pair in range(options.pairs):
        # Whoever goes first changes, so that neither always meets the warmer machine.
        for tool in tools if pair % 2 == 0 else reversed(tools):
            with tempfile.TemporaryDirectory() as directory:
                results[tool].append(seed_run(tool, pathlib.Path(directory)))
    rows = [
        ("sessions opened, by the server", "opened", 0, f"exactly {SESSIONS:,}"),
        ("messages received, by the server", "messages_in", 0, f"exactly {MESSAGES:,}"),
        ("replies read by the generator", "received", 0, f"exactly {MESSAGES:,}"),
        ("CPU in all, s", "cpu", 2, "at most 0.6"),
        ("peak memory, MB", "rss", 1, "at most 40"),
        ("`ws_connecting` p(99), ms", "connecting", 2, "below 20"),
        ("`ws_msg_rtt` p(99), ms", "rtt", 2, ""),
        ("wall time, s", "wall", 1, ""),
    ]
    names = {"rampd": f"rampd {version(RAMPD)}", "k6": f"k6 {version(K6)}" if options.peer else ""}
    lines = ["| | " + " | ".join(names[tool] for tool in tools) + " | goal for rampd |", "|---" * (len(tools) + 2) + "|"]
    for label, key, digits, goal in rows:
        lines.append(f"| {label} | " + " | ".join(spread(results[tool], key, digits) for tool in tools) + f" | {goal} |")
    text = (
        f"{setting()}\n\nThe seed's ramp at ten times its speed, {options.pairs} pairs in turns; median (lowest–highest).\n"
        "k6 goes on for up to 30 s after the ramp, its gracefulRampDown.\n\n" + "\n".join(lines)
    )
    write("seed", text)
    mine = results["rampd"]
    ok = all(
        (one["opened"], one["messages_in"], one["received"]) == (SESSIONS, MESSAGES, MESSAGES)
        and one["connecting"] < 20
        for one in mine
    )
    return ok and statistics.median(one["cpu"] for one in mine) <= 0.6 and max(one["rss"] for one in mine) <= 40
