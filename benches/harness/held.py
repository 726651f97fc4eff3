"""Memory of held connections."""

import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from common import CLIENT_CORE, RAMPD, pinned, server, setting, until, version, write

HELD_PROFILE = """
scenarios:
  held:
    executor: ramping-vus
    startTime: 3s
    startVUs: 0
    stages:
      - {{ duration: 20s, target: {connections} }}
      - {{ duration: 15s, target: {connections} }}
    flow:
      - websocket:
          url: {url}
          steps: [{{ hold: {{}} }}]
"""


def resident(pid):
    """VmRSS in bytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def held(options):
    with tempfile.TemporaryDirectory() as name, server() as (url, counts):
        directory = pathlib.Path(name)
        profile = directory / "held.yaml"
        profile.write_text(HELD_PROFILE.format(connections=options.connections, url=url))
        with open(directory / "log", "w+", encoding="utf-8") as log:
            command = [RAMPD, "run", profile, "--listen", "127.0.0.1:0", "--linger", "0", "--quiet"]
            process = subprocess.Popen(pinned(CLIENT_CORE, *command), stdout=log, stderr=log)
            try:
                base, full = watch(process, directory / "log", options.connections)
            finally:
                process.send_signal(signal.SIGTERM)
                code = process.wait(timeout=60)
            log.seek(0)
            if code != 105:
                sys.exit(f"rampd ended with {code}:\n{log.read()}")
    each = (full - base) / options.connections / 1024
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    rows = [
        f"| connections held in one process, by the server | {counts['max_open']:,} |",
        f"| hard limit of open files | {files:,} |",
        f"| memory before the first connection, MB | {base / 1e6:.1f} |",
        f"| memory with all of them, MB | {full / 1e6:.1f} |",
        f"| memory of each, KiB | {each:.2f} (goal: at most 12) |",
    ]
    write("held", f"{setting()}\n\nrampd {version(RAMPD)}, VmRSS.\n\n| | |\n|---|---|\n" + "\n".join(rows))
    return counts["max_open"] == options.connections and each <= 12


def watch(process, log, connections):
    """VmRSS before the load, and with every connection open for 3 s."""
    address = until(20, lambda: re.search(r"http://([\d.]+:\d+)\D", log.read_text()))[1]
    base = resident(process.pid)

    def complete():
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
            page = answer.read().decode()
        now = sum(float(value) for value in re.findall(r"^ws_open_connections\S* (\S+)$", page, re.MULTILINE))
        return now == connections

    until(60, complete)
    time.sleep(3)
    return base, resident(process.pid)
