"""What the benches share: building, pinning, servers, the kernel's accounting, the report."""

import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "docs/benchmarks.md"
# What fleets cost.
SCALE = ROOT / "docs/scale.md"
RELEASE = ROOT / "target/release"
RAMPD = RELEASE / "rampd"
K6 = ROOT / ".tools/bin/k6"
OHA = ROOT / ".tools/bin/oha"
GO_ECHO = ROOT / "target/go-echo"
SERVER_CORE, CLIENT_CORE = "0", "1"
# A server whose core is full while the generator's is not is the limit: the run tells of the server.
SATURATED, IDLE = 0.95, 0.9


def build():
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}
    subprocess.run(["cargo", "build", "--release", "--locked", "--bins", "--examples"], cwd=ROOT, env=environment, check=True)
    subprocess.run(["go", "build", "-o", GO_ECHO, "."], cwd=ROOT / "benches/peers/go-echo", check=True)


def pinned(core, *command):
    return ["taskset", "-c", core, *map(str, command)]


@dataclasses.dataclass
class Server:
    """A running server; its counts are there once it has ended."""

    process: subprocess.Popen
    address: str = ""
    counts: dict = dataclasses.field(default_factory=dict)

    def url(self, scheme="ws"):
        return f"{scheme}://{self.address}/"

    def cpu(self):
        """CPU seconds so far, to a hundredth: `/proc/<pid>/stat` after the name in brackets."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def go_echo(certificate=None):
    """The WebSocket server that counts; with a certificate's directory it speaks TLS."""
    secure = ["-certificate", certificate / "certificate.pem", "-key", certificate / "key.pem"] if certificate else []
    process = subprocess.Popen(pinned(SERVER_CORE, GO_ECHO, *secure), stdout=subprocess.PIPE, text=True)
    server = Server(process)
    try:
        server.address = f"127.0.0.1:{json.loads(process.stdout.readline())['port']}"
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        server.counts.update(json.loads(process.communicate(timeout=10)[0] or "{}"))


@contextlib.contextmanager
def bare(program, *arguments):
    """A server of benches/ on bare epoll, the fastest at hand."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = pinned(SERVER_CORE, RELEASE / "examples" / program, *arguments, address)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        yield Server(process, address)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def certificate():
    """A directory with a certificate of 127.0.0.1, signed by nobody but itself."""
    with tempfile.TemporaryDirectory() as name:
        command = "openssl req -x509 -newkey ec -nodes -days 2 -pkeyopt ec_paramgen_curve:prime256v1 -keyout key.pem -out certificate.pem"
        subject = ["-subj", "/CN=rampd bench", "-addext", "subjectAltName=IP:127.0.0.1"]
        subject += ["-addext", "basicConstraints=critical,CA:false"]
        subprocess.run([*command.split(), *subject], cwd=name, check=True, capture_output=True)
        yield pathlib.Path(name)


# Runs that tell of their server, see above.
limited_by_server = []


def measured(name, command, server=None, environment=None, allowed=(0,)):
    """Runs a command on the generator's core to its end: its output, wall time, CPU seconds, peak memory
    in MB, and the shares of the two cores that generator and server took."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        before, start = server.cpu() if server else 0, time.monotonic()
        command = pinned(CLIENT_CORE, *command)
        process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode not in allowed:
        sys.exit(f"{name} ended with {process.returncode}:\n{text}")
    cpu = usage.ru_utime + usage.ru_stime
    result = {
        "output": text,
        "wall": wall,
        "cpu": cpu,
        "rss": usage.ru_maxrss * 1024 / 1e6,
        "busy": cpu / wall,
        "server_busy": (server.cpu() - before) / wall if server else 0,
    }
    if result["server_busy"] >= SATURATED and result["busy"] < IDLE:
        limited_by_server.append(f"{name} ({result['server_busy']:.0%} and {result['busy']:.0%})")
    return result


def rampd_command(directory, profile, *more):
    """A run of a profile that ends at once when its load does, and where its summary will be."""
    path, summary = directory / "profile.yaml", directory / "summary.json"
    path.write_text(profile)
    options = ["--listen", "127.0.0.1:0", "--linger", "0", "--quiet", "--on-invalid", "warn", "--summary-export", summary, *more]
    return [RAMPD, "run", path, *options], summary


def rampd(profile, server):
    """Runs a profile to its end: what was measured from outside, and the metrics of its own summary."""
    with tempfile.TemporaryDirectory() as name:
        command, summary = rampd_command(pathlib.Path(name), profile)
        result = measured("rampd", command, server)
        return result | {"metrics": json.loads(summary.read_text())["metrics"]}


@dataclasses.dataclass
class Run:
    """rampd in the background; its summary is there once it has ended."""

    process: subprocess.Popen
    address: str
    summary: dict = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def running(profile, *more):
    """Ends it, if it has not ended by itself or been stopped; `more` are options of the run."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        command, summary = rampd_command(directory, profile, *more)
        log = directory / "log"
        with log.open("w") as sink:
            process = subprocess.Popen(pinned(CLIENT_CORE, *command), stdout=sink, stderr=sink)
        try:
            run = Run(process, until(20, lambda: re.search(r"http://([\d.]+:\d+)\D", log.read_text()))[1])
            yield run
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
        if code not in (0, 103, 105):
            sys.exit(f"rampd ended with {code}:\n{log.read_text()}")
        run.summary.update(json.loads(summary.read_text()))


def resident(pid):
    """VmRSS in bytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def rounds(pairs, tools):
    """Pairs in turns: who goes first changes, so that nobody always meets the warmer machine."""
    for number in range(pairs):
        yield from tools if number % 2 == 0 else reversed(tools)


def ratios(mine, theirs):
    """Round by round."""
    return [one / other for one, other in zip(mine, theirs)]


def numbers(values, digits=2, scale=1.0, unit=""):
    """The median with the lowest and the highest."""
    values = [value for value in values if value is not None]
    if not values:
        return "–"
    low, middle, high = (f"{value * scale:,.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low}–{high})"


def thousands(values):
    low, middle, high = (f"{value / 1e3:,.0f}k" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}–{high})"


def shares(results):
    """How busy the two cores were: the generator's and the server's."""
    return " / ".join(f"{statistics.median(result[key] for result in results):.0%}" for key in ("busy", "server_busy"))


def until(limit, attempt):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if found := attempt():
            return found
        time.sleep(0.2)
    sys.exit(f"nothing after {limit} s")


def version(binary):
    """The first number with dots that it says of itself; wrk says it with a complaint about the option."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return re.search(r"\d+(\.\d+)+", said.stdout + said.stderr)[0]


def setting():
    model = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()} × {model[1] if model else platform.machine()}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"
    return f"{datetime.date.today()}, {machine}; server on one core, generator on the other, loopback."


def write(section, introduction, table, dry, file=REPORT):
    """Replaces a section of the report, or only prints it. Returns the goals that were missed."""
    compared = section in ("seed", "speed", "http", "tls")
    about_server = ""
    if compared:
        about_server = f" In no run was the server the limit (its core {SATURATED:.0%} busy, the generator's less than {IDLE:.0%})."
    if limited_by_server:
        about_server = " The server was the limit (its core and the generator's): " + ", ".join(limited_by_server) + "."
        limited_by_server.clear()
    text = f"{setting()}\n\n{introduction}{about_server}\n\n{table}"
    print(text, flush=True)
    if not dry:
        start, end = f"<!-- {section} -->", f"<!-- /{section} -->"
        report = file.read_text()
        before, found, rest = report.partition(start)
        if not found:
            sys.exit(f"{file.name} has no {start}")
        file.write_text(f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}")
    return [f"{section}: {missed}" for missed in table.missed]
