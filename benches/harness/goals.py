"""Every goal of the benches: what the values of one row must be.

A row may have several values, one for each round; the goal says whether all of them count, or their
median."""

import dataclasses
import statistics
import typing


@dataclasses.dataclass(frozen=True)
class Goal:
    text: str
    reached: typing.Callable[[list], bool]


def exactly(count):
    return Goal(f"exactly {count:,}", lambda values: all(value == count for value in values))


def at_most(limit, text):
    return Goal(text, lambda values: statistics.median(values) <= limit)


def at_least(limit, text):
    return Goal(text, lambda values: statistics.median(values) >= limit)


def always_below(limit, text):
    return Goal(text, lambda values: max(values) < limit)


GOALS = {
    "seed sessions": exactly(2000),
    "seed messages": exactly(200_000),
    "seed cpu": at_most(0.6, "at most 0.6"),
    "seed memory": always_below(40, "below 40"),
    "seed connecting": always_below(20, "below 20"),
    "seed cpu to k6": at_most(1 / 30, "at most 1/30"),
    "seed memory to k6": at_most(1 / 20, "at most 1/20"),
    "held ws": at_most(8, "at most 8 KiB"),
    "held wss": at_most(18, "at most 18 KiB"),
    "ping-pong to epoll": at_least(0.85, "0.85 of bare epoll"),
    "ping-pong to k6": at_least(3, "3 × k6"),
    "bursts": at_least(2.5e6, "2.5 million/s"),
    "bursts to k6": at_least(30, "30 × k6"),
    "connects": at_least(20_000, "20,000/s"),
    "wss to rustls": at_most(1.3, "at most 1.3 × rustls"),
    "http to wrk": at_least(0.75, "0.75 of wrk"),
    "http to oha": Goal("above oha", lambda values: statistics.median(values) > 1),
    "scrape time": at_most(50, "p99 below 50 ms"),
    "scrape harm": Goal("every second: no change beyond the noise", lambda values: all(value <= 0 for value in values)),
    "page harm": Goal("no change beyond the noise", lambda values: all(value <= 0 for value in values)),
    "pacing lateness": at_most(100, "median below 100 µs"),
    "values share": at_least(0.6, "0.6 of constant messages"),
    "values ready": at_most(2, "below 2 s"),
    "values memory": at_most(1.5, "at most 1.5 × the file"),
    "fleet barrier": always_below(3, "100 agents: below 3 s"),
    "fleet merge": at_most(2, "1,000 agents: below 2 s"),
    "fleet memory": always_below(512, "1,000 agents: below 512 MB"),
    "merge time": at_most(2, "below 2 s"),
    "merge memory": always_below(512, "below 512 MB"),
    "soak slope": Goal("0 within the interval, or all of it below 8 KiB/min", lambda values: all(values)),
    "soak files": Goal("0 within the interval", lambda values: not any(values)),
}


class Table:
    """A Markdown table whose rows end with their goals and whether they are reached, if any row has one."""

    def __init__(self, *head):
        self.rows = [[*head, "goal", "reached"], ["---"] * (len(head) + 2)]
        self.missed = []
        self.has_goals = False

    def row(self, label, *cells, **goals):
        """`goals` are values by the goal's name, `_` for the space; one value or one for each round."""
        found = [(GOALS[name.replace("_", " ")], value) for name, value in goals.items()]
        missed = [goal.text for goal, value in found if not goal.reached(value if isinstance(value, list) else [value])]
        self.missed += [f"{label}: {text}" for text in missed]
        self.has_goals |= bool(found)
        verdict = "" if not found else "**no**" if missed else "yes"
        self.rows.append([label, *cells, ", ".join(goal.text for goal, _ in found), verdict])

    def __str__(self):
        rows = self.rows if self.has_goals else [row[:-2] for row in self.rows]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)
