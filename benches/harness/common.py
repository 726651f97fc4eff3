"""What the benches share: building, pinning, a server that counts, the kernel's accounting, the report."""

import contextlib
import datetime
import json
import os
import pathlib
import platform
import re
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs/benchmarks.md"
RAMPD = ROOT / "target/release/rampd"
RAW = ROOT / "target/release/examples/raw_epoll"
K6 = ROOT / ".tools/bin/k6"
SERVER = ROOT / "target/go-echo"
SERVER_CORE, CLIENT_CORE = "0", "1"


def build():
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}
    subprocess.run(["cargo", "build", "--release", "--locked", "--bins", "--examples"], cwd=ROOT, env=environment, check=True)
    subprocess.run(["go", "build", "-o", SERVER, "."], cwd=ROOT / "benches/peers/go-echo", check=True)


def pinned(core, *command):
    return ["taskset", "-c", core, *map(str, command)]


@contextlib.contextmanager
def server():
    """Yields the address and a dict that holds the server's counts afterwards."""
    process = subprocess.Popen(pinned(SERVER_CORE, SERVER), stdout=subprocess.PIPE, text=True)
    counts = {}
    try:
        port = json.loads(process.stdout.readline())["port"]
        yield f"ws://127.0.0.1:{port}/ws", counts
    finally:
        process.send_signal(signal.SIGTERM)
        counts.update(json.loads(process.communicate(timeout=10)[0] or "{}"))


def measured(command, environment, log):
    """Runs a command to its end: exit code, wall time, CPU seconds, peak memory in MB."""
    start = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {
        "exit": process.returncode,
        "wall": time.monotonic() - start,
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss * 1024 / 1e6,
    }


def spread(results, key, digits=2):
    values = [result[key] for result in results if result[key] is not None]
    if not values:
        return "not measured"
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else f"{middle} ({low}–{high})"


def until(limit, attempt):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if found := attempt():
            return found
        time.sleep(0.2)
    sys.exit(f"nothing after {limit} s")


def version(binary):
    output = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    return output.split()[1]


def setting():
    model = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} × {model[1] if model else platform.machine()}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"
    return f"{datetime.date.today()}, {machine}; server on one core, generator on the other, loopback."


def write(section, text):
    """Replaces a section of the report."""
    start, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    report = REPORT.read_text()
    before, found, rest = report.partition(start)
    if not found:
        sys.exit(f"{REPORT.name} has no {start}")
    REPORT.write_text(f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}")
    print(text)
