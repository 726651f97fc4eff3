"""Ten minutes at constant load: whether memory grows and files leak."""

import math
import pathlib
import statistics
import time

from common import RAMPD, go_echo, resident, running, version, write
from goals import Table

# Buffers and histograms find their size first; what grows for ever grows after that too.
WARM_UP = 60
EVERY = 2
# Samples that follow each other are alike, and a confidence interval needs independent ones: means over this long.
BLOCK = 30
# 8 KiB a minute are 11 MiB a day.
BOUND = 8

PROFILE = """
scenarios:
  steady:
    executor: constant-vus
    vus: 200
    duration: {seconds}s
    gracefulStop: 2s
    flow:
      - websocket:
          url: {url}
          steps: [ every: {{ rate: 10, steps: [ {{ send: {{ json: {{ seq: "{{{{ seq }}}}" }}, reply: fifo }} }} ] }} ]
  come-and-go:
    executor: constant-vus
    vus: 20
    duration: {seconds}s
    gracefulStop: 2s
    flow:
      - websocket:
          url: {url}
          steps:
            - repeat: {{ times: 10, steps: [ {{ send: {{ text: hello, reply: fifo }} }} ] }}
            - expect: 10
      - sleep: 200ms
"""


def slope(points):
    """Least squares through (x, y): the slope, and half of its 95 % interval."""
    mean_x, mean_y = (statistics.fmean(values) for values in zip(*points))
    across = sum((x - mean_x) ** 2 for x, _ in points)
    found = sum((x - mean_x) * (y - mean_y) for x, y in points) / across
    rest = sum((y - mean_y - found * (x - mean_x)) ** 2 for x, y in points)
    freedom = len(points) - 2
    return found, student(freedom) * math.sqrt(rest / freedom / across)


def student(freedom):
    """The 97.5 % quantile of Student's t, by Cornish and Fisher's expansion: right to 1 % from 4 degrees of freedom on."""
    z = statistics.NormalDist().inv_cdf(0.975)
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def blocks(samples):
    """Means over BLOCK seconds; a last one that is not whole is left out."""
    groups = {}
    for at, value in samples:
        groups.setdefault(int(at // BLOCK), []).append((at, value))
    whole = [group for group in groups.values() if len(group) >= BLOCK // EVERY * 0.9]
    return [tuple(statistics.fmean(values) for values in zip(*group)) for group in whole]


def soak(options):
    warm_up = min(WARM_UP, options.soak_seconds // 4)
    length = options.soak_seconds + warm_up
    memory, files = [], []
    with go_echo() as server, running(PROFILE.format(seconds=length + 10, url=server.url())) as run:
        start = time.monotonic()
        while (now := time.monotonic() - start) < length:
            if now >= warm_up:
                memory.append((now, resident(run.process.pid) / 1024))
                files.append((now, len(list(pathlib.Path(f"/proc/{run.process.pid}/fd").iterdir()))))
            time.sleep(EVERY)
    per_minute, margin = (value * 60 for value in slope(blocks(memory)))
    leaked, leak_margin = (value * 60 for value in slope(blocks(files)))
    values = [value for _, value in memory]
    opened = [value for _, value in files]
    table = Table("", "lowest", "median", "highest", "per minute, with its 95 % interval")
    flat = per_minute - margin <= 0 <= per_minute + margin or per_minute + margin <= BOUND
    table.row(
        "VmRSS, KiB",
        *(f"{of(values):,.0f}" for of in (min, statistics.median, max)),
        f"{per_minute:+.2f} ± {margin:.2f} KiB",
        soak_slope=flat,
    )
    # The sockets that come and go are open or not when one looks; a file that stays open adds up.
    outside = 0 if leaked - leak_margin <= 0 <= leaked + leak_margin else 1
    table.row(
        "open files",
        *(f"{of(opened):,.0f}" for of in (min, statistics.median, max)),
        f"{leaked:+.3f} ± {leak_margin:.3f}",
        soak_files=outside,
    )
    introduction = (
        f"rampd {version(RAMPD)}, {options.soak_seconds} s after {warm_up} s of warming up, a sample every {EVERY} s; least squares through\n"
        f"means over {BLOCK} s. 200 sockets with 10 messages/s each, and 20 VUs that open a connection, exchange 10 messages\n"
        f"and close it, {server.counts['opened']:,} connections and {server.counts['messages_in']:,} messages by the server's count."
    )
    return write("soak", introduction, table, options.dry)
