"""What values cost: messages with 50 fields that were captured from the last reply, beside constant ones of the same size;
and a CSV file with a million rows."""

import pathlib
import tempfile

from common import RAMPD, go_echo, measured, numbers, rampd, ratios, rounds, thousands, version, write
from goals import Table

FIELDS = 50
ROWS = 1_000_000

HEAD = """
scenarios:
  work:
    executor: constant-vus
    vus: 100
    duration: {seconds}s
    gracefulStop: 0s
    flow:
      - websocket:
          url: {url}
          steps:
"""
FIRST = ", ".join(f'f{n:02}: "value {n:02}"' for n in range(FIELDS))
NEXT = ", ".join(f'f{n:02}: "{{{{{{{{ v{n:02} }}}}}}}}"' for n in range(FIELDS))
CAPTURE = ", ".join(f"v{n:02}: {{{{ json: /f{n:02} }}}}" for n in range(FIELDS))


def constant():
    return HEAD + f"""
            - repeat:
                times: 100000000
                steps:
                  - send: {{{{ json: {{{{ {FIRST} }}}}, reply: fifo }}}}
                  - expect: 1
"""


def templated():
    return HEAD + f"""
            - send: {{{{ json: {{{{ {FIRST} }}}}, reply: fifo }}}}
            - expect: {{{{ capture: {{{{ {CAPTURE} }}}} }}}}
            - repeat:
                times: 100000000
                steps:
                  - send: {{{{ json: {{{{ {NEXT} }}}}, reply: fifo }}}}
                  - expect: {{{{ capture: {{{{ {CAPTURE} }}}} }}}}
"""


def rate(profile, seconds):
    with go_echo() as server:
        result = rampd(profile.format(url=server.url(), seconds=seconds), server)
        return result["metrics"]["ws_msgs_received"]["count"] / result["cpu"]


def check(directory, text):
    profile = directory / "profile.yaml"
    profile.write_text(text)
    return measured("check", [RAMPD, "check", profile])


def table_of_rows():
    """Seconds that the file adds to a check, the process at its peak in MB, and the file's size in MB."""
    flow = "duration: 1s\nflow: [{ sleep: 1s }]\n"
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        path = directory / "users.csv"
        with open(path, "w", encoding="utf-8") as file:
            file.write("id,name,token\n")
            file.writelines(f"{n},user-{n},{n * 2654435761 % 2**64:020x}\n" for n in range(ROWS))
        size = path.stat().st_size / 1e6
        without = check(directory, flow)
        with_data = check(directory, "data: { users: { file: users.csv } }\n" + flow)
    # The whole process: that of one without data is hidden by this script's, which the kernel hands down.
    return with_data["wall"] - without["wall"], with_data["rss"], size


def values(options):
    table = Table("", "with values", "without", "ratio")
    found = {"constant": [], "templated": []}
    profiles = {"constant": constant(), "templated": templated()}
    for kind in rounds(options.pairs, list(found)):
        found[kind].append(rate(profiles[kind], options.seconds))
        print("values", kind, f"{found[kind][-1]:,.0f}", flush=True)
    shares = ratios(found["templated"], found["constant"])
    label = f"messages per CPU second, {FIELDS} fields captured and templated, or constant"
    table.row(label, thousands(found["templated"]), thousands(found["constant"]), numbers(shares), values_share=shares)
    seconds, memory, size = table_of_rows()
    label = f"seconds until {ROWS:,} rows of {size:.1f} MB are ready"
    table.row(label, f"{seconds:.2f}", "–", "–", values_ready=seconds)
    label = "the whole process then, MB, to the file's size"
    table.row(label, f"{memory:.1f}", "–", f"{memory / size:.2f}", values_memory=memory / size)
    introduction = f"rampd {version(RAMPD)}; {options.pairs} rounds in turns, median (lowest–highest), ratios round by round."
    return write("values", introduction, table, options.dry)
