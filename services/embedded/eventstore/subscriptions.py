"""Following a stream or $all: first from the log, then from what is committed, and from the log again when too slow.

A follower keeps the position up to which it has missed nothing. `Live` either has every event after it, or says so.
"""

from typing import NoReturn

from services.embedded.eventstore.answers import deleted, refused
from services.embedded.eventstore.live import Live
from services.embedded.eventstore.log import PAGE_EVENTS, Log
from services.embedded.eventstore.model import TOMBSTONED
from services.embedded.eventstore.questions import AllSubscription, StreamSubscription
from services.embedded.eventstore.reader import Reader
from services.embedded.eventstore.refusals import CLOSING


async def follow_stream(log: Log, live: Live, reader: Reader, asked: StreamSubscription) -> NoReturn:
    """Sends the events of a stream, past and to come; ends by the client, a tombstone, or the end of the store."""
    head = (await log.stream(asked.stream, 0, limit=1)).head
    if head.tombstoned:
        await deleted(reader.context, asked.stream)
    await reader.confirm()
    follower = _StreamFollower(log, live, reader, asked.stream, head.last if asked.after is None else asked.after)
    while not live.closed:
        await follower.catch_up()
        await reader.caught_up(follower.position)
        await follower.stay()
        if not live.closed:
            await reader.fell_behind(follower.position)
    await refused(reader.context, CLOSING())


class _StreamFollower:
    def __init__(self, log: Log, live: Live, reader: Reader, stream: str, revision: int) -> None:
        self._log, self._live, self._reader = log, live, reader
        self._stream, self._revision = stream, revision
        self.position = 0

    async def catch_up(self) -> None:
        """Sends from the log until nothing is left."""
        complete = False
        while not complete:
            position = self._live.position
            page = await self._log.stream(self._stream, self._revision + 1)
            if page.head.tombstoned:
                await deleted(self._reader.context, self._stream)
            await self._reader.events(page.events)
            if page.events:
                self._revision = page.events[-1].revision
            self.position, complete = position, page.complete

    async def stay(self) -> None:
        """Sends what is committed until the client has become too slow, or the store ends."""
        while not self._live.closed:
            events, position = self._live.after(self.position), self._live.position
            if events is None:
                return
            for event in events:
                if event.stream != self._stream or event.revision <= self._revision:
                    continue
                if event.revision == TOMBSTONED:
                    await deleted(self._reader.context, self._stream)
                await self._reader.event(event)
                self._revision = event.revision
            self.position = position
            await self._live.news(position)


async def follow_all(log: Log, live: Live, reader: Reader, asked: AllSubscription) -> NoReturn:
    """Sends the events of $all that pass the filter, past and to come; ends by the client or the end of the store."""
    follower = _AllFollower(log, live, reader, asked)
    await reader.confirm()
    while not live.closed:
        await follower.catch_up()
        await reader.caught_up(follower.position)
        await follower.stay()
        if not live.closed:
            await reader.fell_behind(follower.position)
    await refused(reader.context, CLOSING())


class _AllFollower:
    def __init__(self, log: Log, live: Live, reader: Reader, asked: AllSubscription) -> None:
        self._log, self._live, self._reader = log, live, reader
        self._filter, self._interval = asked.filter, asked.checkpoint_interval
        self._unmarked = 0  # how much was looked through since the last checkpoint
        self.position = live.position if asked.after is None else asked.after

    async def catch_up(self) -> None:
        """Sends from the log until nothing is left."""
        while self.position < self._live.position:
            window = PAGE_EVENTS if self._interval is None else self._interval - self._unmarked
            upto = min(self._live.position, self.position + window)
            page = await self._log.forwards(self.position, upto, self._filter)
            await self._reader.events(page.events)
            await self._looked_through(page.reached - self.position, page.reached)
            self.position = page.reached

    async def stay(self) -> None:
        """Sends what is committed until the client has become too slow, or the store ends."""
        while not self._live.closed:
            events, position = self._live.after(self.position), self._live.position
            if events is None:
                return
            for event in events:
                if self._filter.matches(event.stream, event.type):
                    await self._reader.event(event)
                await self._looked_through(1, event.position)
            self.position = max(self.position, position)
            await self._live.news(self.position)

    async def _looked_through(self, count: int, position: int) -> None:
        self._unmarked += count
        if self._interval is not None and self._unmarked >= self._interval:
            self._unmarked = 0
            await self._reader.checkpoint(position)
