"""Runs an app's file: `python3 entry.py ./file.py`.

A file that defines `app` (or `application`) at its top level is imported and served on 0.0.0.0:$PORT, as ASGI or
WSGI, whichever the object is. Any other file is run as a script, which listens by itself.
"""

import ast
import importlib
import inspect
import os
import runpy
import signal
import sys
import time

NAMES = ("app", "application")
# The engine kills after ten seconds.
DRAIN_SECONDS = 8


def main() -> None:
    path = sys.argv[1]
    # The app sees what it would see without this file between.
    sys.argv = sys.argv[1:]
    sys.path[0] = os.getcwd()
    name = defined_app(path)
    if name is not None:
        app = getattr(importlib.import_module(module_name(path)), name, None)
        if is_asgi(app):
            return serve_asgi(app)
        if is_wsgi(app):
            return serve_wsgi(app)
    # What `python3 path` has as its first place to import from.
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    runpy.run_path(path, run_name="__main__")


def defined_app(path: str) -> "str | None":
    """The name of the app that the file defines, found without running it: a script may do anything."""
    with open(path, "rb") as file:
        try:
            tree = ast.parse(file.read(), path)
        except SyntaxError:
            return None  # running it reports the error as Python does
    defined = set(names_of(tree.body))
    return next((name for name in NAMES if name in defined), None)


def names_of(statements):
    for statement in statements:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name) for alias in statement.names)
        elif isinstance(statement, (ast.Try, ast.With)):
            yield from names_of(statement.body)
        elif isinstance(statement, ast.If) and "__name__" not in ast.dump(statement.test):
            yield from names_of(statement.body + statement.orelse)


def module_name(path: str) -> str:
    return os.path.splitext(os.path.normpath(path))[0].replace(os.sep, ".")


def is_asgi(app) -> bool:
    if inspect.isclass(app) or not callable(app):
        return False
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None))


def is_wsgi(app) -> bool:
    """Whether it can be called as `app(environ, start_response)`; other frameworks' apps cannot."""
    if not callable(app):
        return False
    try:
        inspect.signature(app).bind({}, None)
    except TypeError:
        return False
    except ValueError:
        pass  # a callable written in C tells nothing
    return True


def port() -> int:
    return int(os.environ.get("PORT", "8080"))


def serve_wsgi(app) -> None:
    from waitress import create_server

    server = create_server(
        app,
        host="0.0.0.0",
        port=port(),
        threads=8,
        ident=None,
        # Each piece goes out when the app yields it, not when 18 kB have come together.
        send_bytes=1,
        # Longer than the edge keeps an idle connection, so that it is the edge that closes it.
        channel_timeout=300,
        trusted_proxy="*",
        trusted_proxy_count=1,
        trusted_proxy_headers={"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"},
        clear_untrusted_proxy_headers=False,
    )
    deadline = None

    def end(*_):
        # Waitress itself would stop between two pieces of an answer.
        nonlocal deadline
        deadline = deadline or time.monotonic() + DRAIN_SECONDS
        busy = any(c.requests or c.total_outbufs_len for c in list(server.active_channels.values()))
        if not busy or time.monotonic() > deadline:
            raise SystemExit(0)
        signal.setitimer(signal.ITIMER_REAL, 0.05)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGALRM, end)
        signal.signal(signal.SIGTERM, end)
    server.run()


def serve_asgi(app) -> None:
    import uvicorn

    uvicorn.Server(
        uvicorn.Config(
            app,
            host="0.0.0.0",
            port=port(),
            loop="asyncio",
            proxy_headers=True,
            forwarded_allow_ips="*",
            server_header=False,
            access_log=False,
            log_level="warning",
            timeout_keep_alive=120,
        )
    ).run()


main()
