"""What auditors ask: with a role, for a purpose, and recorded in each group that it concerns before it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from regard.audit.v1.events_pb2 import ACTION_UNSPECIFIED, READER_KIND_UNSPECIFIED, ReaderKind
from regard.audit.v1.events_pb2 import Action as Done
from regard.common.v1.common_pb2 import PURPOSE_UNSPECIFIED, Purpose

from services.access import Action, Guard, Sight
from services.audit import queries
from services.audit.ledger import Part, Period, ledger_of
from services.audit.queries import Day, Page, Wanted
from services.audit.refusals import GROUPS_OR_READER, TOO_MANY_GROUPS
from services.audit.shown import by_name
from services.common.database import Database
from services.common.rpc import Caller

MOST_GROUPS = 200
"""That one question about a person may concern: each of them is told."""


@dataclass(frozen=True, slots=True)
class Why:
    """For which purpose an auditor asks, and its reference, such as an audit's number."""

    purpose: Purpose
    reference: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which accesses. No groups: all that `reader_id` accessed in the period; what is unspecified excludes nothing."""

    group_ids: Collection[str]
    why: Why
    period: Period
    reader_id: str = ""
    reader_kind: ReaderKind = READER_KIND_UNSPECIFIED
    action: Done = ACTION_UNSPECIFIED
    accessed_for: Purpose = PURPOSE_UNSPECIFIED


class Auditors:
    """The ledger as auditors may question it: every reader by id, never any content."""

    def __init__(self, guard: Guard, database: Database) -> None:
        self._guard = guard
        self._database = database

    async def search(self, caller: Caller, asked: Asked, part: Part) -> Page:
        """The accesses, newest first. Raises Refused: AUD-30, AUD-31; ACC-01 for a group that may not be searched."""
        sights = await self.entered(caller, asked)
        async with self._database.read() as connection:
            return await queries.lines(connection, wanted(asked, sights), part.after, part.size)

    async def statistics(self, caller: Caller, asked: Asked) -> Collection[Day]:
        """How many there are, by day, newest first. Raises Refused like `search`."""
        sights = await self.entered(caller, asked)
        async with self._database.read() as connection:
            return await queries.days(connection, wanted(asked, sights))

    async def entered(self, caller: Caller, asked: Asked, action: Action = Action.SEARCH_LEDGER) -> Collection[Sight]:
        """Sights of the groups, once each has the record that it was asked about. Raises Refused like `search`."""
        sights = await self._sights(caller, asked, action)
        why = asked.why
        await asyncio.gather(*(self._guard.enter(one, (ledger_of(one),), why.purpose, why.reference) for one in sights))
        return sights

    async def _sights(self, caller: Caller, asked: Asked, action: Action) -> Collection[Sight]:
        if asked.group_ids:
            return await asyncio.gather(*(self._guard.sight(caller, one, action) for one in asked.group_ids))
        if not asked.reader_id:
            raise GROUPS_OR_READER()
        async with self._database.read() as connection:
            of_reader = Wanted({}, reader_id=asked.reader_id, from_us=asked.period.from_us, to_us=asked.period.to_us)
            group_ids = await queries.groups_of(connection, of_reader, MOST_GROUPS + 1)
        if len(group_ids) > MOST_GROUPS:
            raise TOO_MANY_GROUPS(most=str(MOST_GROUPS))
        # Where auditors may not search, as in direct conversations, they learn nothing of there being one.
        return (await self._guard.sights(caller, group_ids, action)).values()


def wanted(asked: Asked, sights: Collection[Sight]) -> Wanted:
    """What was asked, in the groups of these sights."""
    return Wanted(
        {sight.group_id: by_name() for sight in sights},
        reader_id=asked.reader_id,
        reader_kind=asked.reader_kind,
        action=asked.action,
        purpose=asked.accessed_for,
        from_us=asked.period.from_us,
        to_us=asked.period.to_us,
    )
