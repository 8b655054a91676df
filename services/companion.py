"""Services in a process of their own beside the one that has all the rest, so that two processors share the work.

The first process starts the other, and both hold an end of one socket, over which lines of JSON go:

to the companion    where everything is; then, each time, how far the topics of embedded Kafka reach
from the companion  where its services answer, once they show what the event store holds

However the first process ends, its end of the socket closes, and the companion ends too.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from services import refusals
from services.common.child import Child
from services.common.kafka import Bell, Kafka
from services.common.settings import Settings
from services.embedded.kafka import reached

BESIDE = "--beside"
"""The option of `python -m services` by which a companion is started; for this module alone."""

_STOP_S = 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a companion finds what runs in the first process, and all that the settings name."""

    eventstore_uri: str
    kafka_bootstrap: str
    kafka_embedded: bool
    port: int
    address: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings, addresses: Mapping[str, str], *, kafka_embedded: bool) -> Self:
        """What the first process knows; `addresses`: host:port by service."""
        return cls(settings.eventstore_uri, settings.kafka_bootstrap, kafka_embedded, settings.port, addresses)

    def settings(self, settings: Settings) -> Settings:
        """The companion's settings: its environment's, which is that of the first process, with these places."""
        told = asdict(self)
        del told["kafka_embedded"]
        return settings.model_copy(update=told)


class Companion:
    """A process with these services, from the block's beginning to its end."""

    def __init__(self, services: Sequence[str]) -> None:
        self.name = ", ".join(services)
        self._services = services
        self._child: Child | None = None

    async def __aenter__(self) -> Self:
        ours, its = socket.socketpair()
        with its:
            self._child = Child(self._start(its))
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        return self

    def _start(self, end: socket.socket) -> subprocess.Popen[bytes]:
        # Not the loop's own way: uvloop forks with the handlers of gRPC and OpenTelemetry, and crashes in one.
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "services", BESIDE, *self._services],
            stdin=end.fileno(),
            # Ctrl-C reaches the first process, which ends this one in its turn.
            start_new_session=True,
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            await self._child.stop(_STOP_S)
            self._writer.close()

    def tell(self, surroundings: Surroundings) -> None:
        """Tells it where everything is, which it waits for."""
        self._writer.write(_line(asdict(surroundings)))

    async def ready(self) -> Mapping[str, str]:
        """host:port by the name of each thing that it serves, once it is up to date.

        Raises Refused (RUN-08): it has ended, and said why on stderr.
        """
        line = b""
        with contextlib.suppress(ConnectionError):  # it ended before it read what it was told
            line = await self._reader.readline()
        if not line:
            raise refusals.COMPANION_ENDED(services=self.name)
        addresses: Mapping[str, str] = json.loads(line)
        return addresses

    async def ended(self) -> None:
        """Waits until it ends."""
        if self._child is None:
            raise RuntimeError("it wasn't started")
        await self._child.ended()

    async def pass_on(self, bell: Bell) -> None:
        """Tells it whenever the bell rings, until cancelled; what it is too slow to hear becomes one line."""
        ends: dict[str, dict[int, int]] = {}
        rung = asyncio.Event()

        def hear(topic: str, reach: Mapping[int, int]) -> None:
            ends.setdefault(topic, {}).update(reach)
            rung.set()

        with bell.told(hear):
            while True:
                await rung.wait()
                rung.clear()
                self._writer.write(_line(ends))
                ends.clear()
                with contextlib.suppress(ConnectionError):  # it has ended, which `ended` tells
                    await self._writer.drain()


class FirstProcess:
    """The other end of the socket, for a companion."""

    def __init__(self, surroundings: Surroundings, writer: asyncio.StreamWriter) -> None:
        self._surroundings, self._writer = surroundings, writer
        self.bell = Bell()

    def settings(self, settings: Settings) -> Settings:
        """These settings with the places that the first process told."""
        return self._surroundings.settings(settings)

    @property
    def kafka(self) -> Kafka | None:
        """How to reach embedded Kafka; None if it is the settings' own."""
        told = self._surroundings
        return reached(told.kafka_bootstrap, self.bell) if told.kafka_embedded else None

    def tell(self, addresses: Mapping[str, str]) -> None:
        """Says that this process is up to date, and where its services answer."""
        self._writer.write(_line(addresses))


@contextlib.asynccontextmanager
async def join_first_process() -> AsyncIterator[FirstProcess]:
    """Reads where everything is from stdin, the socket; when that closes, this process ends at once.

    Nothing could be ended in order then: the event store and Kafka have gone with the first process.
    """
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=os.dup(0)))
    if not (line := await reader.readline()):
        os._exit(os.EX_UNAVAILABLE)
    first = FirstProcess(Surroundings(**json.loads(line)), writer)

    async def listen() -> None:
        with contextlib.suppress(ConnectionError):
            async for line in reader:
                for topic, ends in json.loads(line).items():
                    first.bell.ring(topic, {int(partition): end for partition, end in ends.items()})
        os._exit(os.EX_UNAVAILABLE)

    listening = asyncio.create_task(listen())
    try:
        yield first
    finally:
        listening.cancel()
        writer.close()


def _line(content: Mapping[str, object]) -> bytes:
    return json.dumps(content).encode() + b"\n"
