"""Opening the log for an auditor: each group sees it before any of its records is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection

from regard.audit.v1.audit_pb2 import OpenLogResponse

from services.access import Action, Guard, Sight
from services.audit.auditors import Why
from services.audit.disclosures import Disclosures
from services.audit.ledger import ledger_of
from services.audit.log.transparency import TransparencyLog
from services.audit.refusals import LOG_NOT_SO_LARGE
from services.common.errors import Kind, Refused
from services.common.rpc import Caller

ENTRIES_PER_FRAME = 256

Frame = OpenLogResponse


class LogOpening:
    """Gives what opens entries, as the groups' rules let an auditor look; the others are withheld.

    What members are told of later has no opening before: a seal says until when.
    """

    def __init__(self, guard: Guard, log: TransparencyLog, disclosures: Disclosures) -> None:
        self._guard = guard
        self._log = log
        self._disclosures = disclosures

    async def frames(self, caller: Caller, why: Why, first: int, size: int) -> AsyncGenerator[Frame, None]:
        """The signed checkpoint, then openings from `first` to before `size`; 0: all that is published.

        Raises Refused: AUD-51, AUD-52, ACC-07, ACC-09, ACC-10, and as soon as the caller’s session has ended.
        """
        published = await (await self._log.receipts()).published()
        newest = published.checkpoint.size if published else 0
        if published is None or max(first, size) > newest:
            raise LOG_NOT_SO_LARGE(size=str(newest))
        yield Frame(checkpoint=published.signed)
        size = size or newest
        openings, told = await self._log.openings(), set[str]()
        sealed = await openings.sealed(size)
        for start in range(first, size, ENTRIES_PER_FRAME):
            cases = await self._disclosures.all()
            groups = {id: case.group_id if case.disclosed_at else "" for id, case in cases.items()}
            some = await openings.of(start, min(size, start + ENTRIES_PER_FRAME), size)
            found = {group_id for one in some if (group_id := groups.get(one.group_id, one.group_id))}
            seen = await self._entered(caller, why, found, told)
            frame = Frame()
            for one in some:
                group_id = groups.get(one.group_id, one.group_id)
                if one.group_id and not group_id and one.index <= sealed.get(one.group_id, -1):
                    continue
                opens = not one.group_id or group_id in seen
                frame.openings.add(index=one.index, **({"salt": one.salt, "record": one.record} if opens else {}))
            yield frame

    async def _entered(self, caller: Caller, why: Why, group_ids: Collection[str], told: set[str]) -> Collection[str]:
        """Those of the groups where the caller may look, once each has the record of it; `told`: those that have."""
        found = await asyncio.gather(*(self._sight(caller, group_id) for group_id in sorted(group_ids)))
        sights = [sight for sight in found if sight]
        fresh = (sight for sight in sights if sight.group_id not in told)
        await asyncio.gather(
            *(self._guard.enter(sight, (ledger_of(sight),), why.purpose, why.reference) for sight in fresh)
        )
        seen = {sight.group_id for sight in sights}
        told |= seen
        return seen

    async def _sight(self, caller: Caller, group_id: str) -> Sight | None:
        try:
            return await self._guard.sight(caller, group_id, Action.SEARCH_LEDGER)
        except Refused as refused:
            if refused.refusal.kind in (Kind.PERMISSION_DENIED, Kind.NOT_FOUND):
                return None
            raise
