"""One stream for all rooms of a person: what changed since their cursor, then what changes, each change once.

The cursor is the position reached in each partition of chat's topic. Order holds within a room, since a room's messages
lie in one partition. Each group is a live access of its own, recorded before its first byte. It ends by itself when the
right to it does, while the others go on; where the right goes on under new rules, it is begun, and recorded, again.
Whatever leaves open if something is this reader's ends the stream, so that they resume from their cursor.
"""

import asyncio
import functools
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing

import sqlalchemy as sa
from regard.chat.v1.chat_pb2 import SubscribeResponse
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Sentence

from services.access import Action, Erased, Guard, Live, Object
from services.chat import queries, rendering
from services.chat.changes import Changes, Ended, Hearing, Joined, MessageChanged, RoomChanged
from services.chat.cursor import Cursor
from services.chat.queries import MessageRow, RoomRow
from services.chat.refusals import TOO_SLOW
from services.chat.rendering import talk
from services.chat.rooms import room_stream
from services.chat.views import GROUPS
from services.common.database import Database
from services.common.errors import Kind, Refused
from services.common.live import Behind
from services.common.rpc import Caller

HEARTBEAT_S = 15.0
_CATCH_UP = 500
"""Messages read at once on the way from a cursor to now."""
_NOT_THEIRS = (Kind.NOT_FOUND, Kind.PERMISSION_DENIED)

Frames = AsyncGenerator[SubscribeResponse, None]
Read = tuple[MessageRow, str | Erased | None]


class Subscription:
    """One person's stream; `frames` is for one call."""

    def __init__(self, guard: Guard, database: Database, changes: Changes, view: str, caller: Caller) -> None:
        """`view`: name of the projection that fills the database."""
        self._guard = guard
        self._database = database
        self._changes = changes
        self._view = view
        self._caller = caller
        self._hearing = Hearing(caller.person_id)
        self._lives: dict[str, Live] = {}
        self._exits: dict[str, AsyncExitStack] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._rooms: defaultdict[str, set[str]] = defaultdict(set)
        """Ids of the rooms of each group, also once the tables have forgotten them."""

    async def frames(self, cursor: Cursor | None) -> Frames:
        """The frames after `cursor`, or from now on, each with the cursor after it; the last says why it is."""
        try:
            # Listening begins before the tables are read, so that nothing falls between the two.
            with self._changes.heard_by(self._hearing):
                reached, mine, rooms = await self._database.look(self._now)
                self._changes.narrow(self._hearing, mine)
                at = cursor or reached
                async with asyncio.TaskGroup() as entering:
                    for group_id in mine:
                        entering.create_task(self._enter(group_id))
                self._know(rooms)
                async with aclosing(self._all(at, reached)) as frames:
                    async for frame in frames:
                        frame.cursor = at.encode()
                        yield frame
        finally:
            await asyncio.gather(*map(self._leave, list(self._lives)))

    def _now(self, tx: sa.Connection) -> tuple[Cursor, list[str], list[RoomRow]]:
        """How far the tables are, which groups are this reader's, and their rooms."""
        mine = GROUPS.of(tx, self._caller.person_id)
        return Cursor.reached(tx, self._view), mine, queries.rooms_of(tx, mine)

    async def _all(self, cursor: Cursor, reached: Cursor) -> Frames:
        yield _heartbeat()
        # Up to where the tables were when listening began: what is beyond comes from listening.
        rooms = [room_id for group_id in self._lives for room_id in self._rooms[group_id]]
        spans = {room_id: (cursor.of(talk(room_id)), reached.of(talk(room_id))) for room_id in rooms}
        async for frame in self._missed(spans, cursor):
            yield frame
        cursor.cover(reached)
        try:
            async with aclosing(self._follow(cursor)) as following:
                async for frame in following:
                    yield frame
        except Behind:
            yield _end(TOO_SLOW())

    async def _missed(self, spans: Mapping[str, tuple[int, int]], cursor: Cursor) -> Frames:
        """What changed in these spans (after, up to) of rooms: reads, recorded as such."""
        beyond, rows = 0, None
        while rows is None or len(rows) == _CATCH_UP:
            rows = await self._database.look(
                functools.partial(queries.messages_changed, spans=spans, beyond=beyond, limit=_CATCH_UP)
            )
            for row, body in await self._read(rows):
                # Their reader may be slow, and the right to them ends meanwhile.
                live, lost = await self._alive(row.group_id)
                for frame in lost:
                    yield frame
                if live:
                    cursor.move(talk(row.room_id), row.position)
                    yield self._message(row, body)
            beyond = rows[-1].position if rows else beyond

    async def _read(self, rows: Sequence[MessageRow]) -> list[Read]:
        """The texts of these messages, without those that are not for this reader."""
        by_group: defaultdict[str, list[MessageRow]] = defaultdict(list)
        for row in rows:
            by_group[row.group_id].append(row)
        entries = []
        for group_id, some in by_group.items():
            try:
                sight = await self._guard.sight(self._caller, group_id, Action.READ)
            except Refused as refused:
                if refused.refusal.kind not in _NOT_THEIRS:
                    raise
            else:
                readable = [row for row in some if rendering.is_for(sight, row)]
                entries.append((sight, readable))
        grants = await self._guard.enter_many(
            [(sight, [rendering.object_of(row) for row in some]) for sight, some in entries]
        )
        read: list[Read] = []
        for grant, (_, some) in zip(grants, entries, strict=True):
            for row in some:
                sealed = rendering.sealed_body(row)
                read.append((row, await grant.open(sealed, rendering.place_of(row)) if sealed else None))
        return sorted(read, key=lambda one: one[0].position)

    async def _follow(self, cursor: Cursor) -> Frames:
        """What changes from now on, until they fall behind (Behind) or may listen no longer (Refused)."""
        loop = asyncio.get_running_loop()

        def beat() -> asyncio.TimerHandle:
            # No news, to whoever waits for some: cheaper than a timeout around each wait, of which there are many.
            return loop.call_later(HEARTBEAT_S, self._hearing.offer, ())

        timer = beat()
        try:
            async for batch in self._hearing:
                for change in batch:
                    if isinstance(change, MessageChanged):
                        for frame in await self._changed(change, cursor):
                            yield frame
                    else:
                        async for frame in self._told(change, cursor):
                            yield frame
                if not batch:
                    if self._hearing.idle:
                        cursor.cover(self._changes.told)
                    yield _heartbeat()
                    timer = beat()
        finally:
            timer.cancel()

    async def _told(self, change: RoomChanged | Joined | Ended, cursor: Cursor) -> Frames:
        match change:
            case RoomChanged(position=position, row=row):
                if cursor.passed(room_stream(row.room_id), position):
                    return
                live, lost = await self._alive(row.group_id)
                for frame in (*lost, *(await self._opened([row]) if live else ())):
                    yield frame
                cursor.move(room_stream(row.room_id), position)
            case Joined(position=position, group_id=group_id, told=told):
                if group_id in self._lives:
                    return
                await self._enter(group_id)
                if group_id not in self._lives:
                    return
                rooms = await self._database.look(lambda tx: queries.rooms_of(tx, [group_id]))
                for frame in await self._opened(rooms):
                    yield frame
                # Groups' events come on another topic: messages from after this one may have passed already.
                cursor.cover(told)
                spans = {room.room_id: (position, cursor.of(talk(room.room_id))) for room in rooms}
                async for frame in self._missed(spans, cursor):
                    yield frame
            case Ended(group_id=group_id):
                for frame in (await self._alive(group_id))[1]:
                    yield frame

    async def _changed(self, change: MessageChanged, cursor: Cursor) -> list[SubscribeResponse]:
        """A message as it is now, or that its room was lost; nothing if it was told, or is not for this reader."""
        row, position, stream = change.row, change.position, change.stream
        if cursor.passed(stream, position):
            return []
        cursor.move(stream, position)
        while True:
            live, lost = await self._alive(row.group_id)
            if live is None or not rendering.is_for(live.sight, row):
                return lost
            try:
                sealed = change.sealed
                body = await live.open(sealed, change.place, row.level) if sealed else None
            except Refused:
                if live.ended:
                    continue
                raise
            live.delivered(position)
            return [SubscribeResponse(message=rendering.told(change.shown, row, body, self._caller.person_id))]

    def _message(self, row: MessageRow, body: str | Erased | None) -> SubscribeResponse:
        return SubscribeResponse(message=rendering.message(row, body, self._caller.person_id))

    async def _opened(self, rooms: Sequence[RoomRow]) -> list[SubscribeResponse]:
        self._know(rooms)
        shown = await rendering.rooms(self._guard, self._database, rooms, self._caller.person_id)
        return [SubscribeResponse(room=room) for room in shown]

    def _know(self, rooms: Iterable[RoomRow]) -> None:
        for room in rooms:
            self._rooms[room.group_id].add(room.room_id)

    async def _alive(self, group_id: str) -> tuple[Live | None, list[SubscribeResponse]]:
        """The live access to a group, begun again if it ended; None, and the news of it once, if it may not be."""
        live = self._lives.get(group_id)
        if live is None or not live.ended:
            return live, []
        await self._leave(group_id)
        await self._enter(group_id)
        if group_id in self._lives:
            return self._lives[group_id], []
        return None, [
            SubscribeResponse(room_lost=SubscribeResponse.RoomLost(room_id=room_id, group_id=group_id))
            for room_id in sorted(self._rooms.pop(group_id, ()))
        ]

    async def _enter(self, group_id: str) -> None:
        """Begins the live access to a group; one that is not this reader's is simply not there. Raises Refused."""
        stack = AsyncExitStack()
        everything = Object("group", group_id, LEVEL_CONFIDENTIAL)
        try:
            live = await stack.enter_async_context(self._guard.live(self._caller, group_id, [everything]))
        except Refused as refused:
            if refused.refusal.kind in _NOT_THEIRS:
                return
            raise
        self._lives[group_id], self._exits[group_id] = live, stack
        self._watchers[group_id] = asyncio.create_task(self._watch(live))

    async def _watch(self, live: Live) -> None:
        await live.closed.wait()
        self._hearing.offer((Ended(live.sight.group_id),))

    async def _leave(self, group_id: str) -> None:
        self._lives.pop(group_id)
        self._watchers.pop(group_id).cancel()
        await self._exits.pop(group_id).aclose()


def _heartbeat() -> SubscribeResponse:
    return SubscribeResponse(heartbeat=SubscribeResponse.Heartbeat())


def _end(why: Refused) -> SubscribeResponse:
    sentence = Sentence(fr=why.describe("fr"), en=why.describe("en"))
    return SubscribeResponse(end=SubscribeResponse.End(reason=why.refusal.id, sentence=sentence))
