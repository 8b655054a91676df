"""A wire that can be made slow, silent, or cut: what stands between two parts of an installation."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

State = Literal["whole", "slow", "silent", "cut"]
_DELAY_S = 0.15
_CHUNK = 65_536


class Wire:
    """Passes on what comes to `port`. Slow: late; silent: taken and kept back; cut: closed and refused."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._state: State = "whole"
        self._changed = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    def set(self, state: State) -> None:
        """From now on; connections that are open follow."""
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()
        if state == "cut":
            for end in tuple(self._ends):
                end.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state == "cut":
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, there_writer}
        try:
            await asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, there_writer):
                self._ends.discard(end)
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self._state == "slow":
                await asyncio.sleep(_DELAY_S)
            while self._state == "silent":
                await self._changed.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@contextlib.asynccontextmanager
async def wire(to: int, port: int = 0) -> AsyncIterator[Wire]:
    """A wire to a port of loopback, until the block ends."""
    made = Wire(to)
    server = await asyncio.start_server(made._accept, "127.0.0.1", port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.set("cut")
