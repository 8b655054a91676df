"""SQL reads of the view."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import Role
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.person import SealedProfile
from services.identity.views import CHANGES, PARTITIONS, PEOPLE, PROVISIONERS, ROLES


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person as the view has them, and an event that changed them."""

    person_id: str
    profile: SealedProfile
    active: bool
    roles: tuple[Role, ...]
    record: Sealed | None
    version: int
    partition: int
    position: int


async def changed_people(connection: AsyncConnection, seen: Mapping[int, int], limit: int) -> list[PersonRow]:
    """People changed after the position `seen` of a partition, in the order of partition and position.

    Whoever was changed in two partitions is there twice.
    """
    after = sa.or_(
        *(
            (CHANGES.c.partition == partition) & (CHANGES.c.position > seen.get(partition, 0))
            for partition in PARTITIONS
        )
    )
    query = (
        sa.select(PEOPLE, CHANGES.c.partition, CHANGES.c.position)
        .join(CHANGES, CHANGES.c.person_id == PEOPLE.c.person_id)
        .where(after)
        .order_by(CHANGES.c.partition, CHANGES.c.position)
        .limit(limit)
    )
    rows = (await connection.execute(query)).all()
    roles = await _roles_of(connection, [row.person_id for row in rows])
    return [
        PersonRow(
            person_id=row.person_id,
            profile=SealedProfile(Sealed.FromString(row.profile), row.profile_event),
            active=row.active,
            roles=tuple(sorted(roles[row.person_id])),
            record=Sealed.FromString(row.record) if row.record else None,
            version=row.version,
            partition=row.partition,
            position=row.position,
        )
        for row in rows
    ]


async def provisioners(connection: AsyncConnection, before: str, limit: int) -> Sequence[sa.Row[tuple[object, ...]]]:
    """Provisioning clients, the newest first; those before the identifier `before`, unless it is empty."""
    query = sa.select(PROVISIONERS).order_by(PROVISIONERS.c.provisioner_id.desc()).limit(limit)
    if before:
        query = query.where(PROVISIONERS.c.provisioner_id < before)
    return (await connection.execute(query)).all()


async def _roles_of(connection: AsyncConnection, person_ids: list[str]) -> Mapping[str, list[Role]]:
    roles: defaultdict[str, list[Role]] = defaultdict(list)
    if person_ids:
        for person_id, role in await connection.execute(sa.select(ROLES).where(ROLES.c.person_id.in_(person_ids))):
            roles[person_id].append(role)
    return roles
