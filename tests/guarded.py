"""A place with guards for tests: an event store that can be made to fail, groups with members, keys, and a clock."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from regard.audit.v1.events_pb2 import Access, AccessesRecorded, LiveAccessClosed
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Level, Sealed
from regard.groups.v1 import events_pb2 as groups
from regard.groups.v1.groups_pb2 import GetContentKeysResponse
from regard.groups.v1.rules_pb2 import (
    GROUP_KIND_WORKING,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    GroupKind,
    MemberRole,
    Rules,
)

from services.access import Action, Erased, Guard, Object, Place
from services.common import contracts
from services.common.codec import Codec
from services.common.decider import CommandContext, append_unconditionally
from services.common.eventstore import (
    AppendOutcomeUnknown,
    Expected,
    History,
    MemoryEventStore,
    NewEvent,
    Recorded,
    StoreUnavailable,
    Subscription,
)
from services.common.ids import Position
from services.common.rpc import Caller

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CODEC = Codec(contracts.event_files())
TEXT = "the plan"
DEADLINE_S = 60.0
"""How long a test waits for what has to happen; never a measure of anything."""


class SetClock:
    """A clock that stands still unless it is set."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        """Forwards, or backwards."""
        self.now += timedelta(**by)


class FragileStore:
    """The store in memory, behind a line that can be cut, held up, and made to lose answers."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.inner = MemoryEventStore(clock)
        self.down = False
        self.answers_to_lose = 0
        self.appends_to_lose = 0
        self.loads_may_pass = asyncio.Event()
        self.loads_may_pass.set()
        self.loads_may_return = asyncio.Event()
        self.loads_may_return.set()
        self.appends_may_pass = asyncio.Event()
        self.appends_may_pass.set()
        self.loads_begun = 0
        self.appends_begun = 0
        self.retained: list[str] = []
        self._cut = asyncio.Event()

    def cut(self) -> None:
        """From here on nothing is reached, and subscriptions end."""
        self.down = True
        self._cut.set()

    def mend(self) -> None:
        """Everything is reached again."""
        self.down = False
        self._cut.clear()

    async def load(self, stream: str, *, after: int = -1) -> History:
        self._reach()
        self.loads_begun += 1
        await self.loads_may_pass.wait()
        history = await self.inner.load(stream, after=after)
        await self.loads_may_return.wait()
        self._reach()
        return history

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        self._reach()
        if stream.startswith("access-"):
            self.appends_begun += 1
            await self.appends_may_pass.wait()
            self._reach()
            if self.appends_to_lose:
                self.appends_to_lose -= 1
                raise AppendOutcomeUnknown
        position = await self.inner.append(stream, events, expected)
        if stream.startswith("access-") and self.answers_to_lose:
            self.answers_to_lose -= 1
            raise AppendOutcomeUnknown
        return position

    def read_all(
        self, *, after: int = 0, prefixes: tuple[str, ...], limit: int | None = None
    ) -> AsyncIterator[Recorded]:
        return self.inner.read_all(after=after, prefixes=prefixes, limit=limit)

    async def head(self, prefixes: tuple[str, ...]) -> Position:
        self._reach()
        return await self.inner.head(prefixes)

    def subscribe(self, *, after: int, prefixes: tuple[str, ...]) -> Subscription:
        return Subscription(self._follow(after, prefixes))

    async def _follow(self, after: int, prefixes: tuple[str, ...]) -> AsyncIterator[Recorded]:  # type: ignore[misc]
        self._reach()
        events = self.inner.subscribe(after=after, prefixes=prefixes)
        cut = arrived = asyncio.ensure_future(self._cut.wait())
        try:
            while True:
                arrived = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
                await asyncio.wait({arrived, cut}, return_when=asyncio.FIRST_COMPLETED)
                if cut.done():
                    raise StoreUnavailable
                yield arrived.result()
        finally:
            cut.cancel()
            arrived.cancel()

    async def set_retention(self, stream: str, *, max_count: int | None = None, max_age_s: int | None = None) -> None:
        self._reach()
        self.retained.append(stream)
        await self.inner.set_retention(stream, max_count=max_count, max_age_s=max_age_s)

    async def close(self) -> None:
        await self.inner.close()

    def _reach(self) -> None:
        if self.down:
            raise StoreUnavailable


class Keys:
    """What the groups service keeps: a key per group and author, until it is destroyed."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], bytes] = {}
        self.destroyed: set[tuple[str, str]] = set()
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def fetch(self, group_id: str, authors: Sequence[str], create: bool) -> Sequence[object]:
        self.asked.append((group_id, tuple(authors)))
        found = [self._key(group_id, author) for author in authors if self._has(group_id, author, create)]
        await self.may_answer.wait()
        return found

    def destroy(self, group_id: str, author: str) -> None:
        self.destroyed.add((group_id, author))
        self.held.pop((group_id, author), None)

    def _has(self, group_id: str, author: str, create: bool) -> bool:
        key = group_id, author
        if create and key not in self.held and key not in self.destroyed:
            self.held[key] = uuid.uuid5(uuid.UUID(group_id), author).bytes * 2
        return key in self.held

    def _key(self, group_id: str, author: str) -> GetContentKeysResponse.ContentKey:
        key = self.held[group_id, author]
        return GetContentKeysResponse.ContentKey(author=author, key_id="1", key=key, current=True)


class Site:
    """One event store and its groups; `guard()` makes as many replicas' guards as a test wants."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.ticks = 0.0
        self.store = FragileStore(self.clock)
        self.keys = Keys()

    def guard(self) -> Guard:
        """A guard of a replica, not yet watching."""
        return Guard(self.store, CODEC, self.keys.fetch, self.clock, lambda: self.ticks)  # type: ignore[arg-type]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Guard]:
        """A guard of a replica that watches until the block ends."""
        guard = self.guard()
        running = asyncio.ensure_future(guard.run())
        try:
            yield guard
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def write(self, stream: str, *messages: Message) -> None:
        """Appends facts as the services do."""
        context = CommandContext(uuid.uuid4(), "test", "test")
        await append_unconditionally(self.store.inner, CODEC, stream, messages, context)

    async def group(
        self,
        *members: str,
        moderator: str = "",
        kind: GroupKind = GROUP_KIND_WORKING,
        level: Level = LEVEL_CONFIDENTIAL,
        **rules: object,
    ) -> str:
        """A group with these members."""
        group_id = str(uuid.uuid4())
        created = groups.GroupCreated(group_id=group_id, kind=kind, rules=Rules(level=level, **rules))  # type: ignore[arg-type]
        await self.write(f"group-{group_id}", created)
        for member in members:
            await self.add(group_id, member)
        if moderator:
            await self.add(group_id, moderator, MEMBER_ROLE_MODERATOR)
        return group_id

    async def add(
        self, group_id: str, person: str, role: MemberRole = MEMBER_ROLE_MEMBER, until: datetime | None = None
    ) -> None:
        """Someone belongs from here."""
        added = groups.MemberAdded(group_id=group_id, person_id=person, role=role, until=until)
        await self.write(f"group-{group_id}", added)

    async def remove(self, group_id: str, person: str) -> None:
        """Someone is removed; acknowledged when this returns."""
        await self.write(f"group-{group_id}", groups.MemberRemoved(group_id=group_id, person_id=person))

    async def adopt(self, group_id: str, version: int, **rules: object) -> None:
        """New rules are in force."""
        proposed = groups.RulesProposed(group_id=group_id, version=version, rules=Rules(**rules))  # type: ignore[arg-type]
        await self.write(f"group-{group_id}", proposed, groups.RulesAdopted(group_id=group_id, version=version))

    async def post(self, guard: Guard, group_id: str, author: str, text: str, post_id: str = "") -> Post:
        """Something written and sealed, with the group's present level."""
        post_id = post_id or str(uuid.uuid4())
        place = Place("regard.feed.v1.PostPublished", f"post-{post_id}", "body")
        sight = await guard.sight(Caller(author), group_id, Action.WRITE)
        return Post(Object("post", post_id, sight.level, author), await guard.seal(sight, text, place), place)

    async def events(self, group_id: str) -> list[Message]:
        """What the group's access stream holds; its revisions have no gap."""
        history = await self.store.inner.load(f"access-{group_id}")
        assert [event.revision for event in history.events] == list(range(len(history.events)))
        return [event.message for event in CODEC.decode_all(history.events)]

    async def accesses(self, group_id: str) -> list[Access]:
        """What was recorded of the group, in order."""
        events = await self.events(group_id)
        return [access for event in events if isinstance(event, AccessesRecorded) for access in event.accesses]

    async def closed(self, group_id: str) -> list[LiveAccessClosed]:
        """Which live accesses ended."""
        return [event for event in await self.events(group_id) if isinstance(event, LiveAccessClosed)]


class Post:
    """A sealed text and what is needed to open it."""

    def __init__(self, object: Object, sealed: Sealed, place: Place) -> None:
        self.object = object
        self.sealed = sealed
        self.place = place


async def read(guard: Guard, who: str, group_id: str, *posts: Post) -> list[str | Erased]:
    """What a service does for a call that reads."""
    sight = await guard.sight(Caller(who), group_id, Action.READ)
    grant = await guard.enter(sight, [post.object for post in posts])
    return [await grant.open(post.sealed, post.place) for post in posts]


def person() -> str:
    """Somebody's id."""
    return str(uuid.uuid4())


async def eventually(true: Callable[[], bool] | Callable[[], Awaitable[bool]], what: str = "it") -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.001)


async def soon(awaitable: Awaitable[object]) -> None:
    """Waits for it, with a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        await awaitable


def touched(accesses: Iterable[Access]) -> set[tuple[str, str]]:
    """Which reader accessed which object."""
    return {(access.reader_id, one) for access in accesses for objects in access.objects for one in objects.ids}
