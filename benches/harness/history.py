"""What a daemon's history costs: memory and the time of a page, with a month of hourly runs and with more."""

import contextlib
import json
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request

import common
from common import CLIENT_CORE, pinned, resident, until, version, write
from goals import Table

# 30 days at one run an hour, and ten times as many.
RUNS = [0, 720, 7200]
# Records read one after another: memory must not grow with what was read.
READ = 200
PROFILE = """
vus: 100
duration: 10s
flow:
  - websocket:
      url: ws://127.0.0.1:1/
      steps:
        - every: { rate: 50, steps: [ { send: { json: { op: test, payload: "{{ index }}" }, reply: fifo } } ] }
thresholds: { ws_msg_rtt: ["p(99)<200"], ws_connecting: ["p(99)<200"] }
"""


def configuration(start):
    return f"""
listen: 127.0.0.1:0
history: {{ dir: history, maxRuns: {max(RUNS) + 10}, maxAge: 3650d }}
profiles: {{ load: {{ file: load.yaml, onStart: {start}, schedule: "0 0 1 1 *" }} }}
"""


@contextlib.contextmanager
def daemon(folder, start="false"):
    """A daemon with its address."""
    (folder / "rampd.yaml").write_text(configuration(start))
    log = folder / "log"
    with log.open("w") as sink:
        command = [common.RAMPD, "serve", folder / "rampd.yaml", "--echo", "--force", "--linger", "0"]
        process = subprocess.Popen(pinned(CLIENT_CORE, *command), stdout=sink, stderr=sink)
    try:
        address = until(60, lambda: re.search(r"http://([\d.]+:\d+)/metrics", log.read_text()))[1]
        yield process, address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def get(address, path):
    """Milliseconds and the answer."""
    begin = time.monotonic()
    with urllib.request.urlopen(f"http://{address}/api/v1/{path}", timeout=20) as answer:
        body = answer.read()
    return (time.monotonic() - begin) * 1e3, json.loads(body)


def template(folder):
    """Entry and record of a run as it is kept."""
    with daemon(folder, start="true") as (_, address):
        ended = lambda: [run for run in get(address, "runs")[1]["runs"] if run["hasRecord"]]
        name = until(60, ended)[0]["id"]
    files = {suffix: (folder / f"history/{name}{suffix}").read_text() for suffix in (".json", ".record.json")}
    shutil.rmtree(folder / "history")
    return name, files


def nth(number):
    """A name as the daemon gives them; files of other names are not its own."""
    return f"20260101T{number:06}.000Z-load"


def fill(folder, name, files, count):
    history = folder / "history"
    history.mkdir(mode=0o700, exist_ok=True)
    for number in range(count):
        other = nth(number)
        for suffix, text in files.items():
            (history / f"{other}{suffix}").write_text(text.replace(name, other))


def history(options):
    table = Table("runs", "MiB on disk", "until it serves", "RSS", f"RSS after {READ} records", "a page of 200", "a record")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        (folder / "load.yaml").write_text(PROFILE)
        name, files = template(folder)
        for count in RUNS:
            fill(folder, name, files, count)
            begin = time.monotonic()
            with daemon(folder) as (process, address):
                get(address, "status")
                serves = time.monotonic() - begin
                get(address, "runs?limit=200")
                before = resident(process.pid)
                listed = [get(address, "runs?limit=200")[0] for _ in range(20)]
                read = [get(address, f"runs/{nth(number * (count // READ))}")[0] for number in range(READ)] if count else []
                after = resident(process.pid)
            size = sum(file.stat().st_size for file in (folder / "history").iterdir()) / 2**20
            shown = f"{statistics.median(read):.1f} ms" if read else "none"
            table.row(
                f"{count:,}", f"{size:.1f}", f"{serves:.2f} s", f"{before / 2**20:.1f} MiB", f"{after / 2**20:.1f} MiB",
                f"{statistics.median(listed):.1f} ms, {max(listed):.1f} at most", shown,
            )
            shutil.rmtree(folder / "history", ignore_errors=True)
    introduction = (
        f"rampd {version(common.RAMPD)} serve with copies of a run of 10 s and 50,000 messages, asked over HTTP; the daemon has core\n"
        "1 to itself. 720 runs are 30 days of one an hour."
    )
    return write("history", introduction, table, options.dry)
