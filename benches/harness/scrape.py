"""What a scrape costs while every socket of a full process is busy: its own time, and what it does to the load.

Prometheus scrapes every minute by default; every second is the most that anyone asks for. A scrape every 100 ms makes
many to take percentiles of. The harness has the server's core."""

import http.client
import math
import statistics
import sys
import time

from common import RAMPD, go_echo, numbers, rounds, running, version, write
from goals import Table

# Seconds between two scrapes by the column's name.
MODES = {"scraped every 0.1 s": 0.1, "every second": 1, "not scraped": None}
# The sockets open within RAMP seconds, and close within as many; nobody sends before all of them are open.
RAMP, WAIT = 6, 8

PROFILE = """
summaryTrendStats: [med, p(99), p(99.9)]
scenarios:
  busy:
    executor: ramping-vus
    startVUs: 0
    gracefulStop: 5s
    gracefulRampDown: 5s
    stages:
      - {{ duration: {ramp}s, target: {sockets} }}
      - {{ duration: {rest}s, target: {sockets} }}
      - {{ duration: {ramp}s, target: 0 }}
    flow:
      - websocket:
          url: {url}
          steps:
            - sleep: {wait}s
            - every: {{ rate: 1, for: {seconds}s, steps: [ {{ send: {{ text: xxxxxxxxxxxxxxxxxxxx, reply: fifo }} }} ] }}
            - hold: {{}}
"""


def scrape(address):
    """GET /metrics: milliseconds to its last byte, and its size."""
    host, port = address.split(":")
    start = time.monotonic()
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", "/metrics")
    body = connection.getresponse().read()
    connection.close()
    return (time.monotonic() - start) * 1e3, len(body)


def under_load(options, mode):
    """One run; its scrapes' times in milliseconds are those made while every socket sends."""
    load = max(3 * options.seconds, RAMP + 2)
    profile = PROFILE.format(ramp=RAMP, rest=WAIT + load + 1, wait=WAIT, seconds=load, sockets=options.connections, url="{url}")
    times, sizes = [], []
    every = MODES[mode]
    with go_echo() as server:
        with running(profile.replace("{url}", server.url())) as run:
            start, cpu = time.monotonic(), server.cpu()
            while run.process.poll() is None:
                now = time.monotonic() - start
                if every and WAIT <= now < WAIT + load:
                    took, size = scrape(run.address)
                    # The first one to open is the first one to send, and to end.
                    if RAMP + WAIT <= now:
                        times.append(took)
                        sizes.append(size)
                time.sleep(every or 0.1)
            busy = (server.cpu() - cpu) / (time.monotonic() - start)
    if server.counts["max_open"] != options.connections:
        sys.exit(f"{options.connections} sockets were planned, the server saw {server.counts['max_open']}")
    of = run.summary["metrics"]
    result = {"rtt": of["ws_msg_rtt"]["p(99)"], "send": of["rampd_send_lag"]["p(99)"], "read": of["rampd_read_lag"]["p(99)"]}
    result |= {"times": times, "size": statistics.median(sizes) if sizes else 0, "server_busy": busy}
    print(mode, {key: result[key] for key in ("rtt", "send", "read")}, len(times), flush=True)
    return result


def percentile(values, share):
    """The value that `share` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def spread(times):
    if not times:
        return ""
    shares = ", ".join(f"p{share} {percentile(times, share / 100):.1f}" for share in (50, 90, 99))
    return f"{shares}, max {max(times):.1f}, of {len(times)}"


def harm(with_them, without):
    """What scrapes add to a figure beyond the noise: the difference of the medians less the wider of the two spreads."""
    noise = max(max(values) - min(values) for values in (with_them, without))
    return abs(statistics.median(with_them) - statistics.median(without)) - noise


def scrapes(options):
    results = {mode: [] for mode in MODES}
    for mode in rounds(options.pairs, list(results)):
        results[mode].append(under_load(options, mode))
    often, seldom, never = results.values()
    times = {mode: [took for one in found for took in one["times"]] for mode, found in results.items()}
    table = Table("", *MODES)
    shown = [spread(found) for found in times.values()]
    table.row("time of a scrape, ms", *shown, scrape_time=max(percentile(found, 0.99) for found in times.values() if found))
    for key, label in [("rtt", "`ws_msg_rtt` p(99), ms"), ("send", "`rampd_send_lag` p(99), ms"), ("read", "`rampd_read_lag` p(99), ms")]:
        values = [[one[key] for one in found] for found in (often, seldom, never)]
        goals = {"scrape_harm": harm(values[1], values[2])} if key == "rtt" and options.pairs > 1 else {}
        table.row(label, *map(numbers, values), **goals)
    size = statistics.median(one["size"] for one in often) / 1024
    server = max(one["server_busy"] for found in results.values() for one in found)
    introduction = (
        f"rampd {version(RAMPD)}, {options.connections:,} sockets, each with a message a second; a scrape has {size:.0f} KiB;\n"
        f"{options.pairs} rounds in turns, median (lowest–highest). The goal compares every second with none; the noise is the wider spread.\n"
        f"The server's core was at most {server:.0%} busy."
    )
    return write("scrape", introduction, table, options.dry)
