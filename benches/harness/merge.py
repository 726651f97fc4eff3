"""What `rampd merge` costs: a thousand results of the seed's run."""

import pathlib
import tempfile

from common import RAMPD, RELEASE, ROOT, measured, numbers, version, write
from goals import Table

AGENTS = 1000


def merge(options):
    with tempfile.TemporaryDirectory() as name:
        one, fleet = pathlib.Path(name) / "one", pathlib.Path(name) / "fleet"
        fleet.mkdir()
        seed = [RAMPD, "run", ROOT / "config/quantum-ws.yaml", "--echo", "--speed", "10", "--listen", "127.0.0.1:0"]
        # The run's own verdict does not matter: target and generator share a core.
        measured("a run", [*seed, "--linger", "0", "--quiet", "--result", one], allowed=(0, 96, 99))
        measured("results", [RELEASE / "examples/fleet_results", one, str(AGENTS), fleet])
        files = [fleet / str(index) for index in range(AGENTS)]
        merges = [measured("merge", [RAMPD, "merge", "--quiet", *files], allowed=(0, 96, 99)) for _ in range(options.pairs)]
        size = one.stat().st_size / 1024
    times, peaks = [one["wall"] for one in merges], [one["rss"] for one in merges]
    table = Table("", "rampd merge")
    table.row("seconds", numbers(times), merge_time=times)
    table.row("memory at its peak, MB", numbers(peaks, 0), merge_memory=peaks)
    introduction = (
        f"rampd {version(RAMPD)}; {AGENTS:,} results of {size:.0f} KiB, each with the counts of a whole run of the seed;\n"
        f"{options.pairs} rounds, median (lowest–highest)."
    )
    return write("merge", introduction, table, options.dry)
