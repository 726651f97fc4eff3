"""Compares what xk6-dashboard read from a run's JSON lines with the run's summary.

usage: read_dashboard.py EVENTS SUMMARY

EVENTS is the output of `k6-web-dashboard aggregate`. Its cumulative events hold one list for each
metric, in the alphabetical order of all metrics declared so far; the first number of a counter's list
is its total. The dashboard leaves out the last, partial period, so only what was complete before the
ramp's end can be compared.
"""

import json
import sys

COMPLETE_BEFORE_THE_END = ["ws_sessions", "ws_msgs_sent"]


def main(events_path, summary_path):
    names, last = set(), None
    with open(events_path, encoding="utf-8") as events:
        for event in map(json.loads, events):
            if event["event"] == "metric":
                names |= event["data"].keys()
            elif event["event"] == "cumulative" and len(event["data"]) == len(names):
                last = dict(zip(sorted(names), event["data"], strict=True))
    if last is None:
        sys.exit("the dashboard read nothing from the lines")
    with open(summary_path, encoding="utf-8") as file:
        summary = json.load(file)["metrics"]
    for name in COMPLETE_BEFORE_THE_END:
        if last[name][0] != summary[name]["count"]:
            sys.exit(f"{name}: xk6-dashboard read {last[name][0]}, the summary has {summary[name]['count']}")
    read = ", ".join(f"{name} {last[name][0]}" for name in COMPLETE_BEFORE_THE_END)
    print(f"xk6-dashboard agrees with the summary: {read}; {len(last) - 1} metrics")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
