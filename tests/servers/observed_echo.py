"""An echo server on the PyPI package `websockets` that has metrics of the PyPI package `prometheus_client`.

README.md says what every server has in common. The metrics are those of the process, and
`ws_opened_total{path,code}`.
"""

import argparse
import asyncio
import json
import signal

import prometheus_client
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


class Server:
    def __init__(self, options):
        self.options = options
        self.counts = {"opened": 0, "closed": 0, "max_open": 0, "rejected": 0, "messages_in": 0, "messages_out": 0}
        self.kept = []
        self.opened = prometheus_client.Counter("ws_opened", "Connections.", ["path", "code"])

    async def connection(self, socket):
        counts = self.counts
        counts["opened"] += 1
        counts["max_open"] = max(counts["max_open"], counts["opened"] - counts["closed"])
        self.opened.labels(path='/ "ws"', code="500" if self.options.failing else "101").inc()
        if self.options.leak_kib:
            # Written to, so that it is resident.
            self.kept.append(b"x" * (self.options.leak_kib * 1024))
        try:
            async for message in socket:
                counts["messages_in"] += 1
                await socket.send(message)
                counts["messages_out"] += 1
        except ConnectionClosed:
            pass
        finally:
            counts["closed"] += 1


async def run(options):
    server = Server(options)
    stop = asyncio.get_running_loop().create_future()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, lambda: stop.done() or stop.set_result(None))
    metrics, _thread = prometheus_client.start_http_server(options.metrics_port, "127.0.0.1")
    async with serve(server.connection, "127.0.0.1", options.port, compression=None) as listening:
        port = listening.sockets[0].getsockname()[1]
        print(json.dumps({"port": port, "metrics_port": metrics.server_port}), flush=True)
        await stop
    print(json.dumps({**server.counts, "close_codes": {}}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--metrics-port", type=int, default=0)
    parser.add_argument("--leak-kib", type=int, default=0, help="memory that each connection leaves behind")
    parser.add_argument("--failing", action="store_true", help="connections are counted with code 500")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
