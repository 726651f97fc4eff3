"""Criterion's figures of single functions (benches/micro.rs)."""

import json
import os
import shutil
import subprocess

from common import CLIENT_CORE, ROOT, pinned, write
from goals import Table

CRITERION = ROOT / "target/criterion"


def micro(options):
    shutil.rmtree(CRITERION, ignore_errors=True)
    environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")}
    subprocess.run(["cargo", "bench", "--locked", "--bench", "micro", "--no-run"], cwd=ROOT, env=environment, check=True)
    subprocess.run(pinned(CLIENT_CORE, "cargo", "bench", "--locked", "--bench", "micro"), cwd=ROOT, env=environment, check=True)
    table = Table("function", "median", "95 % interval of the median")
    for estimates in sorted(CRITERION.glob("*/**/new/estimates.json")):
        name = " ".join(estimates.relative_to(CRITERION).parts[:-2])
        median = json.loads(estimates.read_text())["median"]
        interval = median["confidence_interval"]
        bounds = f"{time(interval['lower_bound'])}–{time(interval['upper_bound'])}"
        table.row(name.replace("_", " "), time(median["point_estimate"]), bounds)
    return write("micro", "Criterion, release build, one core.", table, options.dry)


def time(nanos):
    for unit, size in [("ns", 1), ("µs", 1e3), ("ms", 1e6)]:
        if nanos < 1000 * size:
            return f"{nanos / size:.3g} {unit}"
    return f"{nanos / 1e9:.3g} s"
