"""What people who watch a run cost it: messages at 150,000 a second with nobody and with three open pages.

A page reads the stream of events and asks for the curves once a second; so does each of ours, in the harness's own process,
which has the server's core. One asks for the page itself, too, at the beginning."""

import http.client
import json
import statistics
import sys
import threading
import time

from common import RAMPD, bare, numbers, rounds, running, version, write
from goals import Table
from scrape import harm

PAGES = {"nobody watches": 0, "three pages": 3}
# In bursts: 150,000 messages one by one fill the generator's core, and what is late then is late by itself.
SOCKETS, EACH, BURST = 150, 1_000, 10
# Sockets open before the first message.
WAIT = 1

PROFILE = """
summaryTrendStats: [med, p(99), p(99.9), max, count]
scenarios:
  busy:
    executor: constant-vus
    vus: {sockets}
    duration: {whole}s
    gracefulStop: 2s
    flow:
      - websocket:
          url: {url}
          steps:
            - sleep: {wait}s
            - every:
                rate: {bursts}
                for: {seconds}s
                steps: [ {{ repeat: {{ times: {burst}, steps: [ {{ send: {{ text: xxxxxxxxxxxxxxxxxxxx, reply: fifo }} }} ] }} }} ]
            - hold: {{}}
"""


def get(address, path):
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status} {body[:200]}")
    return body


def watch(address, until, seen):
    """An open page, until a time of the monotonic clock; what it has read is added to `seen`."""
    get(address, "/")
    host, port = address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/api/v1/events", headers={"accept": "text/event-stream"})
    stream = connection.getresponse()
    while time.monotonic() < until:
        line = stream.readline()
        if not line:
            return
        if line.startswith(b"data:") and json.loads(line[5:])["run"]:
            start = time.monotonic()
            seen.append((len(get(address, "/api/v1/runs/current/charts")), (time.monotonic() - start) * 1e3))
    connection.close()


def under_load(options, mode):
    load = 3 * options.seconds
    with bare("raw_epoll", "server") as server:
        profile = PROFILE.format(sockets=SOCKETS, bursts=EACH // BURST, burst=BURST, wait=WAIT, seconds=load, whole=load + WAIT + 1, url=server.url())
        seen = []
        with running(profile) as run:
            start, cpu = time.monotonic(), server.cpu()
            pages = [threading.Thread(target=watch, args=(run.address, start + WAIT + load - 1, seen)) for _ in range(PAGES[mode])]
            for page in pages:
                page.start()
            run.process.wait(timeout=load + 30)
            for page in pages:
                page.join(timeout=20)
            busy = (server.cpu() - cpu) / (time.monotonic() - start)
    # A page that has failed would watch nothing, and cost nothing.
    if len(seen) < PAGES[mode] * (load - 3):
        sys.exit(f"{PAGES[mode]} pages have drawn {len(seen)} times in {load} s")
    of = run.summary["metrics"]
    sent = of["ws_msgs_sent"]["count"]
    if sent < 0.99 * SOCKETS * EACH * load:
        sys.exit(f"{SOCKETS * EACH * load:,} messages were planned, {sent:,.0f} were sent")
    result = {name: of[metric][column] for name, metric, column in FIGURES}
    result |= {"seen": seen, "server_busy": busy}
    print(mode, {name: result[name] for name, *_ in FIGURES}, len(seen), flush=True)
    return result


FIGURES = [
    ("rtt median", "ws_msg_rtt", "med"),
    ("rtt", "ws_msg_rtt", "p(99)"),
    ("send median", "rampd_send_lag", "med"),
    ("send", "rampd_send_lag", "p(99)"),
    ("read", "rampd_read_lag", "p(99)"),
]


def watched(options):
    results = {mode: [] for mode in PAGES}
    for mode in rounds(options.pairs, list(results)):
        results[mode].append(under_load(options, mode))
    alone, with_pages = results.values()
    table = Table("", *PAGES)
    for name, metric, column in FIGURES:
        values = [[one[name] for one in found] for found in (alone, with_pages)]
        goals = {"page harm": harm(values[1], values[0])} if name in ("rtt", "send") and options.pairs > 1 else {}
        table.row(f"`{metric}` {column}, ms", *(numbers(found, 3) for found in values), **goals)
    drawn = [one for found in with_pages for one in found["seen"]]
    server = max(one["server_busy"] for found in results.values() for one in found)
    introduction = (
        f"rampd {version(RAMPD)}, {SOCKETS} sockets with {EACH:,} messages a second each in bursts of {BURST}, {3 * options.seconds} s; {options.pairs} rounds in turns,\n"
        f"median (lowest–highest). The pages have drawn {len(drawn)} times, {statistics.median(size for size, _ in drawn) / 1024:.0f} KiB in\n"
        f"{statistics.median(took for _, took in drawn):.1f} ms. The noise is the wider spread. The server's core was at most {server:.0%} busy."
    )
    return write("watched", introduction, table, options.dry)
