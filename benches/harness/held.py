"""Memory of held connections."""

import re
import resource
import time
import urllib.request

from common import RAMPD, certificate, go_echo, resident, running, until, version, write
from goals import Table

PROFILE = """
tls: {{ caFile: {ca} }}
scenarios:
  held:
    executor: ramping-vus
    startTime: 3s
    startVUs: 0
    stages:
      - {{ duration: 15s, target: {connections} }}
      - {{ duration: 60s, target: {connections} }}
    flow:
      - websocket:
          url: {url}
          steps: [{{ hold: {{}} }}]
"""


def held(options):
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    table = Table("", "held, by the server", "memory before, MB", "with all of them, MB", "of each, KiB")
    with certificate() as directory:
        for scheme, secure in [("ws", None), ("wss", directory)]:
            with go_echo(secure) as server:
                profile = PROFILE.format(connections=options.connections, url=server.url(scheme), ca=directory / "certificate.pem")
                with running(profile) as run:
                    base, full = watch(run, options.connections)
            most = server.counts["max_open"]
            each = (full - base) / most / 1024
            cells = [f"{most:,}", f"{base / 1e6:.1f}", f"{full / 1e6:.1f}", f"{each:.2f}"]
            table.row(f"{scheme}://", *cells, **{f"held_{scheme}": each})
    introduction = f"rampd {version(RAMPD)}, VmRSS; the hard limit of open files is {files:,}."
    return write("held", introduction, table, options.dry)


def opened(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        page = answer.read().decode()
    return sum(float(value) for value in re.findall(r"^ws_open_connections\S* (\S+)$", page, re.MULTILINE))


def watch(run, connections):
    """VmRSS before the load, and with every connection open for 3 s."""
    base = resident(run.process.pid)
    until(60, lambda: opened(run.address) == connections)
    time.sleep(3)
    return base, resident(run.process.pid)
