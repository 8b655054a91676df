"""What groups do without being asked: end what is over, and let go of those who left the company.

It is found in the view, not in single events, so that nothing is forgotten whatever was interrupted, and whoever was
let in at the very moment at which they left is found as well. The group's own stream decides whether it is still due.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Collection, Iterator

from services.common.clock import Clock
from services.common.database import Database
from services.common.decider import CommandContext
from services.common.errors import Kind, Refused
from services.common.live import Behind
from services.common.projection import Projection
from services.common.telemetry import logger
from services.groups import queries
from services.groups.break_glass import BreakGlass
from services.groups.group import Command, commands
from services.groups.keys import ContentKeys
from services.groups.people import People
from services.groups.queries import Due
from services.groups.registry import Registry
from services.groups.views import microseconds

ACTOR = "service:groups"
LONGEST_PAUSE_S = 30.0
"""How late something can be of which the news went to another process."""
_RETRY_S = 1.0
_ERASED_AT_ONCE = 200

_log = logger(__name__)


class Upkeep:
    """Guests, votes and break-glass whose end has come, what is told later, people who left.

    And keys: of groups that were deleted, and of people who were erased.
    """

    def __init__(
        self,
        projection: Projection,
        database: Database,
        registry: Registry,
        keys: ContentKeys,
        people: People,
        break_glass: BreakGlass,
        clock: Clock,
    ) -> None:
        self._projection = projection
        self._database = database
        self._registry = registry
        self._keys = keys
        self._people = people
        self._break_glass = break_glass
        self._clock = clock
        self._erased = set[str]()
        """Those of whom this process has seen that all is erased."""

    async def run(self) -> None:
        """Does what is due as soon as it is, for ever."""
        while True:
            with contextlib.suppress(Behind):
                async with self._projection.committed.subscribe() as committed:
                    while True:
                        pause_s = await self._turn()
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(pause_s):
                                await anext(committed)

    async def _turn(self) -> float:
        """Does what is due now; gives after how many seconds to look again if nothing happens."""
        try:
            now = self._clock()
            async with self._database.read() as connection:
                due = await queries.due(connection, microseconds(now))
        except Refused as refused:
            _log.warning("what is due cannot be seen", error_id=refused.refusal.id)
            return _RETRY_S
        done = [await self._tried(group_id, step) for group_id, step in self._steps(due)]
        if not all(done):
            return _RETRY_S
        if due.next_at_us is None:
            return LONGEST_PAUSE_S
        return min(LONGEST_PAUSE_S, max(0.0, (due.next_at_us - microseconds(self._clock())) / 1e6))

    def _steps(self, due: Due) -> Iterator[tuple[str, Awaitable[None]]]:
        for group_id in due.doomed:
            yield group_id, self._destroy_keys(group_id)
        if erased := [person_id for person_id in due.erased if person_id not in self._erased]:
            yield "", self._erase(erased[:_ERASED_AT_ONCE])
        for group_id, person_id in due.departed:
            yield group_id, self._let_go(group_id, person_id)
        for group_id, person_id in due.guests:
            yield group_id, self._execute(group_id, commands.Expire(person_id, self._clock()))
        for group_id in due.votes:
            yield group_id, self._execute(group_id, commands.CloseVote(self._clock()))
        for break_glass_id in due.break_glass:
            yield break_glass_id, self._settle(break_glass_id)
        for break_glass_id in due.disclosures:
            yield break_glass_id, self._break_glass.disclose(break_glass_id, _context())

    async def _destroy_keys(self, group_id: str) -> None:
        await self._keys.destroy(group_id)
        await self._execute(group_id, commands.ConfirmKeysDestroyed())

    async def _erase(self, person_ids: Collection[str]) -> None:
        wrote_in = set(await self._keys.erase(person_ids))
        async with self._database.read() as connection:
            untold = wrote_in - await queries.erased_in(connection, person_ids)
        for group_id, person_id in sorted(untold):
            await self._execute(group_id, commands.ConfirmKeysDestroyed(person_id))
        self._erased.update(person_ids)

    async def _let_go(self, group_id: str, person_id: str) -> None:
        # The view may be in the middle of a past in which they had left and not yet come back.
        if not await self._people.is_active(person_id):
            await self._execute(group_id, commands.Depart(person_id, ACTOR))

    async def _settle(self, break_glass_id: str) -> None:
        # It is settled also where the group's rules have something against it.
        try:
            await self._break_glass.settle(break_glass_id, _context())
        except Refused as refused:
            if refused.refusal.kind in (Kind.UNAVAILABLE, Kind.ABORTED):
                raise

    async def _execute(self, group_id: str, command: Command) -> None:
        await self._registry.execute(group_id, command, _context())

    async def _tried(self, group_id: str, step: Awaitable[None]) -> bool:
        """Whether it was done; if not, the others are done all the same."""
        try:
            await step
        except Refused as refused:
            _log.warning("upkeep of a group was put off", group_id=group_id, error_id=refused.refusal.id)
        except Exception as error:  # of one group, which must not keep the others waiting
            _log.error("upkeep of a group failed", group_id=group_id, exc_info=error)
        else:
            return True
        return False


def _context() -> CommandContext:
    command_id = uuid.uuid4()
    return CommandContext(command_id, ACTOR, str(command_id))
