"""Runs k6 on every case of cases.json and writes when it began which iteration.

usage: run.py K6 CASES OUT [CASE]...   (the named cases anew, the others as OUT has them)
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def schedule(k6, case):
    with tempfile.TemporaryDirectory() as folder:
        console, summary = os.path.join(folder, "console"), os.path.join(folder, "summary.json")
        command = [k6, "run", "--quiet", "--no-usage-report", "--log-format", "raw"]
        command += ["--console-output", console, "--summary-export", summary]
        if "segment" in case:
            index, of = case["segment"]
            command += ["--execution-segment", f"{index}/{of}:{index + 1}/{of}"]
            command += ["--execution-segment-sequence", ",".join(f"{part}/{of}" for part in range(of + 1))]
        command.append(os.path.join(HERE, "script.js"))
        environment = {**os.environ, "CASE": json.dumps(case)}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        with open(summary, encoding="utf-8") as file:
            metrics = json.load(file)["metrics"]
        lines = []
        if os.path.exists(console):
            with open(console, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
    starts = {}
    for scenario, vu, iteration, ms in lines:
        starts.setdefault(scenario, []).append([vu, iteration, ms])
    for begun in starts.values():
        begun.sort(key=lambda one: (one[2], one[0]))

    def count(metric):
        return int(metrics.get(metric, {}).get("count", 0))

    return {"iterations": count("iterations"), "dropped": count("dropped_iterations"), "starts": starts}


def main():
    k6, cases, out, *wanted = sys.argv[1:]
    with open(cases, encoding="utf-8") as file:
        cases = json.load(file)
    recorded = {}
    if wanted:
        with open(out, encoding="utf-8") as file:
            recorded = json.load(file)["cases"]
    for name in wanted or cases:
        recorded[name] = schedule(k6, cases[name])
        print(name, recorded[name]["iterations"], "iterations,", recorded[name]["dropped"], "dropped")
    version = subprocess.run([k6, "version"], check=True, capture_output=True, text=True).stdout.split()[1]
    with open(out, "w", encoding="utf-8") as file:
        rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(recorded[name])}" for name in cases)
        file.write(f'{{"k6": "{version}", "cases": {{\n{rows}\n}}}}\n')


main()
