"""One stream for all rooms of a person: what changed since their cursor, then what changes, each change once.

The cursor is the position reached in each partition of chat's topic. Order holds within a room, since a room's messages
lie in one partition. Each group is a live access of its own, recorded before its first byte, and ends by itself when
the right to it does, while the others go on.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

from regard.chat.v1.chat_pb2 import SubscribeResponse
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Sealed, Sentence

from services.access import Action, Erased, Guard, Live, Object
from services.chat import queries, rendering
from services.chat.changes import Change, Changes, Joined, MessageChanged, RoomChanged
from services.chat.cursor import Cursor
from services.chat.queries import MessageRow, RoomRow
from services.chat.refusals import ACCESS_ENDED, TOO_SLOW
from services.chat.rooms import name_place
from services.common import moments
from services.common.database import Database
from services.common.errors import Kind, Refused
from services.common.live import Behind, Listener
from services.common.rpc import Caller

HEARTBEAT_S = 15.0
_CATCH_UP = 500
"""Messages read at once on the way from a cursor to now."""


class _Interrupted(Exception):
    """The stream cannot go on as it is; the client resumes from its cursor."""

    def __init__(self, why: Refused) -> None:
        self.why = why
        super().__init__(why.refusal.id)


class Subscription:
    """One person's stream; `frames` is for one call."""

    def __init__(self, guard: Guard, database: Database, changes: Changes, view: str, caller: Caller) -> None:
        """`view`: name of the projection that fills the database."""
        self._guard = guard
        self._database = database
        self._changes = changes
        self._view = view
        self._caller = caller
        self._lives: dict[str, Live] = {}
        self._exits: dict[str, AsyncExitStack] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._closed: asyncio.Queue[str] = asyncio.Queue()

    async def frames(self, cursor: Cursor | None) -> AsyncGenerator[SubscribeResponse, None]:
        """The frames after `cursor`, or from now on; the last says why there are no more."""
        try:
            # Listening begins before the tables are read, so that nothing falls between the two.
            async with self._changes.published.subscribe() as changes:
                async with self._database.read() as tx:
                    reached = await Cursor.reached(tx, self._view)
                    mine = await queries.groups_of(tx, self._caller.person_id)
                cursor = cursor or reached
                await asyncio.gather(*(self._enter(group_id) for group_id in mine))
                yield _heartbeat(cursor)
                async with aclosing(self._missed(cursor, reached)) as missed:
                    async for frame in missed:
                        yield frame
                async with aclosing(self._follow(changes, cursor)) as following:
                    async for frame in following:
                        yield frame
        except Behind:
            yield _end(TOO_SLOW())
        except _Interrupted as interrupted:
            yield _end(interrupted.why)
        finally:
            for group_id in list(self._lives):
                await self._leave(group_id)

    async def _missed(self, cursor: Cursor, reached: Cursor) -> AsyncGenerator[SubscribeResponse, None]:
        """What changed between the cursor and what the tables held when listening began: reads, recorded as such."""
        beyond = 0
        async with self._database.read() as tx:
            rooms = await queries.rooms_of(tx, list(self._lives))
        after = {room.room_id: cursor.of(room.room_id) for room in rooms}
        while True:
            async with self._database.read() as tx:
                rows = await queries.messages_changed(tx, after, beyond, _CATCH_UP)
            for row, body in await self._read(rows):
                cursor.move(row.room_id, row.position)
                yield SubscribeResponse(
                    cursor=cursor.encode(), message=rendering.message(row, body, self._caller.person_id)
                )
            if len(rows) < _CATCH_UP:
                break
            beyond = rows[-1].position
        cursor.cover(reached)

    async def _read(self, rows: list[MessageRow]) -> list[tuple[MessageRow, str | Erased | None]]:
        by_group: defaultdict[str, list[MessageRow]] = defaultdict(list)
        for row in rows:
            by_group[row.group_id].append(row)
        sights = await self._guard.sights(self._caller, list(by_group), Action.READ)
        readable = {
            group_id: [row for row in by_group[group_id] if sight.reads(row.level, moments.moment(row.sent_at_us))]
            for group_id, sight in sights.items()
        }
        entries = [
            (sights[group_id], [rendering.object_of(row) for row in some]) for group_id, some in readable.items()
        ]
        grants = dict(zip(readable, await self._guard.enter_many(entries), strict=True))
        shown = []
        for row in rows:
            if row in readable.get(row.group_id, ()):
                sealed = rendering.sealed_body(row)
                body = await grants[row.group_id].open(sealed, rendering.place_of(row)) if sealed else None
                shown.append((row, body))
        return shown

    async def _follow(self, changes: Listener[Change], cursor: Cursor) -> AsyncGenerator[SubscribeResponse, None]:
        """What changes from now on, until the person's access ends or they fall behind (Behind)."""
        next_changes = asyncio.ensure_future(anext(changes))
        next_closed = asyncio.ensure_future(self._closed.get())
        try:
            while not self._guard.revoked(self._caller):
                waited = {next_changes, next_closed}
                done, _ = await asyncio.wait(waited, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
                # What ended comes first: nothing of a group is told after it was lost.
                if next_closed in done:
                    group_id = next_closed.result()
                    next_closed = asyncio.ensure_future(self._closed.get())
                    for frame in await self._ended(group_id, cursor):
                        yield frame
                if next_changes in done:
                    batch = next_changes.result()
                    next_changes = asyncio.ensure_future(anext(changes))
                    for change in batch:
                        for frame in await self._told(change, cursor):
                            yield frame
                if not done:
                    yield _heartbeat(cursor)
            yield _end(ACCESS_ENDED())
        finally:
            next_changes.cancel()
            next_closed.cancel()

    async def _told(self, change: Change, cursor: Cursor) -> list[SubscribeResponse]:
        match change:
            case MessageChanged(position=position, row=row):
                if cursor.passed(row.room_id, position):
                    return []
                return await self._message(row, position, cursor)
            case RoomChanged(row=row):
                return await self._rooms([row], cursor) if row.group_id in self._lives else []
            case Joined(person_id=person_id, group_id=group_id):
                if person_id != self._caller.person_id or group_id in self._lives:
                    return []
                await self._enter(group_id)
                async with self._database.read() as tx:
                    rows = await queries.rooms_of(tx, [group_id])
                return await self._rooms(rows, cursor) if group_id in self._lives else []

    async def _message(self, row: MessageRow, position: int, cursor: Cursor) -> list[SubscribeResponse]:
        live = self._lives.get(row.group_id)
        body: str | Erased | None = None
        try:
            if live and live.ended:
                raise live.ended
            readable = live and live.sight.reads(row.level, moments.moment(row.sent_at_us))
            sealed = rendering.sealed_body(row)
            if live and readable and sealed:
                body = await live.open(sealed, rendering.place_of(row), row.level)
        except Refused as refused:
            if live and live.ended:
                return await self._ended(row.group_id, cursor)
            raise _Interrupted(refused) from None
        cursor.move(row.room_id, position)
        if not live or not readable:
            return []
        live.delivered(position)
        shown = rendering.message(row, body, self._caller.person_id)
        return [SubscribeResponse(cursor=cursor.encode(), message=shown)]

    async def _rooms(self, rows: list[RoomRow], cursor: Cursor) -> list[SubscribeResponse]:
        names = await self._guard.open_labels([(Sealed.FromString(row.name), name_place(row.room_id)) for row in rows])
        return [
            SubscribeResponse(cursor=cursor.encode(), room=rendering.room(row, rendering.name(name), 0))
            for row, name in zip(rows, names, strict=True)
        ]

    async def _enter(self, group_id: str) -> None:
        """Begins the live access to a group; one that is refused is simply not there."""
        stack = AsyncExitStack()
        everything = Object("group", group_id, LEVEL_CONFIDENTIAL)
        try:
            live = await stack.enter_async_context(self._guard.live(self._caller, group_id, [everything]))
        except Refused:
            return
        self._lives[group_id], self._exits[group_id] = live, stack
        self._watchers[group_id] = asyncio.create_task(self._watch(group_id, live))

    async def _watch(self, group_id: str, live: Live) -> None:
        await live.closed.wait()
        self._closed.put_nowait(group_id)

    async def _ended(self, group_id: str, cursor: Cursor) -> list[SubscribeResponse]:
        """What to tell when a live access has ended: that its rooms are lost, if the right to them is.

        Where the right goes on, or that cannot be known, the whole stream ends (_Interrupted), before its cursor has
        passed anything untold: the client resumes from there, under a new record.
        """
        live = self._lives.get(group_id)
        if live is None or live.ended is None:
            return []
        try:
            await self._guard.sight(self._caller, group_id, Action.LIVE)
        except Refused as refused:
            if refused.refusal.kind is not Kind.UNAVAILABLE:
                return await self._lost(group_id, cursor)
        raise _Interrupted(live.ended)

    async def _lost(self, group_id: str, cursor: Cursor) -> list[SubscribeResponse]:
        if group_id not in self._lives:
            return []
        await self._leave(group_id)
        async with self._database.read() as tx:
            rows = await queries.rooms_of(tx, [group_id])
        return [
            SubscribeResponse(
                cursor=cursor.encode(), room_lost=SubscribeResponse.RoomLost(room_id=row.room_id, group_id=group_id)
            )
            for row in rows
        ]

    async def _leave(self, group_id: str) -> None:
        self._lives.pop(group_id)
        self._watchers.pop(group_id).cancel()
        await self._exits.pop(group_id).aclose()


def _heartbeat(cursor: Cursor) -> SubscribeResponse:
    return SubscribeResponse(cursor=cursor.encode(), heartbeat=SubscribeResponse.Heartbeat())


def _end(why: Refused) -> SubscribeResponse:
    sentence = Sentence(fr=why.describe("fr"), en=why.describe("en"))
    return SubscribeResponse(end=SubscribeResponse.End(reason=why.refusal.id, sentence=sentence))
