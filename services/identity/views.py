"""What the directory is made from: who has an account, their sealed profile, their roles.

Each row of a person says which event changed it last, by partition and position: within a partition events are applied
in order, so whoever remembers a position per partition finds what is new, whichever process applied it.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Sealed
from regard.identity.v1 import events_pb2
from sqlalchemy.dialects.postgresql import insert

from services.common import contracts
from services.common.codec import Event
from services.common.kafka import partition_of
from services.common.projection import Projection

_FILE = contracts.event_file_of("identity")
PARTITIONS = range(_FILE.partitions)

METADATA = sa.MetaData()

PEOPLE = sa.Table(
    "people_v1",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("profile", sa.LargeBinary, nullable=False),
    sa.Column("profile_event", sa.String(100), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("people_v1_changes", "partition", "position"),
)
ROLES = sa.Table(
    "people_roles_v1",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("role", sa.Integer, primary_key=True, autoincrement=False),
)


def reduce(event: Event) -> Sequence[sa.Executable]:
    """What an event changes in these tables."""
    match event.message:
        case events_pb2.PersonProvisioned() as provisioned:
            row = {"person_id": provisioned.person_id, "active": True}
            return (sa.insert(PEOPLE).values({**row, **_profile(event, provisioned.profile), **_place(event)}),)
        case events_pb2.ProfileCorrected() as corrected:
            return (_update(event, corrected.person_id, **_profile(event, corrected.profile)),)
        case events_pb2.PersonDeactivated() as deactivated:
            return (_update(event, deactivated.person_id, active=False),)
        case events_pb2.PersonReactivated() as reactivated:
            return (_update(event, reactivated.person_id, active=True),)
        case events_pb2.RoleGranted() as granted:
            row = {"person_id": granted.person_id, "role": int(granted.role)}
            return insert(ROLES).values(row).on_conflict_do_nothing(), _update(event, granted.person_id)
        case events_pb2.RoleRevoked() as revoked:
            this = (ROLES.c.person_id == revoked.person_id) & (ROLES.c.role == int(revoked.role))
            return sa.delete(ROLES).where(this), _update(event, revoked.person_id)
        case _:
            return ()


def people() -> Projection:
    """The view, once per process."""
    return Projection("people_v1", "identity", (_FILE.topic,), METADATA, reduce)


def _update(event: Event, person_id: str, **changes: object) -> sa.Update:
    return sa.update(PEOPLE).where(PEOPLE.c.person_id == person_id).values({**changes, **_place(event)})


def _profile(event: Event, sealed: Sealed) -> dict[str, object]:
    return {"profile": sealed.SerializeToString(deterministic=True), "profile_event": event.type}


def _place(event: Event) -> dict[str, object]:
    return {"partition": partition_of(event.stream, len(PARTITIONS)), "position": event.position}
