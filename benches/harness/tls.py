"""What a wss:// session costs beside rustls alone and beside ws://.

The server is Go's own TLS; it gives out no tickets, so that every handshake is a full one, and counts them."""

import json
import sys

from common import RAMPD, RELEASE, certificate, go_echo, measured, numbers, ratios, rounds, shares, version, write
from goals import Table
from speed import connects

PARALLEL = 64


def run(tool, options, directory):
    authority = directory / "certificate.pem"
    with go_echo(None if tool == "ws" else directory) as server:
        if tool == "rustls":
            count = 4000 * options.seconds
            command = [RELEASE / "examples/rustls_handshakes", server.address, authority, count, PARALLEL]
            result = measured("rustls alone", command, server)
            said = json.loads(result["output"])
            sessions, cpu = said["handshakes"], said["cpu_seconds"]
        else:
            result = connects(options.seconds, server, tool, authority)
            sessions, cpu = result["sessions"], result["cpu"]
    if tool != "ws" and (server.counts["handshakes"] < sessions or server.counts["resumed"] > 0):
        sys.exit(f"not every session was a full handshake: {sessions} sessions, the server says {server.counts}")
    result["each"] = cpu / sessions * 1e6
    print(tool, f"{sessions} sessions, {result['each']:.1f} µs each", flush=True)
    return result


def tls(options):
    results = {"wss": [], "rustls": [], "ws": []}
    with certificate() as directory:
        for tool in rounds(options.pairs, list(results)):
            results[tool].append(run(tool, options, directory))
    each = {tool: [one["each"] for one in found] for tool, found in results.items()}
    table = Table("work, one of 64 at a time", "CPU of the generator, µs", "to rustls alone", "busy: the generator's core / the server's")
    to_rustls = ratios(each["wss"], each["rustls"])
    for tool, label, ratio, goals in [
        ("wss", "rampd: wss:// connect, handshake, upgrade, close", to_rustls, {"wss_to_rustls": to_rustls}),
        ("rustls", "rustls alone: connect, handshake, close", [1], {}),
        ("ws", "rampd: ws:// connect, upgrade, close", ratios(each["ws"], each["rustls"]), {}),
    ]:
        table.row(label, numbers(each[tool], 0), numbers(ratio), shares(results[tool]), **goals)
    introduction = (
        f"rampd {version(RAMPD)}, TLS 1.3, every handshake in full by the server's count, the certificate (P-256) verified;\n"
        f"{options.pairs} rounds in turns, median (lowest–highest), ratios round by round."
    )
    return write("tls", introduction, table, options.dry)
