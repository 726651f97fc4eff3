"""An HTTP and WebSocket service on the PyPI package `aiohttp` that knows what it has given out.

`POST /login` gives a token to a user of the body, `GET /items/{id}` and `/ws` take it back, and
count whether it is the one that was given, for the right user. `GET /echo` tells what it was sent.
On the socket, noise comes before and after each answer. Prints its port, and its counters on SIGTERM.
"""

import asyncio
import json
import signal
from collections import Counter

from aiohttp import WSMsgType, web

counters = Counter()
users = Counter()
seen = []
given = {}


async def login(request):
    body = await request.json()
    counters["logins"] += 1
    number = counters["logins"]
    token = f"canary-token-{number}"
    given[token] = (body["user"], number)
    users[body["user"]] += 1
    seen.append(body)
    answer = {"noise": [1, {"token": "wrong"}], "token": token, "id": number, "ok": number % 4 != 0, "text": 'a"b\n'}
    return web.json_response(answer, headers={"ETag": f'"canary-etag-{number}"', "X-Canary": "canary-header"})


def owner(request):
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return given.get(token, (None, None))


async def item(request):
    user, number = owner(request)
    right = number is not None and request.match_info["id"] == str(number) and request.query.get("user") == user
    counters["items_right" if right else "items_wrong"] += 1
    if request.headers.get("If-Match") == f'"canary-etag-{number}"':
        counters["etags_right"] += 1
    return web.Response(text=f"item={number};")


async def socket(request):
    _, number = owner(request)
    counters["sockets_right" if number is not None else "sockets_wrong"] += 1
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    await ws.send_str("noise")
    async for message in ws:
        if message.type is not WSMsgType.TEXT:
            continue
        said = json.loads(message.data)
        if said["op"] == "hello":
            await ws.send_json({"op": "noise", "session": "wrong"})
            await ws.send_json({"op": "welcome", "session": f"canary-session-{number}", "of": said["id"]})
            await ws.send_str("noise")
        else:
            right = said["session"] == f"canary-session-{number}" and said["id"] == number and said["text"] == 'a"b\n'
            counters["joins_right" if right else "joins_wrong"] += 1
            await ws.send_json({"op": "joined", "session": said["session"]})
    return ws


async def main():
    app = web.Application()
    app.router.add_post("/login", login)
    app.router.add_get("/items/{id}", item)
    app.router.add_get("/ws", socket)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    print(json.dumps({**counters, "users": users, "bodies": seen}), flush=True)
    await runner.cleanup()


asyncio.run(main())
