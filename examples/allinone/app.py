"""One of the Tornado processes behind nginx: it says which one it is and how often it was asked."""

import asyncio
import os
import signal

import tornado.web
from tornado.options import define, options

define("port", type=int)


class Main(tornado.web.RequestHandler):
    asked = 0

    def get(self):
        Main.asked += 1
        self.write({"port": options.port, "process": os.getpid(), "asked": Main.asked})


async def main():
    options.parse_command_line()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = tornado.web.Application([("/", Main)]).listen(options.port, "127.0.0.1")
    await stopped.wait()
    server.stop()
    await server.close_all_connections()


asyncio.run(main())
