"""Contesting an access, answering that, and reading what came of it, from the group's own stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.events_pb2 import AccessContested, ContestOutcome, ContestReason, ContestSettled
from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import ROLE_AUDITOR, ROLE_DATA_PROTECTION_OFFICER

from services.access import Action, Guard, Place
from services.audit.contest import DECIDER, ContestAccess, SettleContest, stream_of
from services.audit.disclosures import Disclosures
from services.audit.ledger import ledger_of
from services.audit.log.receipts import reader_of
from services.audit.refusals import NO_SUCH_ACCESS, READER_NOT_SHOWN
from services.audit.shown import by_rule
from services.audit.views import TOPIC
from services.common import moments, rpc
from services.common.clock import Clock
from services.common.codec import Codec, Event
from services.common.decider import execute
from services.common.eventstore import EventStore
from services.common.rpc import Caller

_ANSWERERS = frozenset({ROLE_AUDITOR, ROLE_DATA_PROTECTION_OFFICER})


class ContestDesk:
    """Contests of accesses. Raises Refused."""

    def __init__(self, guard: Guard, disclosures: Disclosures, store: EventStore, codec: Codec, clock: Clock) -> None:
        self._guard = guard
        self._disclosures = disclosures
        self._store = store
        self._codec = codec
        self._clock = clock

    async def contest(self, caller: Caller, group_id: str, access_id: str, reason: ContestReason) -> None:
        """Contests an access, once. Raises Refused: ACC-.., AUD-04, AUD-07 where readers are not shown by name."""
        sight = await self._guard.sight(caller, group_id, Action.READ_LEDGER)
        await self._guard.enter(sight, (ledger_of(sight),))
        row = await self._disclosures.find(group_id, access_id, caller.person_id)
        if row is None:
            raise NO_SUCH_ACCESS()
        reader_id, kind = reader_of(row)
        if reader_id != caller.person_id and not by_rule(sight.policy.rules.readers).names(kind):
            raise READER_NOT_SHOWN()
        await self._execute(ContestAccess(group_id, access_id, reason, caller.person_id, self._clock()))

    async def settle(self, caller: Caller, group_id: str, access_id: str, outcome: ContestOutcome, answer: str) -> None:
        """Answers a contest. Raises Refused: AUD-40 to AUD-42."""
        row = await self._disclosures.find(group_id, access_id, caller.person_id)
        reader_id = reader_of(row)[0] if row else ""
        # Decided before anything is sealed too, so that no key is made for a group that is none.
        command = SettleContest(group_id, access_id, outcome, Sealed(), reader_id, caller.person_id)
        DECIDER.decide(command, DECIDER.fold(event.message for event in await self._events(group_id)))
        sealed = await self._guard.seal_label(group_id, answer, _place(group_id))
        await self._execute(SettleContest(group_id, access_id, outcome, sealed, reader_id, caller.person_id))

    async def of(self, caller: Caller, group_id: str) -> list[pb.Contest]:
        """Contests of a group, newest first. Raises Refused (ACC-..)."""
        if _ANSWERERS.isdisjoint(caller.roles):
            sight = await self._guard.sight(caller, group_id, Action.READ_LEDGER)
            await self._guard.enter(sight, (ledger_of(sight),))
        found = _told(await self._events(group_id), caller.person_id, self._clock())
        answered = [(one, sealed) for one, sealed in found if sealed]
        answers = await self._guard.open_labels([(sealed, _place(group_id)) for _, sealed in answered])
        for (one, _), answer in zip(answered, answers, strict=True):
            one.answer = answer if isinstance(answer, str) else ""
        return [one for one, _ in reversed(found)]

    async def states(self, group_id: str) -> Mapping[str, pb.ContestState]:
        """Where contests stand, by access: for whoever has entered the group's ledger."""
        return {one.access_id: one.state for one, _ in _told(await self._events(group_id), "", self._clock())}

    async def _events(self, group_id: str) -> tuple[Event, ...]:
        return self._codec.decode_all((await self._store.load(stream_of(group_id))).events)

    async def _execute(self, command: ContestAccess | SettleContest) -> None:
        stream = stream_of(command.group_id)
        outcome = await execute(self._store, self._codec, DECIDER, stream, command, rpc.command_context())
        if outcome.position:
            rpc.answer_token(TOPIC, stream, outcome.position)


def _told(events: Iterable[Event], person_id: str, at: datetime) -> list[tuple[pb.Contest, Sealed | None]]:
    """The contests as they come, each with its sealed answer."""
    found: dict[str, tuple[pb.Contest, Sealed | None]] = {}
    for event in events:
        match event.message:
            case AccessContested() as made:
                late = moments.of(made.due_at) <= at
                one = pb.Contest(
                    access_id=made.access_id,
                    state=pb.CONTEST_STATE_OVERDUE if late else pb.CONTEST_STATE_OPEN,
                    reason=made.reason,
                    contested_at=moments.timestamp_of(event.recorded_at),
                    due_at=made.due_at,
                    mine=made.contested_by == person_id,
                )
                found[made.access_id] = one, None
            case ContestSettled() as settled:
                one, _ = found[settled.access_id]
                one.state, one.outcome, one.settled_by = pb.CONTEST_STATE_SETTLED, settled.outcome, settled.settled_by
                one.settled_at.CopyFrom(moments.timestamp_of(event.recorded_at))
                found[settled.access_id] = one, settled.answer
            case _:
                pass
    return list(found.values())


def _place(group_id: str) -> Place:
    return Place(ContestSettled.DESCRIPTOR.full_name, stream_of(group_id), "answer")
