"""Reads a run's k6 result files and checks them against each other; see README.md.

usage: read_results.py POINTS[.gz] SUMMARY

Prints one JSON object: for each metric its type, the number of points, and what they add up to.
Ends with status 1 and one line per disagreement otherwise.
"""

import gzip
import json
import math
import re
import sys

# rampd keeps trends to three significant digits; the lines have every sample as it was.
PRECISION = 0.002
# Milliseconds: below 131 µs it tells steps of 64 ns apart.
FINEST = 64e-6 + 1e-9
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
TYPES = {"counter", "gauge", "rate", "trend"}
VALUES = {
    "counter": {"count", "rate"},
    "gauge": {"value", "min", "max"},
    "rate": {"value", "passes", "fails"},
}
PERCENTILE = re.compile(r"p\((\d+(?:\.\d+)?)\)")

problems = []


def expect(condition, message):
    if not condition:
        problems.append(message)


def read_points(path):
    """Metrics by name: type and the values in the order of the file."""
    metrics = {}
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            entry = json.loads(line)
            expect(set(entry) == {"type", "data", "metric"}, f"{where}: keys {sorted(entry)}")
            name, data = entry["metric"], entry["data"]
            if entry["type"] == "Metric":
                read_header(where, name, data, metrics)
            elif entry["type"] == "Point":
                expect(name in metrics, f"{where}: a point of {name} before its metric line")
                read_point(where, metrics.setdefault(name, {"type": "?", "values": []}), data)
            else:
                problems.append(f"{where}: type {entry['type']!r}")
    return metrics


def read_header(where, name, data, metrics):
    expect(name not in metrics, f"{where}: {name} is declared twice")
    wanted = {"name", "type", "contains", "thresholds", "submetrics"}
    expect(set(data) == wanted, f"{where}: keys of a metric are {sorted(data)}")
    expect(data["name"] == name, f"{where}: {data['name']} is not {name}")
    expect(data["type"] in TYPES, f"{where}: type {data['type']!r}")
    expect(data["contains"] in {"default", "time", "data"}, f"{where}: contains {data['contains']!r}")
    for threshold in data["thresholds"]:
        expect(isinstance(threshold, (str, dict)), f"{where}: threshold {threshold!r}")
    for submetric in data["submetrics"] or []:
        expect(set(submetric) == {"name", "suffix", "tags"}, f"{where}: submetric {submetric!r}")
    metrics[name] = {"type": data["type"], "contains": data["contains"], "values": []}


def read_point(where, metric, data):
    expect(set(data) - {"metadata"} == {"time", "value", "tags"}, f"{where}: keys of a point are {sorted(data)}")
    expect(TIME.fullmatch(data["time"]), f"{where}: time {data['time']!r}")
    tags = data["tags"]
    expect(list(tags) == sorted(tags), f"{where}: tags are not sorted")
    expect(all(isinstance(value, str) for value in tags.values()), f"{where}: tags {tags!r}")
    value = data["value"]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    expect(is_number, f"{where}: value {value!r}")
    if metric["type"] == "rate":
        expect(value in (0, 1), f"{where}: a rate's sample is 0 or 1, not {value}")
    if metric["type"] in ("counter", "trend"):
        expect(value >= 0, f"{where}: {value} of a {metric['type']}")
    metric["values"].append(value)


def near(left, right):
    return abs(left - right) <= PRECISION * max(abs(left), abs(right)) + FINEST


def check_trend(name, values, summary):
    ordered = sorted(values)

    def between_ranks(column, share):
        rank = share * (len(ordered) - 1)
        low, high = ordered[math.floor(rank)], ordered[math.ceil(rank)]
        inside = low * (1 - PRECISION) - FINEST <= summary[column] <= high * (1 + PRECISION) + FINEST
        expect(inside, f"{name}: {column} is {summary[column]}, its neighbours {low} and {high}")

    exact = {
        "avg": lambda: sum(values) / len(values),
        "min": lambda: ordered[0],
        "max": lambda: ordered[-1],
        "count": lambda: len(values),
    }
    for column in summary.keys() - {"thresholds"}:
        if column in exact:
            expect(near(summary[column], exact[column]()), f"{name}: {column} {summary[column]}, {exact[column]()}")
        elif column == "med":
            between_ranks(column, 0.5)
        elif match := PERCENTILE.fullmatch(column):
            between_ranks(column, float(match[1]) / 100)
        else:
            problems.append(f"{name}: unknown column {column}")


def check_metric(name, kind, values, summary):
    expect(isinstance(summary.get("thresholds", {}), dict), f"{name}: thresholds {summary.get('thresholds')!r}")
    for source, passed in summary.get("thresholds", {}).items():
        expect(isinstance(passed, bool), f"{name}: threshold {source}: {passed!r}")
    if kind == "trend":
        if values:
            check_trend(name, values, summary)
        return
    expect(set(summary) - {"thresholds"} == VALUES[kind], f"{name}: keys {sorted(summary)} of a {kind}")
    if kind == "counter":
        expect(near(sum(values), summary["count"]), f"{name}: points add up to {sum(values)}, not {summary['count']}")
    elif kind == "rate":
        passes = sum(values)
        expect(passes == summary["passes"], f"{name}: {passes} points are 1, passes is {summary['passes']}")
        expect(len(values) - passes == summary["fails"], f"{name}: {len(values) - passes} are 0, not {summary['fails']}")
    elif values:
        inside = summary["min"] <= min(values) and max(values) <= summary["max"]
        expect(inside, f"{name}: points reach from {min(values)} to {max(values)}, summary {summary}")


def check_groups(group):
    expect(set(group) == {"name", "path", "id", "groups", "checks"}, f"group keys {sorted(group)}")
    for name, check in group["checks"].items():
        expect(set(check) == {"name", "path", "id", "passes", "fails"}, f"check keys {sorted(check)}")
        expect(check["name"] == name and check["path"] == f"{group['path']}::{name}", f"check {check}")
    for inner in group["groups"].values():
        check_groups(inner)


def main(points_path, summary_path):
    metrics = read_points(points_path)
    with open(summary_path, encoding="utf-8") as file:
        summary = json.load(file)
    check_groups(summary["root_group"])
    for name, values in summary["metrics"].items():
        base = name.partition("{")[0]
        if base not in metrics:
            # A metric without a sample has no line; its summary must agree.
            expect(not values.get("count"), f"{name}: no line, but {values}")
        elif base == name:
            check_metric(name, metrics[name]["type"], metrics[name]["values"], values)
    for name in metrics:
        expect(name in summary["metrics"], f"{name}: has lines and no summary")
    if problems:
        sys.exit("\n".join(problems[:20]))
    result = {
        name: {"type": metric["type"], "points": len(metric["values"]), "sum": sum(metric["values"])}
        for name, metric in sorted(metrics.items())
    }
    print(json.dumps(result))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
