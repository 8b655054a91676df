"""The trail of a break-glass, for an auditor or the data protection officer: what was decided, what was accessed.

What was decided is read from the event store, where it stands on two streams: the break-glass's own, and the group's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import ContestState
from regard.audit.v1.events_pb2 import READER_KIND_BREAK_GLASS, Access
from regard.groups.v1 import events_pb2 as groups
from regard.groups.v1.break_glass_pb2 import BreakGlassCase

from services.access import Action, Guard
from services.audit import queries
from services.audit.auditors import Why
from services.audit.contests import ContestDesk
from services.audit.ledger import Part, ledger_of
from services.audit.queries import Page, Wanted
from services.audit.refusals import NO_SUCH_BREAK_GLASS
from services.audit.shown import Line, Row, by_name
from services.audit.views import PLACES_PER_EVENT
from services.common import moments
from services.common.clock import Clock
from services.common.codec import Codec, Event
from services.common.database import Database
from services.common.eventstore import EventStore
from services.common.ids import stream_name
from services.common.rpc import Caller


@dataclass(frozen=True, slots=True)
class Trail:
    """A break-glass, when it was approved, a page of what was accessed under it, and contests by access."""

    case: BreakGlassCase
    approved_at: Timestamp | None
    page: Page
    contests: Mapping[str, ContestState]


@dataclass(slots=True)
class _Story:
    """What the streams tell of a break-glass.

    `opened`: position of its opening. `next`: of the reader's next one in that group. None if there is none.
    """

    case: BreakGlassCase = field(default_factory=BreakGlassCase)
    approved_at: Timestamp | None = None
    opened: int | None = None
    next: int | None = None

    def has(self, line: Line) -> bool:
        """Whether the access was made under it."""
        if not isinstance(line, Row):
            return False
        access = Access.FromString(line.record)
        if access.break_glass_id:
            return access.break_glass_id == self.case.break_glass_id
        # Recorded before accesses told their break-glass: a reader has one of a group at a time.
        position = line.place // PLACES_PER_EVENT
        return (
            access.purpose_reference == self.case.reference.strip()
            and self.opened is not None
            and self.opened < position
            and (self.next is None or position < self.next)
        )


class Trails:
    """Trails of break-glass. The group sees that one was asked for, like every question with a role."""

    def __init__(
        self, guard: Guard, store: EventStore, codec: Codec, database: Database, contests: ContestDesk, clock: Clock
    ) -> None:
        self._guard = guard
        self._store = store
        self._codec = codec
        self._database = database
        self._contests = contests
        self._clock = clock

    async def of(self, caller: Caller, why: Why, break_glass_id: str, part: Part) -> Trail:
        """The trail. Raises Refused: AUD-32; ACC-01 where auditors may not look, ACC-07, ACC-09, ACC-10."""
        story = _Story()
        _decided(story, await self._events("breakglass", break_glass_id))
        case = story.case
        if not case.break_glass_id:
            raise NO_SUCH_BREAK_GLASS()
        # Once approved, one of which members are told later has a ledger of its own, for this looking too.
        own = break_glass_id if case.HasField("disclose_at") and story.approved_at else ""
        sight = await self._guard.sight(caller, case.group_id, Action.READ_TRAIL, own)
        await self._guard.enter(sight, (ledger_of(sight),), why.purpose, why.reference)
        _opened(story, await self._events("group", case.group_id))
        _over(case, self._clock())
        wanted = Wanted(
            {own or case.group_id: by_name()},
            reader_id=case.requested_by,
            reader_kind=READER_KIND_BREAK_GLASS,
            purpose=case.reason,
        )
        async with self._database.read() as connection:
            page = await queries.lines(connection, wanted, part.after, part.size)
        page = replace(page, lines=[line for line in page.lines if story.has(line)])
        return Trail(case, story.approved_at, page, await self._contests.states(case.group_id))

    async def _events(self, category: str, key: str) -> tuple[Event, ...]:
        return self._codec.decode_all((await self._store.load(stream_name(category, key))).events)


def _decided(story: _Story, events: Iterable[Event]) -> None:
    """Adds what the break-glass's own stream tells."""
    case = story.case
    for event in events:
        at = moments.timestamp_of(event.recorded_at)
        match event.message:
            case groups.BreakGlassRequested() as asked:
                case.MergeFrom(
                    BreakGlassCase(
                        break_glass_id=asked.break_glass_id,
                        group_id=asked.group_id,
                        state=BreakGlassCase.STATE_REQUESTED,
                        requested_by=asked.requested_by,
                        requester_role=asked.role,
                        reason=asked.reason,
                        reference=asked.reference,
                        scope=asked.scope if asked.HasField("scope") else None,
                        requested_at=at,
                        ends_at=asked.ends_at,
                        disclose_at=asked.disclose_at if asked.HasField("disclose_at") else None,
                        delay_reason=asked.delay_reason,
                    )
                )
            case groups.BreakGlassApproved() as approved:
                case.state, story.approved_at = BreakGlassCase.STATE_OPEN, at
                case.approved_by, case.approver_role = approved.approved_by, approved.role
                if case.HasField("disclose_at"):
                    case.opened_at.CopyFrom(at)
            case groups.BreakGlassDisclosed():
                case.disclosed_at.CopyFrom(at)
            case groups.BreakGlassRefused() as refused:
                _ended(case, BreakGlassCase.STATE_REFUSED, refused.refused_by, at)
            case groups.BreakGlassEnded() as ended:
                _ended(case, BreakGlassCase.STATE_ENDED, ended.ended_by, at)
            case _:
                pass


def _opened(story: _Story, events: Iterable[Event]) -> None:
    """Adds what the group's stream tells, which is what holds: from when and until when it was open."""
    case = story.case
    for event in events:
        match event.message:
            case groups.BreakGlassOpened() as opened if opened.break_glass_id == case.break_glass_id:
                story.opened = story.opened or event.position
                case.opened_at.CopyFrom(moments.timestamp_of(event.recorded_at))
            case groups.BreakGlassOpened() as opened if opened.reader_id == case.requested_by and story.opened:
                story.next = story.next or event.position
            case groups.BreakGlassClosed() as closed if closed.break_glass_id == case.break_glass_id:
                at = moments.timestamp_of(event.recorded_at)
                _ended(case, BreakGlassCase.STATE_ENDED, closed.closed_by, at)
            case _:
                pass


def _ended(case: BreakGlassCase, state: BreakGlassCase.State, by: str, at: Timestamp) -> None:
    case.state, case.ended_by = state, by
    case.ended_at.CopyFrom(at)


def _over(case: BreakGlassCase, at: datetime) -> None:
    """Says so where its end has come, and nobody has noted it yet."""
    if moments.of(case.ends_at) > at:
        return
    if case.state == BreakGlassCase.STATE_REQUESTED:
        case.state = BreakGlassCase.STATE_REFUSED
    elif case.state == BreakGlassCase.STATE_OPEN:
        case.state = BreakGlassCase.STATE_ENDED
