"""Live accesses: content as it is written, until the right to it ends, and at most a second longer.

A live access is registered before its membership is read, so that whatever changes afterwards is noticed: by events of
the group or of the person, by a timer for a guest's end, and when the event store has been out of reach for a while.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.message import DecodeError, Message
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Level, Sealed

from services.access import refusals
from services.access.content import Erased
from services.access.following import follow
from services.access.membership import Memberships
from services.access.policy import Action, Allowed, Denied, GroupPolicy, must_record, verdict
from services.access.sight import Sight
from services.access.texts import Texts, split
from services.common.codec import Codec
from services.common.errors import Refused
from services.common.eventstore import EventStore, Recorded
from services.common.ids import key_of
from services.common.rpc import Caller
from services.common.sealing import Place
from services.common.telemetry import logger

CHECK_LIMIT_S = 0.8
"""How long a check after a change may take before what it concerns is closed, so that a second is enough for all."""
OUT_OF_REACH_S = 0.8
_WATCH_LIMIT_S = 2.0
_LONGEST_TIMER_S = 3600.0
_PREFIXES = ("group-",)

_log = logger(__name__)


@dataclass(slots=True, eq=False)
class LiveAccess:
    """What the guard knows of one live access; `sight` is None until it has begun."""

    caller: Caller
    group_id: str
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: Refused | None = None
    sight: Sight | None = None
    recorded: bool = False
    last_position: int = 0
    timer: asyncio.TimerHandle | None = None

    def end(self, why: Refused) -> None:
        """Closes it; a second time changes nothing."""
        if self.ended is None:
            self.ended = why
            self.closed.set()

    def forget_timer(self) -> None:
        """Nothing is waited for any more."""
        if self.timer:
            self.timer.cancel()
            self.timer = None


class Live:
    """A live access in the hands of a service. `closed` is set when it ends; `ended` then says why."""

    def __init__(self, access: LiveAccess, sight: Sight, texts: Texts) -> None:
        self._access = access
        self._texts = texts
        self.sight = sight
        self.closed = access.closed

    @property
    def ended(self) -> Refused | None:
        """Why it ended; None while it goes on."""
        return self._access.ended

    async def open(self, sealed: Sealed, place: Place, level: Level) -> str | Erased:
        """The text of something that was written, at `level`, since this access began. Raises Refused once closed."""
        group_id, _ = split(sealed)
        if group_id != self.sight.group_id:
            raise ValueError("a live access opens its own group only")
        if self.sight.action is not Action.LIVE:
            raise ValueError("following a ledger opens no content")
        if level not in self.sight.readable_levels or (level == LEVEL_CONFIDENTIAL and not self._access.recorded):
            # Written after the group was raised, and here before the news of it.
            self._access.end(refusals.LIVE_ENDED())
        self._check()
        text = await self._texts.open(sealed, place)
        self._check()
        return text

    def delivered(self, position: int) -> None:
        """Remembers how far the reader got: the commit position of the last event that was sent to them."""
        self._access.last_position = max(self._access.last_position, position)

    def _check(self) -> None:
        if self._access.ended:
            raise self._access.ended


class Lives:
    """The live accesses of this process, and what watches over them. `noticed` is told every event of a group."""

    def __init__(
        self,
        store: EventStore,
        codec: Codec,
        memberships: Memberships,
        now: Callable[[], datetime],
        revoked: Callable[[Caller], bool],
        noticed: Callable[[Message], None],
    ) -> None:
        self._store = store
        self._codec = codec
        self._memberships = memberships
        self._now = now
        self._revoked = revoked
        self._noticed = noticed
        self._by_group: defaultdict[str, set[LiveAccess]] = defaultdict(set)
        self._giving_up: asyncio.TimerHandle | None = None
        self._watching = asyncio.Event()

    @contextmanager
    def registered(self, access: LiveAccess) -> Iterator[None]:
        """Watches over the access until the block ends."""
        self._by_group[access.group_id].add(access)
        try:
            yield
        finally:
            access.forget_timer()
            self._by_group[access.group_id].discard(access)
            if not self._by_group[access.group_id]:
                del self._by_group[access.group_id]

    async def watched(self) -> None:
        """Returns while changes are noticed; raises Refused (ACC-10) if they are not, a moment later."""
        try:
            async with asyncio.timeout(_WATCH_LIMIT_S):
                await self._watching.wait()
        except TimeoutError:
            raise refusals.CANNOT_CHECK() from None

    async def run(self) -> None:
        """Watches, for ever."""
        try:
            await follow(
                self._store, _PREFIXES, after=None, handle=self._handle, connected=self._connected, lost=self._lost
            )
        finally:
            self._watching.clear()
            self._end_all()

    def review(self, access: LiveAccess, policy: GroupPolicy) -> None:
        """Ends the access if the policy no longer gives what it was begun with; else waits for a guest's end."""
        sight, at = access.sight, self._now()
        if sight is None or access.ended:
            return
        caller = access.caller
        now = verdict(policy, caller.person_id, caller.roles, sight.action, at)
        if isinstance(now, Denied) or not self._as_begun(access, sight, policy, now):
            access.end(refusals.LIVE_ENDED())
            return
        access.forget_timer()
        if now.until:
            delay_s = min(_LONGEST_TIMER_S, max(0.01, (now.until - at).total_seconds()))
            access.timer = asyncio.get_running_loop().call_later(delay_s, self.review, access, policy)

    def review_people(self) -> None:
        """Ends the accesses of those who were sent away."""
        for access in self._all():
            if self._revoked(access.caller):
                access.end(refusals.LIVE_ENDED())

    @staticmethod
    def _as_begun(access: LiveAccess, sight: Sight, policy: GroupPolicy, now: Allowed) -> bool:
        record_is_missing = must_record(policy, now.capacity, sight.action) and not access.recorded
        # How a ledger shows its readers is in the rules, so that new ones end a ledger that is followed.
        shown_otherwise = sight.action is Action.READ_LEDGER and policy.rules_version != sight.rules_version
        same_opening = sight.opening == now.opening
        levels_stay = sight.readable_levels <= now.readable_levels
        return levels_stay and same_opening and not record_is_missing and not shown_otherwise

    async def _handle(self, recorded: Recorded) -> None:
        try:
            event = self._codec.decode(recorded)
        except DecodeError:
            _log.error("an event of a group cannot be read", position=recorded.position)
        else:
            if event:
                self._noticed(event.message)
        accesses = self._by_group.get(key_of(recorded.stream))
        if accesses:
            await self._check(key_of(recorded.stream), accesses)

    async def _check(self, group_id: str, accesses: set[LiveAccess]) -> None:
        try:
            async with asyncio.timeout(CHECK_LIMIT_S):
                policy = await self._memberships.policy(group_id)
        except (TimeoutError, Refused, DecodeError):
            for access in tuple(accesses):
                access.end(refusals.CANNOT_CHECK())
            return
        for access in tuple(accesses):
            self.review(access, policy)

    def _connected(self, _head: int) -> None:
        self._watching.set()
        if self._giving_up:
            self._giving_up.cancel()
            self._giving_up = None

    def _lost(self) -> None:
        self._watching.clear()
        if self._giving_up is None:
            self._giving_up = asyncio.get_running_loop().call_later(OUT_OF_REACH_S, self._end_all)

    def _end_all(self) -> None:
        for access in self._all():
            access.end(refusals.CANNOT_CHECK())

    def _all(self) -> tuple[LiveAccess, ...]:
        return tuple(access for accesses in self._by_group.values() for access in accesses)
