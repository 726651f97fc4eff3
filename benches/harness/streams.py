"""From an order to the moment when a hundred readers of the stream of events know of it, and what they cost the daemon."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import selectors
import signal
import socket
import subprocess
import tempfile
import time

from common import RAMPD, numbers, resident, version, write
from goals import Table

READERS = 100
ORDERS = 20

PROFILE = """
vus: 5
duration: 10m
flow: [ websocket: { url: "ws://127.0.0.1:9/", steps: [ hold: {} ] } ]
"""

DAEMON = """
listen: 127.0.0.1:0
history: { dir: history }
profiles: { held: { file: held.yaml } }
"""


@contextlib.contextmanager
def daemon():
    """`rampd serve` in a folder of its own, with where it listens."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "held.yaml").write_text(PROFILE)
        (folder / "rampd.yaml").write_text(DAEMON)
        command = [RAMPD, "serve", folder / "rampd.yaml", "--echo", "--linger", "0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            found = None
            while not found:
                found = re.search(r"http://([0-9.:]+)/metrics", process.stderr.readline())
            yield process, found.group(1)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


def ask(address, method, path, body=None):
    connection = http.client.HTTPConnection(address, timeout=10)
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    if response.status >= 300:
        raise RuntimeError(f"{path}: {response.status} {answer}")
    return answer


class Readers:
    """Streams in one thread; what one has read is kept until its event is whole."""

    def __init__(self, address):
        host, port = address.split(":")
        self.selector = selectors.DefaultSelector()
        for _ in range(READERS):
            stream = socket.create_connection((host, int(port)))
            stream.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
            self.selector.register(stream, selectors.EVENT_READ, bytearray())

    def until(self, text, limit=10):
        """When each has read `text`, from now."""
        start, seen = time.monotonic(), {}
        while len(seen) < READERS:
            if time.monotonic() - start > limit:
                raise RuntimeError(f"{READERS - len(seen)} readers have not seen {text} in {limit} s")
            for key, _ in self.selector.select(1):
                key.data.extend(key.fileobj.recv(1 << 16))
                if text in key.data and key.fileobj not in seen:
                    seen[key.fileobj] = time.monotonic()
                del key.data[: key.data.rfind(b"\n\n") + 1]
        return list(seen.values())

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


def streams(options):
    with daemon() as (process, address):
        ask(address, "POST", "/runs", {"profile": "held"})
        while (ask(address, "GET", "/status")["run"] or {}).get("phase") != "running":
            time.sleep(0.05)
        before, files = resident(process.pid), len(os.listdir(f"/proc/{process.pid}/fd"))
        readers = Readers(address)
        readers.until(b'"phase":"running"')
        answered, first, last = [], [], []
        for order in range(ORDERS):
            verb, phase = (("pause", b'"phase":"paused"'), ("resume", b'"phase":"running"'))[order % 2]
            start = time.monotonic()
            ask(address, "POST", f"/runs/current/{verb}", {})
            answered.append((time.monotonic() - start) * 1e3)
            seen = [(moment - start) * 1e3 for moment in readers.until(phase)]
            first.append(min(seen))
            last.append(max(seen))
        open_files, after = len(os.listdir(f"/proc/{process.pid}/fd")), resident(process.pid)
        readers.close()
    table = Table("", "rampd serve")
    table.row("order answered, ms", numbers(answered, 1))
    table.row("first reader knows, ms", numbers(first, 1))
    table.row("last reader knows, ms", numbers(last, 1), **{"stream": last})
    table.row("memory of the readers, MiB", f"{(after - before) / 2**20:.1f}")
    table.row("descriptors of the readers", f"{open_files - files}")
    introduction = (
        f"rampd {version(RAMPD)}, {READERS} readers of `/api/v1/events`, {ORDERS} orders (pause, resume) one after the other;\n"
        "median (lowest–highest)."
    )
    return write("streams", introduction, table, options.dry)
