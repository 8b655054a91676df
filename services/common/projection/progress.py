"""How far this process has seen a projection come, and waiting for it to come further."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from services.common.ids import Position
from services.common.projection.topics import Partition, Topics

Positions = Mapping[Partition, Position]

_POLL_FIRST_S = 0.02
_POLL_LAST_S = 0.2


class Progress:
    """The positions reached per partition, as the runner in this process tells them."""

    def __init__(self) -> None:
        self.topics: Topics | None = None
        self._reached: dict[Partition, Position] = {}
        self._advanced = asyncio.Condition()
        self._stored: Callable[[], Awaitable[Positions]] | None = None

    def attach(self, topics: Topics, stored: Callable[[], Awaitable[Positions]]) -> None:
        """Says what is followed, and how to ask the database what other processes have reached."""
        self.topics = topics
        self._stored = stored

    def reached(self, partition: Partition) -> Position:
        """The position of the last event of the partition that was applied, as far as this process knows."""
        return self._reached.get(partition, Position(0))

    async def advance(self, positions: Positions) -> None:
        """Notes what was committed, and wakes whoever waits for it."""
        async with self._advanced:
            for partition, position in positions.items():
                if position > self.reached(partition):
                    self._reached[partition] = position
            self._advanced.notify_all()

    async def wait_for(self, wanted: Positions, deadline_s: float) -> bool:
        """Waits until every partition has reached its position; False if that takes longer than `deadline_s`."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._wait(wanted)
        except TimeoutError:
            return False
        return True

    async def _wait(self, wanted: Positions) -> None:
        pause_s = _POLL_FIRST_S
        while not _covers(self._reached, wanted):
            try:
                async with asyncio.timeout(pause_s), self._advanced:
                    await self._advanced.wait()
            except TimeoutError:
                # Another process may hold the partition, so the database is asked, ever more rarely.
                pause_s = min(pause_s * 2, _POLL_LAST_S)
                if self._stored and _covers(await self._stored(), wanted):
                    return


def _covers(positions: Positions, wanted: Positions) -> bool:
    return all(positions.get(partition, 0) >= position for partition, position in wanted.items())
