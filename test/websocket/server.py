"""An app that sends every message back, made with python3-websockets. Prints its port, then how each socket ended."""

import asyncio
import json
import signal

import websockets


async def talk(socket):
    try:
        async for message in socket:
            if message == "fragments":
                await socket.send(["one ", "two ", "three"])
            elif message == "ping":
                await (await socket.ping())
                await socket.send("ponged")
            elif isinstance(message, str) and message.startswith("close "):
                code = int(message.split()[1])
                await socket.close(code, f"app {code}")
            else:
                await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    print(json.dumps([socket.close_code, socket.close_reason]), flush=True)


async def main():
    stop = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set_result, None)
    async with websockets.serve(talk, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await stop


asyncio.run(main())
