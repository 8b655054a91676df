"""SQL reads of the view."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import Role
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.person import SealedProfile
from services.identity.provisioner import ACTOR_PREFIX
from services.identity.views import ADMINISTRATION, CHANGES, PARTITIONS, PEOPLE, PROVISIONERS, ROLES


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


async def erased_people(connection: AsyncConnection) -> Sequence[str]:
    """Who was erased."""
    erased = sa.select(PEOPLE.c.person_id).where(PEOPLE.c.profile == b"")
    return (await connection.execute(erased)).scalars().all()


async def provisioners(connection: AsyncConnection, before: str, limit: int) -> Sequence[sa.Row[tuple[object, ...]]]:
    """Provisioning clients, the newest first; those before the identifier `before`, unless it is empty."""
    query = sa.select(PROVISIONERS).order_by(PROVISIONERS.c.provisioner_id.desc()).limit(limit)
    if before:
        query = query.where(PROVISIONERS.c.provisioner_id < before)
    return (await connection.execute(query)).all()


async def administration(
    connection: AsyncConnection, before: tuple[int, int] | None, limit: int
) -> Sequence[sa.Row[tuple[object, ...]]]:
    """What was done to administer people, newest day first, with the names of provisioning clients.

    `before`: day and place of the last that was given.
    """
    done = ADMINISTRATION.c
    doer, subject = PROVISIONERS.alias(), PROVISIONERS.alias()
    query = (
        sa.select(ADMINISTRATION, doer.c.name.label("doer"), subject.c.name.label("provisioner"))
        .outerjoin(doer, done.by == ACTOR_PREFIX + doer.c.provisioner_id)
        .outerjoin(subject, done.subject == subject.c.provisioner_id)
        .order_by(done.day.desc(), done.place.desc())
        .limit(limit)
    )
    if before:
        query = query.where(sa.tuple_(done.day, done.place) < sa.tuple_(*before))
    return (await connection.execute(query)).all()


async def _roles_of(connection: AsyncConnection, person_ids: list[str]) -> Mapping[str, list[Role]]:
    roles: defaultdict[str, list[Role]] = defaultdict(list)
    if person_ids:
        for person_id, role in await connection.execute(sa.select(ROLES).where(ROLES.c.person_id.in_(person_ids))):
            roles[person_id].append(role)
    return roles
