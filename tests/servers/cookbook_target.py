"""What the recipes in config/ talk to, on the PyPI package `aiohttp`.

`POST /login` gives a token, which `/ws` wants back in its header and in the first message. `/feed` hands what is
published to a room to all its subscribers. `/graphql` speaks graphql-transport-ws and closes with the protocol's codes
where a client does not. `GET /search` answers one request after the other, each after 20 ms: 50 a second.
Prints its port, and its counters on SIGTERM.
"""

import asyncio
import json
import signal
from collections import Counter, defaultdict
from contextlib import suppress

from aiohttp import WSMsgType, web

counters = Counter()
tokens = {}
rooms = defaultdict(set)
turn = asyncio.Lock()


async def login(request):
    body = await request.json()
    if not body["password"].startswith("change-me"):
        counters["logins_wrong"] += 1
        return web.Response(status=401)
    counters["logins"] += 1
    token = f"token-{counters['logins']}"
    tokens[token] = body["user"]
    return web.json_response({"token": token})


async def search(request):
    counters["searches"] += 1
    async with turn:
        await asyncio.sleep(0.02)
    return web.json_response({"q": request.query["q"]})


async def say(ws, message):
    await ws.send_json(message)
    counters["messages_out"] += 1


async def opened(request, protocols=()):
    ws = web.WebSocketResponse(protocols=protocols)
    await ws.prepare(request)
    counters["opened"] += 1
    return ws


async def messages(ws):
    async for message in ws:
        if message.type is WSMsgType.TEXT:
            counters["messages_in"] += 1
            yield json.loads(message.data)


async def chat(request):
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    user = tokens.get(token)
    if user is None or user != request.query.get("user"):
        counters["sockets_wrong"] += 1
        return web.Response(status=401)
    ws = await opened(request)
    async for said in messages(ws):
        if said["op"] == "hello":
            counters["hellos_right" if said["token"] == token else "hellos_wrong"] += 1
            await say(ws, {"op": "news"})
            await say(ws, {"op": "welcome", "user": user, "session": f"session-of-{token}"})
        else:
            counters["said_right" if said["session"] == f"session-of-{token}" else "said_wrong"] += 1
            await say(ws, {"op": "said", "id": said["id"]})
    return ws


async def feed(request):
    ws = await opened(request)
    joined = None
    async for said in messages(ws):
        if said["op"] == "subscribe":
            joined = rooms[said["room"]]
            joined.add(ws)
            await say(ws, {"op": "subscribed", "room": said["room"]})
        else:
            counters["published"] += 1
            for subscriber in list(rooms[said["room"]]):
                counters["delivered"] += 1
                await say(subscriber, {"op": "message", "room": said["room"], "text": said["text"]})
            await say(ws, {"op": "published", "id": said["id"]})
    if joined:
        joined.discard(ws)
    return ws


async def prices(ws, operation):
    with suppress(ConnectionError):
        while True:
            counters["next"] += 1
            await say(ws, {"type": "next", "id": "another", "payload": {"data": {"price": {"amount": 1}}}})
            await say(ws, {"type": "next", "id": operation, "payload": {"data": {"price": {"amount": counters["next"]}}}})
            await asyncio.sleep(0.01)


async def graphql(request):
    ws = await opened(request, ("graphql-transport-ws",))
    if ws.ws_protocol is None:
        await ws.close(code=4406, message=b"Subprotocol not acceptable")
        return ws
    acknowledged, operations = False, {}
    async for said in messages(ws):
        counters[said["type"]] += 1
        if said["type"] == "connection_init":
            acknowledged = True
            await say(ws, {"type": "connection_ack"})
        elif said["type"] == "subscribe" and acknowledged:
            assert said["payload"]["query"].startswith("subscription ")
            operations[said["id"]] = asyncio.create_task(prices(ws, said["id"]))
        elif said["type"] == "complete":
            operations.pop(said["id"]).cancel()
        else:
            await ws.close(code=4401, message=b"Unauthorized")
    for operation in operations.values():
        operation.cancel()
    return ws


async def main():
    app = web.Application()
    app.router.add_post("/login", login)
    app.router.add_get("/search", search)
    app.router.add_get("/ws", chat)
    app.router.add_get("/feed", feed)
    app.router.add_get("/graphql", graphql)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    print(json.dumps(counters), flush=True)
    await runner.cleanup()


asyncio.run(main())
