"""Messages and connections per second of one core, beside a bare epoll client and k6.

The server of these is `raw_epoll server`, the fastest at hand, so that the generator and not the
server is the limit; where it is not, the figures still hold, as they are per CPU second of the
generator."""

import contextlib
import json
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from common import CLIENT_CORE, K6, RAMPD, RAW, ROOT, SERVER_CORE, measured, pinned, setting, version, write

SECONDS = 5

PING_PONG = """
latencyClock: {clock}
scenarios:
  work:
    executor: constant-vus
    vus: {sockets}
    duration: {seconds}s
    gracefulStop: 0s
    flow:
      - websocket:
          url: {url}
          steps:
            - repeat:
                times: 100000000
                steps:
                  - repeat: {{ times: {burst}, steps: [ {{ send: {{ text: xxxxxxxxxxxxxxxxxxxx, reply: fifo }} }} ] }}
                  - expect: {burst}
"""

CONNECT = """
scenarios:
  work:
    executor: constant-vus
    vus: 64
    duration: {seconds}s
    flow: [ {{ websocket: {{ url: "{url}", steps: [] }} }} ]
"""


@contextlib.contextmanager
def server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(pinned(SERVER_CORE, RAW, "server", address), stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        yield address
    finally:
        process.kill()
        process.wait()


def rampd(profile, metric):
    with tempfile.TemporaryDirectory() as name, server() as address:
        directory = pathlib.Path(name)
        path, summary = directory / "profile.yaml", directory / "summary.json"
        path.write_text(profile.format(url=f"ws://{address}/", seconds=SECONDS))
        options = ["--listen", "127.0.0.1:0", "--linger", "0", "--quiet", "--on-invalid", "warn"]
        with open(directory / "log", "w+", encoding="utf-8") as log:
            command = pinned(CLIENT_CORE, RAMPD, "run", path, *options, "--summary-export", summary)
            result = measured(command, {}, log)
            log.seek(0)
            if result["exit"] != 0:
                sys.exit(f"rampd ended with {result['exit']}:\n{log.read()}")
        return json.loads(summary.read_text())["metrics"][metric]["count"] / result["cpu"]


def raw(sockets, burst):
    with server() as address:
        time.sleep(0.1)
        command = pinned(CLIENT_CORE, RAW, "client", address, sockets, SECONDS, burst)
        result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return result["messages"] / result["cpu_seconds"]


def k6(sockets, burst):
    with tempfile.TemporaryDirectory() as name, server() as address:
        directory = pathlib.Path(name)
        summary = directory / "summary.json"
        environment = {
            "URL": f"ws://{address}/", "VUS": str(sockets), "SECONDS": str(SECONDS), "BURST": str(burst),
        }
        with open(directory / "log", "w+", encoding="utf-8") as log:
            script = ROOT / "benches/peers/ping-pong.js"
            command = pinned(CLIENT_CORE, K6, "run", "--quiet", "--summary-export", summary, script)
            result = measured(command, environment, log)
            log.seek(0)
            if result["exit"] != 0:
                sys.exit(f"k6 ended with {result['exit']}:\n{log.read()}")
        return json.loads(summary.read_text())["metrics"]["ws_msgs_received"]["count"] / result["cpu"]


def speed(options):
    rows, ok = [], True
    for label, sockets, burst, clock, limit_goal, k6_goal in [
        ("echo ping-pong, 100 sockets, 20 bytes", 100, 1, "kernel", 0.85, 3),
        ("echo ping-pong, 500 sockets, 20 bytes", 500, 1, "kernel", 0.85, 3),
        ("echo ping-pong, 100 sockets, `latencyClock: user`", 100, 1, "user", 0.85, 3),
        ("bursts of 100, 50 sockets, 20 bytes", 50, 100, "kernel", None, 30),
    ]:
        profile = PING_PONG.replace("{sockets}", str(sockets)).replace("{burst}", str(burst)).replace("{clock}", clock)
        mine, limit, theirs = [], [], []
        for _ in range(options.pairs):
            mine.append(rampd(profile, "ws_msgs_received"))
            limit.append(raw(sockets, burst))
            theirs.append(k6(sockets, burst) if K6.exists() else None)
            print(label, mine[-1], limit[-1], theirs[-1], flush=True)
        to_limit = ratio(mine, limit)
        to_k6 = ratio(mine, theirs) if theirs[0] else None
        goal = f"{limit_goal} of bare epoll, {k6_goal} × k6" if limit_goal else f"2.5 million/s, {k6_goal} × k6"
        reached = (limit_goal is None or to_limit >= limit_goal) and (to_k6 is None or to_k6 >= k6_goal)
        reached &= burst == 1 or statistics.median(mine) >= 2.5e6
        ok &= reached
        rows.append((label, mine, limit, theirs, f"{to_limit:.2f}", f"{to_k6:.1f}" if to_k6 else "–", goal, reached))
    connects = [rampd(CONNECT, "ws_sessions") for _ in range(options.pairs)]
    reached = statistics.median(connects) >= 20_000
    ok &= reached
    rows.append(("connect, upgrade and close, ws://, 64 at a time", connects, None, None, "–", "–", "20,000/s", reached))
    head = "| work, per CPU second of the generator | rampd | bare epoll | k6 | rampd / epoll | rampd / k6 | goal | reached |"
    lines = [head, "|---" * 8 + "|"]
    for label, mine, limit, theirs, to_limit, to_k6, goal, reached in rows:
        cells = [label, thousands(mine), thousands(limit), thousands(theirs), to_limit, to_k6, goal, "yes" if reached else "**no**"]
        lines.append("| " + " | ".join(cells) + " |")
    peers = f"rampd {version(RAMPD)}" + (f", k6 {version(K6)}" if K6.exists() else "")
    text = f"{setting()}\n\n{peers}; {options.pairs} rounds in turns, median (lowest–highest), ratios round by round.\n\n"
    write("speed", text + "\n".join(lines))
    return ok


def ratio(mine, theirs):
    return statistics.median(one / other for one, other in zip(mine, theirs))


def thousands(values):
    if not values or values[0] is None:
        return "–"
    low, middle, high = (f"{value / 1e3:,.0f}k" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}–{high})"
