"""Criterion's figures of single functions (benches/micro.rs)."""

import json
import os
import shutil
import subprocess

from common import CLIENT_CORE, RELEASE, ROOT, pinned, write
from goals import Table

CRITERION = ROOT / "target/criterion"


def micro(options):
    shutil.rmtree(CRITERION, ignore_errors=True)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target"), "CRITERION_HOME": str(CRITERION)}
    if not options.no_build:
        build = ["cargo", "bench", "--locked", "--bench", "micro", "--no-run"]
        subprocess.run(build, cwd=ROOT, env=environment, check=True)
    programs = [path for path in (RELEASE / "deps").glob("micro-*") if not path.suffix]
    program = max(programs, key=lambda path: path.stat().st_mtime)
    subprocess.run(pinned(CLIENT_CORE, program, "--bench", "--noplot"), cwd=ROOT, env=environment, check=True)
    table = Table("function", "median", "95 % interval of the median")
    for estimates in sorted(CRITERION.glob("*/**/new/estimates.json")):
        name = json.loads((estimates.parent / "benchmark.json").read_text())["full_id"]
        median = json.loads(estimates.read_text())["median"]
        interval = median["confidence_interval"]
        bounds = f"{time(interval['lower_bound'])} to {time(interval['upper_bound'])}"
        table.row(name.replace("/", ": ", 1).replace("/", " "), time(median["point_estimate"]), bounds)
    return write("micro", "Criterion, release build.", table, options.dry)


def time(nanos):
    for unit, size in [("ns", 1), ("µs", 1e3), ("ms", 1e6)]:
        if nanos < 1000 * size:
            return f"{nanos / size:,.1f} {unit}"
    return f"{nanos / 1e9:,.1f} s"
