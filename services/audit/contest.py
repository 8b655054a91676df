"""Contests of a group's accesses: each is contested once, by somebody of the group, and answered once.

Stream: ledger-<group id>. Only what decisions need; when things happened is told from the events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import assert_never

from google.protobuf.message import Message
from regard.audit.v1.events_pb2 import AccessContested, ContestOutcome, ContestReason, ContestSettled
from regard.common.v1.common_pb2 import Sealed

from services.audit.refusals import NO_SUCH_CONTEST, NOT_YOUR_OWN_ACCESS, SETTLED_ALREADY
from services.common.decider import Decider
from services.common.ids import StreamName, stream_name
from services.common.moments import timestamp_of

CATEGORY = "ledger"
ANSWERED_WITHIN = timedelta(days=30)


def stream_of(group_id: str) -> StreamName:
    """The stream of what is said about a group's ledger."""
    return stream_name(CATEGORY, group_id)


@dataclass(frozen=True, slots=True)
class ContestAccess:
    """Contest an access of the group."""

    group_id: str
    access_id: str
    reason: ContestReason
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SettleContest:
    """Answer a contest. `reader_id`: whose access it is; empty if that is erased."""

    group_id: str
    access_id: str
    outcome: ContestOutcome
    answer: Sealed
    reader_id: str
    by: str


Command = ContestAccess | SettleContest


@dataclass(frozen=True, slots=True)
class Contests:
    """The contested accesses of a group, each with whether it was answered."""

    settled: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))


def decide(command: Command, contests: Contests) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused: AUD-40 to AUD-42."""
    match command:
        case ContestAccess(access_id=access_id) if access_id in contests.settled:
            return ()
        case ContestAccess():
            return (
                AccessContested(
                    group_id=command.group_id,
                    access_id=command.access_id,
                    contested_by=command.by,
                    reason=command.reason,
                    due_at=timestamp_of(command.at + ANSWERED_WITHIN),
                ),
            )
        case SettleContest():
            return _settle(command, contests)
        case _:
            assert_never(command)


def evolve(contests: Contests, event: Message) -> Contests:
    """The contests after `event`."""
    match event:
        case AccessContested() | ContestSettled():
            settled = {**contests.settled, event.access_id: isinstance(event, ContestSettled)}
            return replace(contests, settled=MappingProxyType(settled))
        case _:
            return contests


def _settle(command: SettleContest, contests: Contests) -> tuple[Message, ...]:
    if command.access_id not in contests.settled:
        raise NO_SUCH_CONTEST()
    if contests.settled[command.access_id]:
        raise SETTLED_ALREADY()
    if command.by == command.reader_id:
        raise NOT_YOUR_OWN_ACCESS()
    return (
        ContestSettled(
            group_id=command.group_id,
            access_id=command.access_id,
            settled_by=command.by,
            outcome=command.outcome,
            answer=command.answer,
        ),
    )


DECIDER = Decider[Command, Contests](CATEGORY, Contests(), decide, evolve)
