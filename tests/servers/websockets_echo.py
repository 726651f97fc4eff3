"""A WebSocket server on the PyPI package `websockets`; README.md has its modes and counters.

It drives the library's Sans-I/O `ServerProtocol` frame by frame. The library answers a Close frame
as soon as it parses it, so bytes of several frames fed at once would lose the echoes of messages
that came in the same segment as the Close.
"""

import argparse
import asyncio
import json
import resource
import signal
import ssl
import socket
import struct
import time
from collections import Counter

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol


def frame_length(data):
    """Length of the masked frame at the start of `data`, None while its header is incomplete."""
    if len(data) < 2:
        return None
    short = data[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if len(data) < 2 + extended:
        return None
    payload = int.from_bytes(data[2 : 2 + extended], "big") if extended else short
    return 2 + extended + 4 + payload


class Protocol(ServerProtocol):
    """The library answers each ping at once; some modes answer later, the last one only, or none."""

    answers = True

    def send_frame(self, frame):
        if self.answers or frame.opcode is not Opcode.PONG:
            super().send_frame(frame)


def answers(options, number, data):
    """What an echo that is not faithful sends for the message `number` (from 1) of a connection, in this order."""
    chosen = options.after > 0 and number % options.after == 0
    if options.mode == "duplicate":
        return [data, data]
    if not chosen:
        return [data]
    if options.mode == "drop":
        return []
    if options.mode == "wrong-id":
        return [b'{"id":"nobody\'s"}']
    if options.mode == "no-id":
        return [b'{"news":true}']
    if options.mode == "truncate":
        return [data[: len(data) // 2]]
    return [data]


class Connection(asyncio.Protocol):
    def __init__(self, options, counters):
        self.options = options
        self.counters = counters
        self.protocol = Protocol(max_size=16 * 2**20)
        self.protocol.answers = options.mode not in ("slow-pong", "last-pong", "no-pong")
        self.held = []
        self.pinged = None
        self.buffer = bytearray()
        self.opened = False
        self.received = 0
        self.close_code = None
        self.timer = None

    def connection_made(self, transport):
        self.transport = transport
        address = transport.get_extra_info("peername")[0]
        self.peer = self.counters["peers"].setdefault(address, {"first_ms": time.monotonic() * 1000, "opened": 0})

    def data_received(self, data):
        if self.protocol.state is State.CONNECTING:
            self.feed(data)
            return
        self.buffer += data
        while (length := frame_length(self.buffer)) is not None and length <= len(self.buffer):
            frame = bytes(self.buffer[:length])
            del self.buffer[:length]
            self.feed(frame)
            if self.transport.is_closing():
                return

    def feed(self, data):
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Request):
                self.upgrade(event)
            elif isinstance(event, Frame):
                self.frame(event)
        self.flush()

    def eof_received(self):
        self.protocol.receive_eof()
        self.flush()

    def connection_lost(self, _error):
        if self.timer:
            self.timer.cancel()
        if self.opened:
            self.counters["open"] -= 1
            self.counters["closed"] += 1
            self.counters["close_codes"][str(self.close_code or "none")] += 1

    def upgrade(self, request):
        if self.options.mode in ("refuse", "stall", "reset"):
            self.counters["rejected"] += 1
        if self.options.mode == "stall":
            return
        if self.options.mode == "reset":
            self.reset()
            return
        if self.options.mode == "refuse":
            response = self.protocol.reject(403, "not here\n")
        else:
            response = self.protocol.accept(request)
        self.protocol.send_response(response)
        if response.status_code == 101:
            self.opened = True
            self.counters["opened"] += 1
            self.peer["opened"] += 1
            self.counters["open"] += 1
            self.counters["max_open"] = max(self.counters["max_open"], self.counters["open"])
            if self.options.mode == "broadcast":
                self.broadcast()
            if self.options.mode == "ping":
                self.ping()

    def frame(self, frame):
        if frame.opcode is Opcode.CLOSE:
            self.close_code = int.from_bytes(frame.data[:2], "big") if frame.data else 1005
        if frame.opcode is Opcode.PING:
            self.counters["pings_in"] += 1
            self.pong(frame.data)
        if frame.opcode is Opcode.PONG:
            self.counters["pongs_in"] += 1
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY):
            return
        self.received += 1
        self.counters["messages_in"] += 1
        self.counters["binary_in"] += frame.opcode is Opcode.BINARY
        if self.options.keep:
            self.counters["texts"][frame.data.decode()] += 1
        at_limit = self.received == self.options.after
        if self.options.mode == "reset-after" and at_limit:
            self.reset()
        elif self.protocol.state is not State.OPEN or self.options.mode == "silent":
            pass
        elif self.options.mode == "close-after" and at_limit:
            self.protocol.send_close(1011, "worn out")
        elif self.options.mode == "slow":
            self.later(self.send, frame.data, frame.opcode)
        elif self.options.mode == "reorder":
            self.held.append((frame.data, frame.opcode))
            if len(self.held) == self.options.after:
                for data, opcode in reversed(self.held):
                    self.send(data, opcode)
                self.held.clear()
        else:
            for data in answers(self.options, self.received, frame.data):
                self.send(data, frame.opcode)

    def later(self, action, *arguments):
        def act():
            if self.protocol.state is State.OPEN and not self.transport.is_closing():
                action(*arguments)
                self.flush()

        asyncio.get_running_loop().call_later(self.options.every_ms / 1000, act)

    def pong(self, data):
        if self.options.mode == "slow-pong":
            self.later(self.answer, data)
        if self.options.mode == "last-pong":
            if self.pinged is None:
                self.later(lambda: (self.answer(self.pinged), setattr(self, "pinged", None)))
            self.pinged = data

    def answer(self, data):
        self.protocol.answers = True
        self.protocol.send_pong(data)
        self.protocol.answers = False

    def ping(self):
        self.protocol.send_ping(b"are you there?")
        self.counters["pings_out"] += 1
        self.later(self.ping)

    def send(self, data, opcode=Opcode.TEXT):
        (self.protocol.send_text if opcode is Opcode.TEXT else self.protocol.send_binary)(data)
        self.counters["messages_out"] += 1

    def broadcast(self):
        if self.protocol.state is State.OPEN and self.transport and not self.transport.is_closing():
            if self.timer:
                self.send(b'{"news":"unsolicited"}')
                self.flush()
            self.timer = asyncio.get_running_loop().call_later(self.options.every_ms / 1000, self.broadcast)

    def reset(self):
        linger_zero = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        self.transport.abort()

    def flush(self):
        for data in self.protocol.data_to_send():
            if self.transport.is_closing():
                return
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
            else:  # TLS has no half-closed connections in asyncio
                self.transport.close()
        if self.protocol.close_expected() and self.protocol.state is State.CLOSED:
            self.transport.close()


async def serve(options):
    counters = Counter(opened=0, rejected=0, closed=0, open=0, max_open=0, messages_in=0, messages_out=0)
    counters.update(binary_in=0, pings_in=0, pongs_in=0, pings_out=0)
    counters["close_codes"] = Counter()
    counters["peers"] = {}
    counters["texts"] = Counter()
    loop = asyncio.get_running_loop()
    stop = loop.create_future()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, lambda: stop.done() or stop.set_result(None))
    server = await loop.create_server(
        lambda: Connection(options, counters), options.host, options.port, backlog=4096, ssl=tls(options.tls)
    )
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await stop
    del counters["open"]
    print(json.dumps(counters), flush=True)


def tls(directory):
    if directory is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/certificate.pem", f"{directory}/key.pem")
    return context


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    modes = ["echo", "silent", "refuse", "stall", "reset", "reset-after", "close-after", "broadcast"]
    modes += ["reorder", "duplicate", "drop", "wrong-id", "no-id", "truncate", "slow"]
    modes += ["ping", "slow-pong", "last-pong", "no-pong"]
    parser.add_argument("--mode", choices=modes, default="echo")
    parser.add_argument("--after", type=int, default=0, help="messages of a connection until it is ended, or each so many that one is answered wrongly")
    parser.add_argument("--every-ms", type=int, default=20, help="pause between unsolicited messages or pings, or before an answer")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="count messages by their text, too")
    parser.add_argument("--tls", metavar="DIRECTORY", help="serve TLS with its certificate.pem and key.pem")
    raise_file_limit()
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
