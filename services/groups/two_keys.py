"""A break-glass: one person asks, another with another role approves, and either way it comes to an end.

Stream: breakglass-<id>. It says what was decided. That somebody may read is said by the group's own stream, which is
written after an approval and before an end: nobody reads without an approval that stands.

One of which members are told later has no line on the group's stream. The approval itself opens it then, to the reader
who names it, and the last event is that members are told.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from google.protobuf.message import Message
from regard.common.v1.options_pb2 import (
    ROLE_DATA_PROTECTION_OFFICER,
    ROLE_SECURITY_OFFICER,
    ROLE_STAFF_REPRESENTATIVE,
    ROLE_UNSPECIFIED,
    Role,
)
from regard.groups.v1.break_glass_pb2 import BreakGlassCase
from regard.groups.v1.events_pb2 import (
    BreakGlassApproved,
    BreakGlassDisclosed,
    BreakGlassEnded,
    BreakGlassRefused,
    BreakGlassRequested,
)

from services.common.decider import Decider
from services.common.ids import StreamName, stream_name
from services.groups.refusals import (
    ANOTHER_DISCLOSURE,
    BREAK_GLASS_END,
    DISCLOSURE_DATE,
    NO_SUCH_BREAK_GLASS,
    NOT_IN_THIS_STATE,
    TWO_KEYS_NEEDED,
)

CATEGORY = "breakglass"
LONGEST = timedelta(days=7)
LATEST_DISCLOSURE = timedelta(days=90)
KEYS: tuple[Role, ...] = (ROLE_SECURITY_OFFICER, ROLE_DATA_PROTECTION_OFFICER, ROLE_STAFF_REPRESENTATIVE)
"""The roles, two different of which it takes."""


def stream_of(break_glass_id: str) -> StreamName:
    """The stream of a break-glass."""
    return stream_name(CATEGORY, break_glass_id)


@dataclass(frozen=True, slots=True)
class Request:
    """Ask, with one of the roles that `asked.role` says."""

    asked: BreakGlassRequested
    at: datetime


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve, with whichever of `roles` can be the second key; members are told at `disclose_at`, or at once."""

    by: str
    roles: Collection[int]
    at: datetime
    disclose_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse, or take back."""

    by: str


@dataclass(frozen=True, slots=True)
class End:
    """End what was approved. The group is closed already."""

    by: str


@dataclass(frozen=True, slots=True)
class Disclose:
    """Tell members what they are to be told by now."""

    at: datetime


Command = Request | Approve | Refuse | End | Disclose


@dataclass(frozen=True, slots=True)
class Case:
    """What was asked and decided. `asked` is empty for an id that is no break-glass's."""

    asked: BreakGlassRequested
    state: BreakGlassCase.State = BreakGlassCase.STATE_UNSPECIFIED
    approved_by: str = ""
    approver_role: Role = ROLE_UNSPECIFIED
    disclosed: bool = False

    @property
    def disclose_at(self) -> datetime | None:
        """When members are told; None for at its opening."""
        return self.asked.disclose_at.ToDatetime(UTC) if self.asked.HasField("disclose_at") else None

    @property
    def approved(self) -> bool:
        """Whether it was approved, and has not ended."""
        return self.state == BreakGlassCase.STATE_OPEN

    @property
    def ends_at(self) -> datetime:
        """When it is over."""
        return self.asked.ends_at.ToDatetime(UTC)


def decide(command: Command, case: Case) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused: GRP-23 to -26, -29, -30."""
    id = case.asked.break_glass_id
    if isinstance(command, Request):
        return _request(command, case)
    if not id:
        raise NO_SUCH_BREAK_GLASS()
    match command:
        case Approve():
            return _approve(command, case)
        case Refuse(by=by):
            if _moves(case, BreakGlassCase.STATE_REQUESTED, BreakGlassCase.STATE_REFUSED):
                return (BreakGlassRefused(break_glass_id=id, refused_by=by),)
            return ()
        case End(by=by):
            if _moves(case, BreakGlassCase.STATE_OPEN, BreakGlassCase.STATE_ENDED):
                return (BreakGlassEnded(break_glass_id=id, ended_by=by),)
            return ()
        case Disclose(at=at):
            return _disclose(case, at)
        case _:
            assert_never(command)


def evolve(case: Case, event: Message) -> Case:
    """The case after `event`."""
    match event:
        case BreakGlassRequested():
            return Case(event, BreakGlassCase.STATE_REQUESTED)
        case BreakGlassApproved():
            state = BreakGlassCase.STATE_OPEN
            return replace(case, state=state, approved_by=event.approved_by, approver_role=event.role)
        case BreakGlassRefused():
            return replace(case, state=BreakGlassCase.STATE_REFUSED)
        case BreakGlassEnded():
            return replace(case, state=BreakGlassCase.STATE_ENDED)
        case BreakGlassDisclosed():
            return replace(case, disclosed=True)
        case _:
            return case


def key_among(roles: Collection[int], other_than: Role = ROLE_UNSPECIFIED) -> Role:
    """The first role of `roles` that can be a key beside another; unspecified if there is none."""
    return next((role for role in KEYS if role in roles and role != other_than), ROLE_UNSPECIFIED)


def _request(command: Request, case: Case) -> tuple[Message, ...]:
    if case.asked.break_glass_id:
        return ()
    if not command.at < command.asked.ends_at.ToDatetime(UTC) <= command.at + LONGEST:
        raise BREAK_GLASS_END()
    _demand_disclosure(command.asked, command.at)
    return (command.asked,)


def _demand_disclosure(asked: BreakGlassRequested, at: datetime) -> None:
    """Where members are told later, it is after the end, not too late, and for a reason. Raises Refused: GRP-29."""
    if not asked.HasField("disclose_at"):
        if asked.delay_reason:
            raise DISCLOSURE_DATE()
        return
    disclose_at, ends_at = asked.disclose_at.ToDatetime(UTC), asked.ends_at.ToDatetime(UTC)
    if not (ends_at <= disclose_at <= at + LATEST_DISCLOSURE and asked.delay_reason):
        raise DISCLOSURE_DATE()


def _approve(command: Approve, case: Case) -> tuple[Message, ...]:
    if case.approved and case.approved_by == command.by:
        return ()
    if case.state != BreakGlassCase.STATE_REQUESTED or case.ends_at <= command.at:
        raise NOT_IN_THIS_STATE()
    role = key_among(command.roles, other_than=case.asked.role)
    if command.by == case.asked.requested_by or not role:
        raise TWO_KEYS_NEEDED()
    if command.disclose_at != case.disclose_at:
        raise ANOTHER_DISCLOSURE()
    return (BreakGlassApproved(break_glass_id=case.asked.break_glass_id, approved_by=command.by, role=role),)


def _disclose(case: Case, at: datetime) -> tuple[Message, ...]:
    if case.disclosed:
        return ()
    if case.state != BreakGlassCase.STATE_ENDED or case.disclose_at is None or at < case.disclose_at:
        raise NOT_IN_THIS_STATE()
    return (BreakGlassDisclosed(break_glass_id=case.asked.break_glass_id, group_id=case.asked.group_id),)


def _moves(case: Case, before: BreakGlassCase.State, after: BreakGlassCase.State) -> bool:
    """Whether it goes from one state to the other; False when it is there already."""
    if case.state not in (before, after):
        raise NOT_IN_THIS_STATE()
    return case.state == before


DECIDER = Decider[Command, Case](CATEGORY, Case(BreakGlassRequested()), decide, evolve)
