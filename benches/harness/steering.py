"""From an order to its effect at the target: pause, resume, VUs, rates, stop; idle, and beside 150,000 messages a second.

The target that takes the times is this process, which also gives the orders: one clock. The load beside it is go-echo's. Generator
and orders share one worker, whose core the load fills."""

import base64
import hashlib
import json
import pathlib
import selectors
import socket
import tempfile
import threading
import time

from common import RAMPD, go_echo, numbers, running, version, write
from goals import Table

VUS = 50
ROUNDS = 10
# A gap of the ticks that is no gap between two of them, which are 1 ms apart.
SILENCE = 0.03

PROFILE = """
scenarios:
  tick:
    executor: constant-vus
    vus: 1
    duration: 10m
    flow: [ websocket: {{ url: {tick}, steps: [ {{ every: {{ rate: 1000, steps: [ {{ send: x }} ] }} }} ] }} ]
  held:
    executor: externally-controlled
    maxVUs: {vus}
    duration: 10m
    flow: [ websocket: {{ url: {held}, steps: [ {{ hold: {{}} }} ] }} ]
  rate:
    executor: constant-arrival-rate
    rate: 1
    timeUnit: 1h
    duration: 10m
    preAllocatedVUs: {vus}
    flow: [ websocket: {{ url: {rate}, steps: [ {{ send: x }} ] }} ]
{load}"""

LOAD = """
  load:
    executor: constant-vus
    vus: 50
    duration: 10m
    flow:
      - websocket:
          url: {url}
          steps: [ every: {{ rate: 30, steps: [ {{ repeat: {{ times: 100, steps: [ {{ send: {{ text: xxxxxxxxxxxxxxxxxxxx, reply: fifo }} }} ] }} }} ] }} ]
"""


class Observer(threading.Thread):
    """Accepts WebSockets and keeps when each opened, spoke last and first after a moment, and ended."""

    def __init__(self):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.opened, self.closed, self.heard = [], [], []
        self.start()

    def run(self):
        while True:
            for key, _ in self.selector.select():
                now = time.monotonic()
                if key.data is None:
                    connection, _ = self.listener.accept()
                    connection.setblocking(False)
                    self.selector.register(connection, selectors.EVENT_READ, {"head": b""})
                else:
                    self.read(key.fileobj, key.data, now)

    def read(self, connection, state, now):
        try:
            data = connection.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.selector.unregister(connection)
            connection.close()
            return
        if state["head"] is not None:
            state["head"] += data
            if b"\r\n\r\n" in state["head"]:
                head = state["head"].decode("latin-1").lower()
                raw = state["head"].decode("latin-1")
                place = head.index("sec-websocket-key:") + len("sec-websocket-key:")
                key = raw[place:].split("\r\n")[0].strip()
                accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
                answer = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
                connection.sendall(answer.encode())
                state["head"] = None
                self.opened.append(now)
            return
        if data[0] == 0x88:
            self.closed.append(now)
            connection.sendall(b"\x88\x02\x03\xe8")
            # The server ends TCP; a VU that waits for that would begin its next connection late.
            self.selector.unregister(connection)
            connection.close()
        else:
            self.heard.append(now)


def order(path, request):
    """Gives an order; returns when it was given and how long its answer took."""
    at = time.monotonic()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(json.dumps(request).encode() + b"\n")
        answer = client.makefile().readline()
    if json.loads(answer) != "done":
        raise SystemExit(f"{request}: {answer}")
    return at, time.monotonic() - at


def awaited(wanted, limit=10):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if (found := wanted()) is not None:
            return found
        time.sleep(0.005)
    raise SystemExit("no effect at the target")


def first_after(times, at):
    return next((time for time in list(times) if time > at), None)


def nth_after(times, at, count):
    after = [time for time in list(times) if time > at]
    return after[count - 1] if len(after) >= count else None


def silent(times):
    """The last of them, once there have been no more for a while."""
    last = times[-1]
    return last if time.monotonic() - last > SILENCE * 3 else None


def steered(load, seconds):
    """Effects by order, in seconds, each of several rounds."""
    tick, held, rate = Observer(), Observer(), Observer()
    effects = {name: [] for name in ["pause", "resume", "VUs up", "VUs down", "rate", "stop", "answer"]}
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "control"
        profile = PROFILE.format(tick=tick.url, held=held.url, rate=rate.url, vus=VUS, load=load)
        with running(profile, "--control-socket", path) as run:
            awaited(lambda: first_after(tick.heard, 0))
            time.sleep(1)

            def give(request):
                at, answered = order(path, request)
                effects["answer"].append(answered)
                return at

            for _ in range(ROUNDS):
                at = give({"pause": {}})
                effects["pause"].append(max(awaited(lambda: silent(tick.heard)) - at, 0))
                at = give({"resume": {}})
                effects["resume"].append(awaited(lambda: first_after(tick.heard, at)) - at)
                at = give({"scale": {"scenario": "held", "vus": VUS}})
                effects["VUs up"].append(awaited(lambda: nth_after(held.opened, at, VUS)) - at)
                at = give({"scale": {"scenario": "held", "vus": 0}})
                effects["VUs down"].append(awaited(lambda: nth_after(held.closed, at, VUS)) - at)
                at = give({"rate": {"scenario": "rate", "perSecond": 200}})
                effects["rate"].append(awaited(lambda: first_after(rate.opened, at)) - at)
                give({"rate": {"scenario": "rate", "perSecond": 0}})
                time.sleep(seconds / ROUNDS)
            at = give({"scale": {"scenario": "held", "vus": VUS}})
            awaited(lambda: nth_after(held.opened, at, VUS))
            at, _ = order(path, {"stop": {}})
            effects["stop"].append(awaited(lambda: nth_after(held.closed, at, VUS)) - at)
            run.process.wait(timeout=30)
    return effects, run.summary["metrics"]


def steering(options):
    kinds = ["answer", "pause", "resume", "VUs up", "VUs down", "rate", "stop"]
    table = Table("load beside", "messages/s", *(f"{kind}, ms" for kind in kinds))
    for label, with_load in [("1,000 messages/s", False), ("150,000 messages/s", True)]:
        effects, reached = {kind: [] for kind in kinds}, []
        for _ in range(options.pairs):
            with go_echo() as server:
                one, metrics = steered(LOAD.format(url=server.url()) if with_load else "", options.seconds)
            reached.append(metrics["ws_msgs_sent"]["rate"])
            for kind in kinds:
                effects[kind] += [value * 1e3 for value in one[kind]]
        worst = max(value for kind in kinds for value in effects[kind])
        table.row(label, numbers(reached, 0), *(numbers(effects[kind], 1) for kind in kinds), steering_effect=worst)
    introduction = (
        f"rampd {version(RAMPD)}, from an order on the control socket to its effect at the target: the last message of 1,000 a second\n"
        f"(pause), the first one (resume), the {VUS}th connection opened or closed (VUs, stop), the first connection of 200 a second (rate);\n"
        f"the answer to the order itself. {options.pairs * ROUNDS} orders of each kind, {options.pairs} stops; median (lowest–highest).\n"
        "The rate over a whole run is lower by its pauses. Workers follow 10 ms after the order, all at one instant."
    )
    return write("steering", introduction, table, options.dry)
