"""A Starlette application served inside the running loop, beside everything else."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette

_GRACE_S = 2
_KEEP_ALIVE_S = 3700
"""Longer than the gateway's hour: else it would now and then send a request on a connection that is just closing."""


class HttpServer:
    """A listening HTTP server: `port` is the one it got."""

    def __init__(self, port: int, loop: asyncio.Task[None]) -> None:
        self.port = port
        self._loop = loop

    async def ended(self) -> None:
        """Returns only if the server stops by itself; raises what stopped it."""
        await asyncio.shield(self._loop)


@contextlib.asynccontextmanager
async def serve_http(app: Starlette, host: str, port: int = 0) -> AsyncIterator[HttpServer]:
    """Serves `app` until the block ends; port 0 takes a free one. Raises OSError if the port is in use.

    Lifespan handlers aren't run: what an application needs is opened by who builds it.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # Not serve(): it takes the process's signals, and those have one owner already.
    await server.startup(sockets=[listening])
    loop = asyncio.create_task(server.main_loop(), name=f"http {host}:{port}")
    try:
        yield HttpServer(int(listening.getsockname()[1]), loop)
    finally:
        loop.cancel()
        await server.shutdown(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening
