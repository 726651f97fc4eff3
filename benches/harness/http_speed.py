"""HTTP/1.1 keep-alive GET beside wrk and oha."""

import json
import re
import sys

from common import OHA, RAMPD, bare, measured, numbers, rampd, ratios, rounds, shares, thousands, version, write
from goals import Table

CONNECTIONS = 100

PROFILE = """
vus: {connections}
duration: {seconds}s
flow: [ {{ http: "{url}" }} ]
"""


def run(tool, seconds):
    with bare("raw_http") as server:
        url = server.url("http")
        if tool == "rampd":
            result = rampd(PROFILE.format(connections=CONNECTIONS, seconds=seconds, url=url), server)
            requests = result["metrics"]["http_reqs"]["count"]
            # k6's form of a rate that counts failures: its passes are the failed ones.
            failed = result["metrics"]["http_req_failed"]["passes"]
        elif tool == "wrk":
            result = measured("wrk", ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url], server)
            requests = int(re.search(r"(\d+) requests in", result["output"])[1])
            failed = "Non-2xx" in result["output"] or "Socket errors" in result["output"]
        else:
            options = ["-c", CONNECTIONS, "-z", f"{seconds}s", "--no-tui", "--output-format", "json"]
            result = measured("oha", [OHA, *options, url], server)
            said = json.loads(result["output"])
            requests = said["statusCodeDistribution"]["200"]
            # What is under way at the deadline is cut; each connection has one of these.
            failed = sum(said["errorDistribution"].values()) > CONNECTIONS
    if failed:
        sys.exit(f"{tool}: requests failed:\n{result['output']}")
    result["rate"] = requests / result["cpu"]
    print(tool, f"{result['rate']:,.0f}", flush=True)
    return result


def http(options):
    results = {"rampd": [], "wrk": [], "oha": []}
    for tool in rounds(options.pairs, list(results)):
        results[tool].append(run(tool, options.seconds))
    rates = {tool: [one["rate"] for one in found] for tool, found in results.items()}
    table = Table("", "requests per CPU second of the generator", "rampd's to this", "busy: the generator's core / the server's")
    to_wrk, to_oha = ratios(rates["rampd"], rates["wrk"]), ratios(rates["rampd"], rates["oha"])
    names = {"rampd": f"rampd {version(RAMPD)}", "wrk": f"wrk {version('wrk')}, one thread", "oha": f"oha {version(OHA)}"}
    for tool, ratio, goals in [
        ("rampd", [1], {"http_to_wrk": to_wrk, "http_to_oha": to_oha}),
        ("wrk", to_wrk, {}),
        ("oha", to_oha, {}),
    ]:
        table.row(names[tool], thousands(rates[tool]), numbers(ratio), shares(results[tool]), **goals)
    introduction = (
        f"HTTP/1.1 keep-alive GET, {CONNECTIONS} connections; {options.pairs} rounds in turns, median (lowest–highest), ratios\n"
        "round by round."
    )
    return write("http", introduction, table, options.dry)
