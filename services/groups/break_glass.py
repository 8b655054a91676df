"""Break-glass from a request to its end: two streams, in an order in which nobody reads without a standing approval.

Opening: approved on its own stream, then opened on the group's. Ending: closed on the group's, then ended on its own.
What an interruption leaves between the two, upkeep settles. One of which members are told later never comes to the
group's stream: on the date, its own says so.
"""

import uuid
from dataclasses import replace
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from regard.common.v1.common_pb2 import PageInfo, PageRequest, Purpose
from regard.groups.v1.break_glass_pb2 import BreakGlassCase, ListBreakGlassResponse
from regard.groups.v1.events_pb2 import BreakGlassOpened, BreakGlassRequested
from regard.groups.v1.rules_pb2 import BreakGlassScope

from services.common import paging, rpc
from services.common.clock import Clock
from services.common.codec import Codec
from services.common.database import Database
from services.common.decider import CommandContext, execute
from services.common.errors import Kind, Refused
from services.common.eventstore import Streams
from services.common.ids import derived_id
from services.common.rpc import Caller
from services.common.rpc.refusals import ROLE_NEEDED
from services.groups import queries, two_keys
from services.groups.catalogue import Catalogue
from services.groups.group import commands
from services.groups.group.glass import demand_breakable
from services.groups.registry import Registry
from services.groups.two_keys import Case
from services.groups.views import TOPIC, microseconds

_REQUESTED = "5b1f3c86-8d0b-4f5e-9b1c-2f6a7e0d9c34"


class BreakGlass:
    """Carries out commands. Raises Refused: GRP-23 to GRP-30."""

    def __init__(self, store: Streams, codec: Codec, registry: Registry, clock: Clock) -> None:
        self._store = store
        self._codec = codec
        self._registry = registry
        self._clock = clock

    async def request(
        self,
        group_id: str,
        reason: Purpose,
        reference: str,
        scope: BreakGlassScope,
        ends_at: Timestamp,
        disclose_at: Timestamp | None,
        delay_reason: str,
    ) -> str:
        """Asks for it; its id. Raises Refused: GRP-23, -27, -28, -29."""
        caller, context = rpc.caller(), rpc.command_context()
        asked = BreakGlassRequested(
            break_glass_id=derived_id(_REQUESTED, str(context.command_id)),
            group_id=group_id,
            requested_by=caller.person_id,
            role=two_keys.key_among(caller.roles),
            reason=reason,
            reference=reference,
            scope=scope,
            ends_at=ends_at,
            disclose_at=disclose_at,
            delay_reason=delay_reason,
        )
        await self._demand_breakable(asked)
        await self._execute(asked.break_glass_id, two_keys.Request(asked, self._clock()), context)
        return asked.break_glass_id

    async def approve(self, break_glass_id: str, disclose_at: datetime | None) -> None:
        """Approves it, and opens the group. Raises Refused: GRP-24 to -28, -30."""
        caller, context = rpc.caller(), rpc.command_context()
        case = await self.load(break_glass_id)
        if case.asked.break_glass_id and not case.approved:
            await self._demand_breakable(case.asked)
        command = two_keys.Approve(caller.person_id, caller.roles, self._clock(), disclose_at)
        await self._execute(break_glass_id, command, context)
        await self.settle(break_glass_id, context)

    async def refuse(self, break_glass_id: str) -> None:
        """Refuses it. Raises Refused: GRP-24, GRP-25."""
        await self._execute(break_glass_id, two_keys.Refuse(rpc.caller().person_id), rpc.command_context())

    async def end(self, break_glass_id: str) -> None:
        """Closes the group, and ends it. Raises Refused: GRP-24, GRP-25."""
        case, context = await self.load(break_glass_id), rpc.command_context()
        if case.approved:
            await self._close(case, context)
        await self._execute(break_glass_id, two_keys.End(context.actor), context)

    async def disclose(self, break_glass_id: str, context: CommandContext) -> None:
        """Tells members of it, once its date has come. Raises Refused: GRP-24, GRP-25."""
        await self._execute(break_glass_id, two_keys.Disclose(self._clock()), context)

    async def settle(self, break_glass_id: str, context: CommandContext) -> None:
        """Brings the group in line with what was decided: open while it is approved and may be, else closed and ended.

        Raises Refused, once that is done, with what the group's rules have against it: GRP-25, -27, -28.
        """
        case, at = await self.load(break_glass_id), self._clock()
        if not case.approved:
            return
        why: Refused | None = None
        if at < case.ends_at:
            try:
                if await self._open(case, context, at):
                    return
            except Refused as refused:
                if refused.refusal.kind in (Kind.UNAVAILABLE, Kind.ABORTED):
                    raise
                why = refused
        await self._close(case, context)
        await self._execute(break_glass_id, two_keys.End(context.actor), _following(context, "end"))
        if why:
            raise why

    async def load(self, break_glass_id: str) -> Case:
        """What was asked and decided; an empty case for an id that is none."""
        history = await self._store.load(two_keys.stream_of(break_glass_id))
        return two_keys.DECIDER.fold(event.message for event in self._codec.decode_all(history.events))

    async def _open(self, case: Case, context: CommandContext, at: datetime) -> bool:
        """Whether it is open afterwards: what was closed meanwhile stays so."""
        asked = case.asked
        if case.disclose_at:
            await self._demand_breakable(asked)
            return True
        opened = BreakGlassOpened(
            group_id=asked.group_id,
            break_glass_id=asked.break_glass_id,
            reader_id=asked.requested_by,
            reader_role=asked.role,
            approved_by=case.approved_by,
            approver_role=case.approver_role,
            reason=asked.reason,
            reference=asked.reference,
            scope=asked.scope,
            ends_at=asked.ends_at,
        )
        command = commands.OpenGlass(opened, at)
        outcome = await self._registry.execute(asked.group_id, command, _following(context, "open"))
        openings = outcome.state.policy.opened.values()
        return any(one.break_glass_id == asked.break_glass_id for one in openings)

    async def _close(self, case: Case, context: CommandContext) -> None:
        if case.disclose_at:
            return
        command = commands.CloseGlass(case.asked.break_glass_id, context.actor)
        await self._registry.execute(case.asked.group_id, command, _following(context, "close"))

    async def _demand_breakable(self, asked: BreakGlassRequested) -> None:
        policy = (await self._registry.load(asked.group_id)).policy
        demand_breakable(policy, asked.requested_by, asked.role, self._clock())

    async def _execute(self, break_glass_id: str, command: two_keys.Command, context: CommandContext) -> None:
        stream = two_keys.stream_of(break_glass_id)
        outcome = await execute(self._store, self._codec, two_keys.DECIDER, stream, command, context)
        if outcome.position:
            rpc.answer_token(TOPIC, stream, outcome.position)


class BreakGlassList:
    """What there is, for those who may know."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock) -> None:
        self._database = database
        self._catalogue = catalogue
        self._clock = clock

    async def of(self, caller: Caller, group_id: str, page: PageRequest) -> ListBreakGlassResponse:
        """Of a group, or of all where that is empty, newest first. Raises Refused: ACC-.., RPC-07."""
        holds_a_key = bool(two_keys.key_among(caller.roles))
        if not holds_a_key and not group_id:
            raise ROLE_NEEDED(roles=", ".join(sorted(rpc.role_name(role) for role in two_keys.KEYS)))
        if not holds_a_key:
            await self._catalogue.inside(caller, group_id)
        after, size = paging.decode(page.token, like=(0, "")), paging.size_of(page)
        async with self._database.read() as connection:
            found = await queries.break_glass(
                connection,
                group_id,
                opened_only=not holds_a_key,
                after=after,
                limit=size + 1,
                now_us=microseconds(self._clock()),
            )
        shown = found[:size]
        token = paging.encode(_key(shown[-1])) if len(found) > size else ""
        return ListBreakGlassResponse(cases=shown, page=PageInfo(next_token=token))


def _key(case: BreakGlassCase) -> tuple[int, str]:
    return case.requested_at.ToMicroseconds(), case.break_glass_id


def _following(context: CommandContext, step: str) -> CommandContext:
    """The context of what follows from a command, the same when it is repeated."""
    return replace(context, command_id=uuid.uuid5(context.command_id, step))
