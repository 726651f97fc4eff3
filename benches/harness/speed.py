"""Messages and connections per second of one core, beside a bare epoll client and k6.

The server is `raw_epoll server`, the fastest at hand, so that the generator and not the server is the limit."""

import json
import pathlib
import tempfile

from common import K6, RAMPD, RELEASE, ROOT, bare, measured, numbers, rampd, ratios, rounds, shares, thousands, version, write
from goals import Table

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
{tls}
scenarios:
  work:
    executor: constant-vus
    vus: 64
    duration: {seconds}s
    flow: [ {{ websocket: {{ url: "{url}", steps: [] }} }} ]
"""


def ping_pong(tool, seconds, sockets, burst, clock):
    with bare("raw_epoll", "server") as server, tempfile.TemporaryDirectory() as name:
        if tool == "rampd":
            profile = PING_PONG.format(url=server.url(), seconds=seconds, sockets=sockets, burst=burst, clock=clock)
            result = rampd(profile, server)
            messages = result["metrics"]["ws_msgs_received"]["count"]
        elif tool == "epoll":
            command = [RELEASE / "examples/raw_epoll", "client", server.address, sockets, seconds, burst]
            result = measured("bare epoll", command, server)
            messages = json.loads(result["output"])["messages"]
        else:
            summary = pathlib.Path(name) / "summary.json"
            environment = {"URL": server.url(), "VUS": str(sockets), "SECONDS": str(seconds), "BURST": str(burst)}
            command = [K6, "run", "--quiet", "--summary-export", summary, ROOT / "benches/peers/ping-pong.js"]
            result = measured("k6", command, server, environment)
            messages = json.loads(summary.read_text())["metrics"]["ws_msgs_received"]["count"]
    result["rate"] = messages / result["cpu"]
    print(tool, sockets, burst, clock, f"{result['rate']:,.0f}", flush=True)
    return result


def connects(seconds, server, scheme="ws", authority=None):
    tls = f"tls: {{ caFile: {authority} }}" if authority else ""
    result = rampd(CONNECT.format(seconds=seconds, url=server.url(scheme), tls=tls), server)
    sessions = result["metrics"]["ws_sessions"]["count"]
    return result | {"sessions": sessions, "rate": sessions / result["cpu"]}


def bare_connects(seconds, server):
    result = measured("bare connects", [RELEASE / "examples/raw_connect", server.address, seconds], server)
    return result | {"rate": json.loads(result["output"])["sessions"] / result["cpu"]}


def speed(options):
    head = "work, per CPU second of the generator"
    table = Table(head, "rampd", "bare epoll", "k6", "rampd / epoll", "rampd / k6", "busy: rampd's core / the server's")
    for label, sockets, burst, clock in [
        ("echo ping-pong, 100 sockets, 20 bytes", 100, 1, "kernel"),
        ("echo ping-pong, 500 sockets, 20 bytes", 500, 1, "kernel"),
        ("echo ping-pong, 100 sockets, `latencyClock: user`", 100, 1, "user"),
        ("bursts of 100, 50 sockets, 20 bytes", 50, 100, "kernel"),
    ]:
        results = {"rampd": [], "epoll": [], "k6": []}
        for tool in rounds(options.pairs, list(results)):
            results[tool].append(ping_pong(tool, options.seconds, sockets, burst, clock))
        mine, limit, theirs = ([one["rate"] for one in found] for found in results.values())
        to_limit, to_k6 = ratios(mine, limit), ratios(mine, theirs)
        if burst == 1:
            goals = {"ping-pong_to_epoll": to_limit, "ping-pong_to_k6": to_k6}
        else:
            goals = {"bursts": mine, "bursts_to_k6": to_k6}
        cells = [thousands(mine), thousands(limit), thousands(theirs), numbers(to_limit), numbers(to_k6, 1)]
        table.row(label, *cells, shares(results["rampd"]), **goals)
    results = {"rampd": [], "epoll": []}
    for tool in rounds(options.pairs, list(results)):
        with bare("raw_epoll", "server") as server:
            results[tool].append(connects(options.seconds, server) if tool == "rampd" else bare_connects(options.seconds, server))
    mine, limit = ([one["rate"] for one in found] for found in results.values())
    cells = [thousands(mine), thousands(limit), "–", numbers(ratios(mine, limit)), "–", shares(results["rampd"])]
    table.row("connect, upgrade and close, ws://, 64 at a time", *cells, connects=mine)
    introduction = (
        f"rampd {version(RAMPD)}, k6 {version(K6)}; {options.pairs} rounds in turns, median (lowest–highest), ratios round by round."
    )
    return write("speed", introduction, table, options.dry)
