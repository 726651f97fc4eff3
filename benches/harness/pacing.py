"""How late the slots of `every` are at 1,000 messages a second on an idle core."""

from common import RAMPD, go_echo, numbers, rampd, shares, version, write
from goals import Table

PROFILE = """
precision: {precision}
summaryTrendStats: [med, p(99), p(99.9), max, count]
vus: 10
duration: {seconds}s
flow:
  - websocket:
      url: {url}
      steps:
        - every: {{ rate: 100, for: {seconds}s, steps: [ {{ send: {{ text: xxxxxxxxxxxxxxxxxxxx, reply: fifo }} }} ] }}
"""


def pacing(options):
    columns = ["med", "p(99)", "p(99.9)", "max"]
    table = Table("`precision`", *(f"{column}, µs" for column in columns), "busy: rampd's core / the server's")
    for precision in ["timer", "spin"]:
        results = []
        for _ in range(options.pairs):
            with go_echo() as server:
                results.append(rampd(PROFILE.format(precision=precision, seconds=options.seconds, url=server.url()), server))
        late = {column: [one["metrics"]["rampd_send_lag"][column] * 1e3 for one in results] for column in columns}
        table.row(f"`{precision}`", *(numbers(late[column], 0) for column in columns), shares(results), pacing_lateness=late["med"])
    introduction = (
        f"rampd {version(RAMPD)}, `rampd_send_lag`: from the slot to the kernel's acceptance of the message, at 1,000 messages a second on\n"
        f"10 sockets for {options.seconds} s; {options.pairs} rounds, median (lowest–highest)."
    )
    return write("pacing", introduction, table, options.dry)
