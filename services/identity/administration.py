"""What was done to administer people, as everybody may see it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from regard.identity.v1.identity_pb2 import AdministrativeAct

from services.common.database import Database
from services.identity import queries
from services.identity.provisioner import ACTOR_PREFIX

_DAY_S = 86_400
_Kind = AdministrativeAct.Kind
_WITH_ROLES = (_Kind.KIND_ROLE_GRANTED, _Kind.KIND_ROLE_REVOKED)

Place = tuple[int, int]
"""Of an act in the list: its day, and the position of its first event."""


class Administration:
    """Lists it from the view."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acts(self, before: Place | None, size: int) -> tuple[Sequence[AdministrativeAct], Place | None]:
        """Acts before that place, newest day first, and the place of the last if there are more."""
        async with self._database.read() as connection:
            rows = await queries.administration(connection, before, size + 1)
        shown = rows[:size]
        last = (shown[-1].day, shown[-1].place) if len(rows) > size else None
        return [_act(row) for row in shown], last


def _act(row: sa.Row[tuple[object, ...]]) -> AdministrativeAct:
    return AdministrativeAct(
        day=Timestamp(seconds=row.day * _DAY_S),
        kind=row.kind,
        by_id="" if row.by.startswith(ACTOR_PREFIX) else row.by,
        by_provisioner=row.doer,
        person_id=row.subject if row.kind in _WITH_ROLES else "",
        role=row.role,
        provisioner=row.provisioner,
        people=0 if row.subject else row.people,
    )
