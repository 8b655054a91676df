"""A group's ledger as it grows: each frame says from where to go on, and the last one why it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from regard.audit.v1.audit_pb2 import WatchAccessesResponse
from regard.common.v1.common_pb2 import LEVEL_UNSPECIFIED, Sentence

from services.access import Action, Guard, Object
from services.audit import queries
from services.audit.queries import Mark, Wanted
from services.audit.shown import Line, by_rule, entry
from services.common import paging
from services.common.database import Database
from services.common.errors import Refused
from services.common.live import Behind
from services.common.projection import Projection
from services.common.rpc import Caller

HEARTBEAT_S = 15.0
_AT_ONCE = 200
_AFTER_ALL_PLACES = 2**63 - 1

Frame = WatchAccessesResponse


class Watch:
    """Watches of ledgers, fed by the view of this process."""

    def __init__(self, guard: Guard, database: Database, view: Projection, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._guard = guard
        self._database = database
        self._view = view
        self._heartbeat_s = heartbeat_s

    async def frames(self, caller: Caller, group_id: str, cursor: str) -> AsyncGenerator[Frame, None]:
        """A heartbeat at once, then lines as they come, and an End frame. Raises Refused before the first frame."""
        mark = paging.decode(cursor, (0, 0))
        ledger = Object("ledger", group_id, LEVEL_UNSPECIFIED)
        async with self._guard.live(caller, group_id, (ledger,), Action.READ_LEDGER) as live:
            wanted = Wanted({group_id: by_rule(live.sight.policy.rules.readers)})
            if mark is None:
                mark = await self._now(group_id)
            yield Frame(cursor=paging.encode(mark), heartbeat=Frame.Heartbeat())
            async with self._rung(f"access-{group_id}", live.closed) as rung:
                while not live.ended:
                    rung.clear()
                    news = await self._news(wanted, group_id, mark)
                    for mark, line in news:
                        if live.ended:
                            break
                        if line:
                            yield Frame(cursor=paging.encode(mark), entry=entry(line))
                    if not news and not live.ended and not await _waited(rung, self._heartbeat_s):
                        yield Frame(cursor=paging.encode(mark), heartbeat=Frame.Heartbeat())
            yield _end(mark, live.ended)

    async def _now(self, group_id: str) -> Mark:
        async with self._database.read() as connection:
            _, position = await queries.head(connection, group_id)
        return position, _AFTER_ALL_PLACES

    async def _news(self, wanted: Wanted, group_id: str, after: Mark) -> list[tuple[Mark, Line | None]]:
        async with self._database.read() as connection:
            marks = await queries.changes(connection, group_id, after, _AT_ONCE)
            return [(mark, await queries.line_of(connection, wanted, mark[1])) for mark in marks]

    @asynccontextmanager
    async def _rung(self, stream: str, closed: asyncio.Event) -> AsyncIterator[asyncio.Event]:
        """Set whenever there may be something new to read, or the right to read it has ended."""
        rung = asyncio.Event()

        async def listen() -> None:
            while True:
                async with self._view.committed.subscribe() as listener:
                    rung.set()
                    try:
                        async for events in listener:
                            if any(event.stream == stream for event in events):
                                rung.set()
                    except Behind:
                        continue

        async def end() -> None:
            await closed.wait()
            rung.set()

        tasks = [asyncio.ensure_future(listen()), asyncio.ensure_future(end())]
        try:
            yield rung
        finally:
            for task in tasks:
                task.cancel()


async def _waited(event: asyncio.Event, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _end(mark: Mark, why: Refused | None) -> Frame:
    if why is None:
        raise AssertionError("a watch ends when its live access does")
    sentence = Sentence(en=why.describe("en"), fr=why.describe("fr"))
    return Frame(cursor=paging.encode(mark), end=Frame.End(reason=why.refusal.id, sentence=sentence))
