"""The guard: the one door to content. Membership is checked, the access recorded, and only then is anything opened.

    sight   that someone may do something in a group, checked against the group's own stream for this call
    grant   that it was entered and its record is durable: the only thing that opens a ciphertext
    live    a grant for what is yet to be written, ended within a second of the right to it (live.py)

Nothing here gives out a key, and no sight that another guard made, or nobody, is accepted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from weakref import WeakKeyDictionary

from google.protobuf.message import Message
from regard.audit.v1 import events_pb2 as audit
from regard.common.v1.common_pb2 import LEVEL_OPEN, PURPOSE_MIGRATION, PURPOSE_UNSPECIFIED, Level, Purpose, Sealed
from regard.groups.v1.events_pb2 import GroupDeleted, KeysDestroyed

from services.access import cases, refusals, window
from services.access.cases import Cases
from services.access.content import Erased, Object, described
from services.access.keys import LABEL, FetchKeys, Keyring, keys_of
from services.access.live import Live, LiveAccess, Lives
from services.access.membership import Memberships
from services.access.policy import PRIVILEGED, Action, Denied, GroupPolicy, must_record, verdict
from services.access.recorder import YEAR, Recorder
from services.access.revocations import Revocations
from services.access.rules import Right
from services.access.sight import Sight
from services.access.texts import Texts, split
from services.common import ids
from services.common.clock import Clock
from services.common.codec import Codec
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore
from services.common.ids import key_of
from services.common.kernel import Kernel
from services.common.rpc import Caller
from services.common.rpc.refusals import SESSION_ENDED
from services.common.sealing import Place

CHECK_LIMIT_S = 2.0
SIGHT_LIFE_S = 1.0
"""An older sight is checked again before it is used."""
GRANT_LIFE_S = 30.0
"""A grant is for the call that it was made in."""
STALE_OPEN_S = 300.0
"""How long open groups stay readable while the event store does not answer."""

_ACTS = frozenset({Action.SEARCH, Action.EXPORT, Action.SEARCH_LEDGER, Action.EXPORT_LEDGER, Action.READ_TRAIL})
"""Recorded whatever they find, even nothing."""

_RECORDED_AS = {
    Action.READ: audit.ACTION_READ,
    Action.LIVE: audit.ACTION_LIVE,
    Action.SEARCH: audit.ACTION_SEARCH,
    Action.PREVIEW: audit.ACTION_PREVIEW,
    Action.DOWNLOAD: audit.ACTION_DOWNLOAD,
    Action.EXPORT: audit.ACTION_EXPORT,
    Action.READ_LEDGER: audit.ACTION_READ_LEDGER,
    Action.SEARCH_LEDGER: audit.ACTION_SEARCH_LEDGER,
    Action.EXPORT_LEDGER: audit.ACTION_EXPORT,
    Action.READ_TRAIL: audit.ACTION_SEARCH_LEDGER,
    Action.IMPORT: audit.ACTION_IMPORT,
}

_guards: WeakKeyDictionary[Kernel, Guard] = WeakKeyDictionary()


class Grant:
    """What was entered. `access_id` is its record's; empty where the rules ask for none, or one is there already."""

    def __init__(self, sight: Sight, objects: Sequence[Object], access_id: str, texts: Texts) -> None:
        self.sight = sight
        self.access_id = access_id
        self._texts = texts
        self._authors = frozenset(one.author_id for one in objects)
        self._keys = frozenset(key for one in objects for key in (one.id, one.parent_id) if key)
        self._until_s = asyncio.get_running_loop().time() + GRANT_LIFE_S
        self._prepared = False

    async def open(self, sealed: Sealed, place: Place) -> str | Erased:
        """The text of something that was entered. Raises NotSealedHere; ValueError for what was not entered."""
        found = await self.open_bytes(sealed, place)
        return found.decode() if isinstance(found, bytes) else found

    async def open_bytes(self, sealed: Sealed, place: Place) -> bytes | Erased:
        """The same for what is no text: parts of files."""
        group_id, author = split(sealed)
        stream_key = key_of(place.stream).partition(".")[0]
        if group_id != self.sight.group_id or author not in self._authors or stream_key not in self._keys:
            raise ValueError("a grant opens what was entered with it, and nothing else")
        if asyncio.get_running_loop().time() > self._until_s:
            raise ValueError("a grant is for the call that it was made in")
        if not self._prepared:
            await self._texts.prepare(group_id, self._authors)
            self._prepared = True
        return await self._texts.open_bytes(sealed, place)


class Guard:
    """One per process. `run` must be running for live accesses, and for `revoked` to know."""

    def __init__(
        self,
        store: EventStore,
        codec: Codec,
        fetch_keys: FetchKeys,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        retention: timedelta = YEAR,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._latest: tuple[datetime, float] | None = None
        self._keyring = Keyring(fetch_keys, monotonic)
        self._texts = Texts(self._keyring)
        self._recorder = Recorder(store, codec, retention, self._now)
        self._windows = window.Windows()
        self._memberships = Memberships(store, codec, self._notice)
        self._cases = Cases(store, codec)
        self._lives = Lives(store, codec, self._memberships, self._now, self.revoked, self._notice)
        self._revocations = Revocations(store, codec, self._lives.review_people)
        self._running = False

    @staticmethod
    def of(kernel: Kernel) -> Guard:
        """The guard that the services of one process share."""
        if kernel not in _guards:
            keys, retention = keys_of(kernel.peers), kernel.settings.ledger_retention
            _guards[kernel] = Guard(kernel.store, kernel.codec, keys, kernel.clock, retention=retention)
        return _guards[kernel]

    @property
    def recorded(self) -> int:
        """How many accesses this guard made durable, to be compared with the log."""
        return self._recorder.recorded

    async def run(self) -> None:
        """Watches for what ends live accesses and sessions, for ever; a second call returns at once."""
        if self._running:
            return
        self._running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lives.run())
                tasks.create_task(self._revocations.run())
                tasks.create_task(self._recorder.counting.run())
        finally:
            self._running = False
            await self.settle()
            await self.tell_counts(ended=True)

    def revoked(self, caller: Caller) -> bool:
        """Whether the caller left, their session was closed, or a role taken back, while their token goes on."""
        return self._revocations.revoked(caller)

    async def sight(self, caller: Caller, group_id: str, action: Action, trail: str = "") -> Sight:
        """That the caller may do this in the group, as of a moment after this call. Raises Refused (ACC-…).

        `trail`: a break-glass that is looked at. Where members are told of it later, so they are of the looking.
        """
        await self._know_who_left()
        if self.revoked(caller):
            raise SESSION_ENDED()
        policy = await self._policy(group_id, action)
        if action.right is Right.CONTENT and (named := cases.named()):
            policy = await self._with_case(policy, named, caller)
        found = verdict(policy, caller.person_id, caller.roles, action, self._now())
        if isinstance(found, Denied):
            raise found.refusal()
        return Sight(
            caller=caller,
            group_id=group_id,
            action=action,
            level=policy.level,
            readable_levels=found.readable_levels,
            scope=found.scope,
            until=found.until,
            capacity=found.capacity,
            rules_version=policy.rules_version,
            opening=found.opening,
            policy=policy,
            taken_at_s=self._monotonic(),
            issuer=self,
            trail=trail,
        )

    async def sights(self, caller: Caller, group_ids: Collection[str], action: Action) -> dict[str, Sight]:
        """Sights of those groups where the caller may do this. Raises Refused (ACC-10) if none could be checked."""
        wanted = tuple(dict.fromkeys(group_ids))
        found = await asyncio.gather(*(self._sight_or_refusal(caller, group_id, action) for group_id in wanted))
        sights = {group_id: one for group_id, one in zip(wanted, found, strict=True) if isinstance(one, Sight)}
        unchecked = [one for one in found if isinstance(one, Refused) and one.refusal is refusals.CANNOT_CHECK]
        if unchecked and not sights:
            raise unchecked[0]
        return sights

    async def enter(
        self,
        sight: Sight,
        objects: Sequence[Object],
        purpose: Purpose = PURPOSE_UNSPECIFIED,
        purpose_reference: str = "",
    ) -> Grant:
        """Records the access, if the group's rules want it recorded, and returns once the record is durable.

        A break-glass is for the purpose for which it was opened, whatever is given here. Raises Refused: ACC-07 without
        purpose where one is due, ACC-08 for objects that are not for this reader, ACC-09 if the record cannot be made.
        """
        sight = await self.fresh(sight)
        if sight.action.right is Right.CONTENT and not all(_is_for(sight, one) for one in objects):
            raise refusals.NOT_FOR_YOU()
        if sight.opening:
            purpose, purpose_reference = sight.opening.purpose, sight.opening.reference
        if sight.capacity in PRIVILEGED and not (purpose and purpose_reference.strip()):
            raise refusals.PURPOSE_NEEDED()
        access_id = await self._record(sight, objects, purpose, purpose_reference)
        return Grant(sight, objects if sight.action.right is Right.CONTENT else (), access_id, self._texts)

    async def enter_many(self, entries: Sequence[tuple[Sight, Sequence[Object]]]) -> list[Grant]:
        """Enters several groups at once; all or none is granted."""
        return await asyncio.gather(*(self.enter(sight, objects) for sight, objects in entries))

    async def seal(
        self, sight: Sight, text: str | bytes, place: Place, author: str | None = None, replaces: Level | None = None
    ) -> Sealed:
        """The ciphertext of what the caller writes, or, with a sight of an import, of what `author` wrote elsewhere.

        `replaces`: the level of the text that this one takes the place of. Raises Refused: ACC-13 when that level is
        more open than the group's, ACC-12 when the keys are destroyed, ACC-09 when an import cannot be recorded.
        """
        sight = await self.fresh(sight)
        if replaces is not None and replaces < sight.level:
            raise refusals.MORE_CLOSED_NOW()
        match sight.action:
            case Action.WRITE if author in (None, sight.caller.person_id):
                writer = sight.caller.person_id
            case Action.IMPORT if author and author != LABEL:
                writer = author
                # What an import brings in is one access a window: its objects are the group's history as a whole.
                history = Object("import", sight.group_id, sight.level)
                await self._record(sight, (history,), PURPOSE_MIGRATION, "")
            case _:
                raise ValueError("only a sight of writing, or of an import with its author, seals")
        return await self._texts.seal(sight.group_id, writer, text, place)

    async def seal_label(self, group_id: str, text: str, place: Place) -> Sealed:
        """The ciphertext of a group's or a room's name or purpose."""
        return await self._texts.seal(group_id, LABEL, text, place)

    async def open_labels(self, labels: Sequence[tuple[Sealed, Place]]) -> list[str | Erased]:
        """Names, in order, without a record: for callers who have a sight of the group, or may find it."""
        return await self._texts.open_labels(labels)

    @asynccontextmanager
    async def live(
        self, caller: Caller, group_id: str, objects: Sequence[Object], action: Action = Action.LIVE
    ) -> AsyncIterator[Live]:
        """A live access to `objects` (rooms, a feed): recorded before the block begins, if it must be; closed after it.

        `action`: LIVE for content, READ_LEDGER to follow a ledger. Raises Refused: ACC-14 where a break-glass is
        limited to a part of the group, since what is yet to be written is no such part.
        """
        await self._lives.watched()
        access = LiveAccess(caller, group_id)
        with self._lives.registered(access):
            sight = await self.sight(caller, group_id, action)
            if sight.opening and not sight.scope.whole:
                raise refusals.ONLY_A_PART()
            if sight.opening and sight.opening.sealed:
                raise refusals.NOT_LIVE_AND_UNTOLD()
            access.recorded = must_record(sight.policy, sight.capacity, action)
            access_id = await self._live_recorded(sight, objects) if access.recorded else ""
            access.sight = sight
            try:
                # What changed while the record was made is in the policy of now; what changes later is noticed.
                self._lives.review(access, await self._policy(group_id, action))
                yield Live(access, sight, self._texts)
            finally:
                if access_id:
                    await self._recorder.close_live(self._closed(access, access_id))

    async def tell_counts(self, *, ended: bool = False) -> bool:
        """Tells what it recorded, as `run` does every five minutes; whether that is durable."""
        return await self._recorder.counting.tell(ended=ended)

    async def settle(self) -> None:
        """Waits until every record under way is written or given up."""
        await self._recorder.settle()

    async def _know_who_left(self) -> None:
        # After a start, nobody is let in before the people's streams were read once.
        if not self._running or self._revocations.caught_up.is_set():
            return
        try:
            async with asyncio.timeout(CHECK_LIMIT_S):
                await self._revocations.caught_up.wait()
        except TimeoutError:
            raise refusals.CANNOT_CHECK() from None

    async def fresh(self, sight: Sight) -> Sight:
        """The sight, taken anew once it has grown old, for what takes longer than a call. Raises Refused."""
        if sight.issuer is not self:
            raise ValueError("a sight is good with the guard that made it")
        if self._monotonic() - sight.taken_at_s <= SIGHT_LIFE_S:
            return sight
        return await self.sight(sight.caller, sight.group_id, sight.action, sight.trail)

    async def _sight_or_refusal(self, caller: Caller, group_id: str, action: Action) -> Sight | Refused:
        try:
            return await self.sight(caller, group_id, action)
        except Refused as refused:
            return refused

    async def _policy(self, group_id: str, action: Action) -> GroupPolicy:
        try:
            async with asyncio.timeout(CHECK_LIMIT_S):
                return await self._memberships.policy(group_id)
        except TimeoutError:
            pass
        except Refused as refused:
            if refused.refusal.kind is not Kind.UNAVAILABLE:
                raise
        policy, age_s = self._memberships.last_known(group_id)
        open_content = policy.level == LEVEL_OPEN and action.right is Right.CONTENT and action not in _ACTS
        if not open_content or age_s > STALE_OPEN_S:
            raise refusals.CANNOT_CHECK()
        # Open content goes on, as for any colleague: who is a member cannot be known now.
        return replace(policy, members=MappingProxyType({}), opened=MappingProxyType({}))

    async def _with_case(self, policy: GroupPolicy, break_glass_id: str, caller: Caller) -> GroupPolicy:
        try:
            async with asyncio.timeout(CHECK_LIMIT_S):
                return await self._cases.added(policy, break_glass_id, caller.person_id)
        except TimeoutError:
            raise refusals.CANNOT_CHECK() from None

    async def _record(self, sight: Sight, objects: Sequence[Object], purpose: Purpose, reference: str) -> str:
        """The id of the access, once it is durable; empty if there is nothing to record."""
        action, capacity, reader = sight.action, sight.capacity, sight.caller.person_id
        everything = must_record(sight.policy, capacity, action)
        concerned = {
            one.key
            for one in objects
            if (everything or must_record(sight.policy, capacity, action, (one.level,)))
            and (one.author_id != reader or action is Action.EXPORT)
        }
        looking = window.looking(sight.policy, reader, capacity, action, purpose, reference, self._now())
        repeatable = action in window.REPEATABLE and not sight.opening
        if repeatable:
            concerned = self._windows.unseen(looking, concerned)
        if not concerned and not (everything and action in _ACTS):
            return ""
        access_id = await self._append(sight, objects, concerned, purpose, reference)
        if repeatable:
            self._windows.saw(looking, concerned)
        return access_id

    async def _live_recorded(self, sight: Sight, objects: Sequence[Object]) -> str:
        opening, concerned = sight.opening, {one.key for one in objects}
        if opening is None:
            return await self._append(sight, objects, concerned)
        return await self._append(sight, objects, concerned, opening.purpose, opening.reference)

    async def _append(
        self,
        sight: Sight,
        objects: Sequence[Object],
        concerned: Collection[tuple[str, str]],
        purpose: Purpose = PURPOSE_UNSPECIFIED,
        reference: str = "",
    ) -> str:
        access = audit.Access(
            access_id=ids.new_id(self._clock),
            reader_id=sight.caller.person_id,
            reader_kind=sight.capacity,
            action=_RECORDED_AS[sight.action],
            objects=described(objects, concerned),
            author_ids=sorted({one.author_id for one in objects if one.key in concerned} - {""}),
            purpose=purpose,
            purpose_reference=reference.strip(),
            client=sight.caller.client,
            at=self._now(),
            rules_version=sight.rules_version,
            break_glass_id=sight.opening.break_glass_id if sight.opening else sight.trail,
            group_id=sight.group_id if sight.ledger_key != sight.group_id else "",
        )
        await self._recorder.record(sight.ledger_key, access)
        return access.access_id

    def _closed(self, access: LiveAccess, access_id: str) -> audit.LiveAccessClosed:
        return audit.LiveAccessClosed(
            group_id=access.group_id, access_id=access_id, last_position=access.last_position, at=self._now()
        )

    def _now(self) -> datetime:
        """The present moment, which never goes back, and goes on by itself while the clock does not."""
        now, tick = self._clock(), self._monotonic()
        if self._latest:
            latest, at_tick = self._latest
            now = max(now, latest + timedelta(seconds=tick - at_tick))
        self._latest = now, tick
        return now

    def _notice(self, event: Message) -> None:
        match event:
            case KeysDestroyed():
                self._keyring.drop(event.group_id, event.author_id)
            case GroupDeleted():
                self._keyring.drop(event.group_id)
            case _:
                pass


def _is_for(sight: Sight, one: Object) -> bool:
    return sight.reads(one.level, one.written_at, one.id, one.parent_id)
