"""A visitor that talks to an app by WebSocket, made with python3-websockets: `client.py <port of the edge>`.

Prints one JSON object: what came of each thing it tried. The app is the one of websocket-clients.test.ts.
"""

import asyncio
import json
import sys
import zlib

import websockets

PORT = int(sys.argv[1])
LARGE = 64 * 1024 * 1024


def connect(path="/", **options):
    options = {"max_size": None, "compression": None, "ping_interval": None, **options}
    return websockets.connect(f"ws://app.localhost:{PORT}{path}", host="127.0.0.1", port=PORT, **options)


async def text_and_binary():
    async with connect() as socket:
        await socket.send("hällo")
        text = await socket.recv()
        await socket.send(bytes(range(256)))
        return [text, await socket.recv() == bytes(range(256))]


async def fragments_to_the_app():
    async with connect("/frames") as socket:
        await socket.send(["one ", "two ", "three"])
        return await socket.recv()


async def fragments_from_the_app():
    async with connect("/fragments") as socket:
        return await socket.recv()


async def ping_of_the_visitor():
    async with connect() as socket:
        await asyncio.wait_for(await socket.ping(b"are you there"), 20)
        return True


async def ping_of_the_app():
    async with connect("/ping") as socket:
        return await socket.recv()


async def closed_by_the_app():
    ends = []
    for code in (1000, 1001, 1011, 4000):
        async with connect(f"/close?{code}") as socket:
            await socket.wait_closed()
            ends.append([socket.close_code, socket.close_reason])
    return ends


async def closed_by_the_visitor():
    for code in (1000, 1001, 1011, 4000):
        socket = await connect("/note")
        await socket.close(code, f"visitor {code}")
    return True


async def broken_off_by_the_app():
    async with connect("/break") as socket:
        await socket.wait_closed()
        return socket.close_code


async def broken_off_by_the_visitor():
    socket = await connect("/note")
    socket.transport.abort()
    return True


async def large_both_ways():
    message = bytes(range(251)) * (LARGE // 251)
    async with connect() as socket:
        await socket.send(message)
        return await socket.recv() == message


async def large_in_fragments():
    part = bytes(1024 * 1024)
    async with connect("/sum") as socket:
        await socket.send([part] * 64)
        return await socket.recv() == f"{LARGE} {zlib.crc32(bytes(LARGE))}"


async def compressed():
    async with connect(compression="deflate") as socket:
        message = "again and " * 100_000
        await socket.send(message)
        return [type(each).__name__ for each in socket.extensions], await socket.recv() == message


async def refused():
    try:
        async with connect("/refuse"):
            return "accepted"
    except websockets.InvalidStatusCode as error:
        return [error.status_code, error.headers.get("X-Why")]


async def many():
    async def one(number):
        async with connect() as socket:
            for turn in range(5):
                await socket.send(f"{number} {turn}")
                if await socket.recv() != f"{number} {turn}":
                    return False
            return True

    return sum(await asyncio.gather(*(one(number) for number in range(300))))


async def main():
    checks = (
        text_and_binary,
        fragments_to_the_app,
        fragments_from_the_app,
        ping_of_the_visitor,
        ping_of_the_app,
        closed_by_the_app,
        closed_by_the_visitor,
        broken_off_by_the_app,
        broken_off_by_the_visitor,
        large_both_ways,
        large_in_fragments,
        compressed,
        refused,
        many,
    )
    results = {}
    for check in checks:
        results[check.__name__] = await check()
    print(json.dumps(results))


asyncio.run(main())
