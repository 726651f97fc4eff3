"""How large `/metrics` is, in series and bytes, and what a fleet's pages are for Prometheus."""

import contextlib
import pathlib
import re
import signal
import subprocess
import tempfile
import urllib.request

from common import CLIENT_CORE, RAMPD, ROOT, SCALE, pinned, until, version, write
from goals import Table

FORMATS = {
    "text": "text/plain;version=0.0.4",
    "OpenMetrics": "application/openmetrics-text;version=1.0.0",
    "protobuf, native histograms": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}
FLEETS = [10, 100, 1000]
# The pace of the chart's PodMonitor.
INTERVAL = 15
SCENARIOS = 20
# Seconds of load, of 15 or more.
NEARLY = 11


def of_scenarios(count):
    """A profile whose scenarios have a WebSocket and a request each."""
    one = """
  scenario-{number}:
    executor: constant-vus
    vus: 1
    duration: 30s
    gracefulStop: 1s
    flow:
      - websocket: {{ url: "ws://127.0.0.1:1/", steps: [ {{ send: {{ text: hello, reply: fifo }} }}, expect: 1 ] }}
      - http: "http://127.0.0.1:1/"
      - sleep: 100ms
"""
    thresholds = "thresholds: { ws_connecting: ['p(99)<200'], ws_msg_rtt: ['p(99)<200'] }\n"
    return thresholds + "scenarios:" + "".join(one.format(number=number) for number in range(count))


def elapsed(page):
    """Seconds of load, as the page says."""
    return float(re.search(rb"\nrampd_run_elapsed_seconds\{.*\} (\S+)", page)[1])


@contextlib.contextmanager
def nearly_finished(profile, *options):
    """The address of a run whose load is nearly over: after it, one scrape ends the wait for scrapers."""
    with tempfile.TemporaryDirectory() as name:
        log = pathlib.Path(name) / "log"
        command = [RAMPD, "run", profile, "--echo", "--quiet", "--listen", "127.0.0.1:0", "--linger", "0", *options]
        with log.open("w") as sink:
            process = subprocess.Popen(pinned(CLIENT_CORE, *command), stdout=sink, stderr=sink)
        try:
            address = until(20, lambda: re.search(r"http://([\d.]+:\d+)/metrics", log.read_text()))[1]
            until(60, lambda: elapsed(scrape(address, FORMATS["text"])) > NEARLY)
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def scrape(address, accept, coding="identity"):
    headers = {"Accept": accept, "Accept-Encoding": coding}
    with urllib.request.urlopen(urllib.request.Request(f"http://{address}/metrics", headers=headers), timeout=20) as page:
        return page.read()


def sizes(address):
    """By format: series that Prometheus stores, those of them that are buckets, bytes, bytes deflated."""
    lines = [line for line in scrape(address, FORMATS["text"]).decode().splitlines() if line and not line.startswith("#")]
    buckets = sum(bool(re.match(r"\w+_bucket\{", line)) for line in lines)
    series = {name: len(lines) for name in FORMATS}
    # One more for each histogram: native ones stand next to the classic ones.
    series["protobuf, native histograms"] += sum(bool(re.match(r"\w+_bucket\{.*le=\"\+Inf\"", line)) for line in lines)
    return {
        name: (series[name], buckets, len(scrape(address, accept)), len(scrape(address, accept, "gzip")))
        for name, accept in FORMATS.items()
    }


def pages(options):
    with nearly_finished(ROOT / "config/quantum-ws.yaml", "--speed", "10") as address:
        seed = sizes(address)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as profile:
        profile.write(of_scenarios(SCENARIOS))
        profile.flush()
        with nearly_finished(profile.name) as address:
            many = sizes(address)
    table = Table("a pod's page", "series", "`_bucket`", "KiB", "KiB deflated", *(f"{pods:,} pods: series, samples/s, KiB/s" for pods in FLEETS))
    for about, found in [("quantum-ws", seed), (f"{SCENARIOS} scenarios", many)]:
        for name, (series, buckets, size, deflated) in found.items():
            fleets = (
                f"{series * pods:,}, {series * pods / INTERVAL:,.0f}, {deflated * pods / INTERVAL / 1024:,.0f}" for pods in FLEETS
            )
            table.row(f"{about}: {name}", f"{series:,}", f"{buckets:,}", f"{size / 1024:,.1f}", f"{deflated / 1024:,.1f}", *fleets)
    introduction = (
        f"rampd {version(RAMPD)}, `/metrics` near the end of a run; {SCENARIOS} scenarios have a WebSocket and a request each. A fleet's\n"
        f"figures are those of one pod times the pods, scraped every {INTERVAL} s and deflated, as Prometheus asks for it."
    )
    return write("page", introduction, table, options.dry, SCALE)
