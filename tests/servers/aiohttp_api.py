"""An HTTP API on PyPI `aiohttp`; README.md has its paths and counters."""

import asyncio
import hashlib
import json
import signal
from collections import Counter

from aiohttp import web
from aiohttp.web_response import ContentCoding

LARGE = 64 * 2**20


async def form(request):
    fields = await request.post()
    return web.json_response({name: value for name, value in fields.items()})


async def upload(request):
    """The size of each file and the text of each other field of a multipart form."""
    answer = {}
    async for part in await request.multipart():
        data = await part.read()
        if part.filename is None:
            answer[part.name] = data.decode()
        else:
            answer[part.name] = [part.filename, part.headers["Content-Type"], len(data), hashlib.sha256(data).hexdigest()]
    return web.json_response(answer)


async def body(request):
    data = await request.read()
    return web.json_response([len(data), hashlib.sha256(data).hexdigest()])


async def text(request):
    response = web.Response(text="a needle in the hay\n" * 5000)
    response.enable_compression(ContentCoding(request.query["coding"]))
    return response


async def chunks(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(20):
        await response.write(f"chunk {number}\n".encode())
    await response.write_eof()
    return response


async def login(request):
    response = web.Response(text="in")
    response.set_cookie("session", "s3cret", httponly=True)
    response.set_cookie("elsewhere", "x", path="/other")
    return response


async def me(request):
    if dict(request.cookies) != {"session": "s3cret"}:
        raise web.HTTPUnauthorized()
    return web.Response(text="me")


async def logout(request):
    response = web.Response(text="out")
    response.del_cookie("session")
    return response


async def main():
    counts = Counter()

    @web.middleware
    async def count(request, handler):
        try:
            response = await handler(request)
        except web.HTTPException as error:
            counts[f"{request.path} {error.status}"] += 1
            raise
        counts[f"{request.path} {response.status}"] += 1
        return response

    app = web.Application(middlewares=[count], client_max_size=LARGE)
    app.add_routes([web.post("/form", form), web.post("/upload", upload), web.post("/body", body)])
    app.add_routes([web.get("/text", text), web.get("/chunks", chunks)])
    app.add_routes([web.get("/login", login), web.get("/me", me), web.get("/logout", logout)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(json.dumps({"port": site._server.sockets[0].getsockname()[1]}), flush=True)
    await stopped.wait()
    await runner.cleanup()
    print(json.dumps(counts), flush=True)


asyncio.run(main())
