"""What a fleet costs its leader: a real one, and up to 999 followers in one process, each with counts of its own."""

import json
import subprocess
import sys

from common import CLIENT_CORE, RAMPD, RELEASE, SCALE, SERVER_CORE, numbers, pinned, rounds, version, write
from goals import Table

PROGRAM = RELEASE / "examples/fleet_scale"
# Agents and scenarios.
FLEETS = [(10, 1), (100, 1), (1000, 1), (1000, 20)]
LIMIT = 600


def fleet_run(agents, scenarios):
    """One run from the first question to the verdict."""
    leader = subprocess.Popen(pinned(CLIENT_CORE, PROGRAM, "leader", agents, scenarios), stdout=subprocess.PIPE, text=True)
    try:
        if not (address := leader.stdout.readline().strip()):
            sys.exit("the leader has not begun")
        others = pinned(SERVER_CORE, PROGRAM, "agents", agents, scenarios, address)
        heard = json.loads(subprocess.run(others, stdout=subprocess.PIPE, text=True, check=True, timeout=LIMIT).stdout)
        led = json.loads(leader.communicate(timeout=LIMIT)[0])
    finally:
        leader.kill()
        leader.wait()
    verdict = led["verdict"]
    if (verdict["merged"], verdict["lost"], verdict["exit"]) != (agents, 0, 0) or not led["sums"]["complete"]:
        sys.exit(f"{agents} agents did not end with one verdict of all: {led}")
    apart = max(heard["start_last"], led["start"]) - min(heard["start_first"], led["start"])
    result = {
        "barrier": (led["start"] - heard["asked"]) / 1e9,
        "apart": apart / 1e6,
        "clock_error": heard["clock_error_most"] / 1e6,
        "files": led["files"],
        "gathering": led["gathering"]["cpu"],
        "report": led["add_up"]["judged"]["bytes"] / 1024,
        "report_all": led["add_up"]["all"]["bytes"] / 1024,
        "add": led["add_up"]["judged"]["us"],
        "add_all": led["add_up"]["all"]["us"],
        "sums": led["sums"]["apart_median"],
        "load": led["load"]["cpu"] / led["load_seconds"],
        "load_memory": led["load"]["peak_mb"],
        "stop": (heard["stop_last"] - led["stopped"]) / 1e9,
        "result": heard["result_bytes"] / 1024,
        "collect": (led["collected"] - heard["handing_in"]) / 1e9,
        "collect_cpu": led["collecting"]["cpu"],
        "merge": led["merge_seconds"],
        "memory": led["merging"]["peak_mb"],
    }
    print(agents, scenarios, {key: round(value, 3) for key, value in result.items()}, flush=True)
    return result


def fleet(options):
    found = {kind: [] for kind in FLEETS}
    for kind in rounds(options.pairs, list(found)):
        found[kind].append(fleet_run(*kind))

    def name(agents, scenarios):
        return f"{agents:,} agents" if scenarios == 1 else f"{agents:,} agents, {scenarios} scenarios"

    table = Table("", *(name(*kind) for kind in FLEETS))

    def of(kind, key):
        return [result[key] for result in found[kind]]

    def row(label, key, digits, **goals):
        values = {goal: of(kind, key) for goal, kind in goals.items()}
        table.row(label, *(numbers(of(kind, key), digits) for kind in FLEETS), **values)

    row("from the last agent's first question to the start, s", "barrier", 2, fleet_barrier=(100, 1))
    row("starts apart, ms", "apart", 2)
    row("clock error of the worst agent, ms", "clock_error", 2)
    row("CPU until the start, s", "gathering", 2)
    row("open files", "files", 0)
    row("a report, KiB", "report", 1)
    row("the same with every series, KiB", "report_all", 1)
    row("to read and add up a report, µs", "add", 0)
    row("the same with every series, µs", "add_all", 0)
    row("sums, every … s", "sums", 2)
    row("CPU while the load goes on, of a core", "load", 3)
    row("memory until the load's end, MB", "load_memory", 1)
    row("a stop is heard by all within, s", "stop", 2)
    row("a result, KiB", "result", 1)
    row("all results are there after, s", "collect", 2)
    row("CPU of that, s", "collect_cpu", 2)
    row("merge and verdict, s", "merge", 2, fleet_merge=(1000, 1))
    row("memory at its peak, MB", "memory", 0, fleet_memory=(1000, 1))
    introduction = (
        f"rampd {version(RAMPD)}; the leader on one core, all other agents in one process on the other, where the harness is too;\n"
        f"{options.pairs} rounds, median (lowest–highest). All agents ask, and all hand in, at one moment: pods do neither."
    )
    return write("fleet", introduction, table, options.dry, SCALE)
