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
    "people_v2",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("profile", sa.LargeBinary, nullable=False),
    sa.Column("profile_event", sa.String(100), nullable=False),
    sa.Column("record", sa.LargeBinary),
    # As person.Person counts it.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("people_v2_changes", "partition", "position"),
)
ROLES = sa.Table(
    "people_roles_v2",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("role", sa.Integer, primary_key=True, autoincrement=False),
)


PROVISIONERS_METADATA = sa.MetaData()

# Times in seconds since 1970.
PROVISIONERS = sa.Table(
    "provisioners_v1",
    PROVISIONERS_METADATA,
    sa.Column("provisioner_id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("added_by", sa.String(36), nullable=False),
    sa.Column("added_at_s", sa.BigInteger, nullable=False),
    sa.Column("used_at_s", sa.BigInteger),
    sa.Column("revoked", sa.Boolean, nullable=False, server_default=sa.false()),
)


def reduce(event: Event) -> Sequence[sa.Executable]:
    """What an event changes in these tables."""
    match event.message:
        case events_pb2.PersonProvisioned() as provisioned:
            row = {"person_id": provisioned.person_id, "active": True, "version": 1}
            return (sa.insert(PEOPLE).values({**row, **_profile(event, provisioned.profile), **_place(event)}),)
        case events_pb2.ProfileCorrected() as corrected:
            return (_change(event, corrected.person_id, **_profile(event, corrected.profile)),)
        case events_pb2.DirectoryRecordKept() as kept:
            return (_change(event, kept.person_id, record=_bytes(kept.record)),)
        case events_pb2.PersonDeactivated() as deactivated:
            return (_change(event, deactivated.person_id, active=False),)
        case events_pb2.PersonReactivated() as reactivated:
            return (_change(event, reactivated.person_id, active=True),)
        case events_pb2.RoleGranted() as granted:
            row = {"person_id": granted.person_id, "role": int(granted.role)}
            return insert(ROLES).values(row).on_conflict_do_nothing(), _update(event, granted.person_id)
        case events_pb2.RoleRevoked() as revoked:
            this = (ROLES.c.person_id == revoked.person_id) & (ROLES.c.role == int(revoked.role))
            return sa.delete(ROLES).where(this), _update(event, revoked.person_id)
        case _:
            return ()


def reduce_provisioners(event: Event) -> Sequence[sa.Executable]:
    """What an event changes in the table of provisioning clients."""
    match event.message:
        case events_pb2.ProvisionerAdded() as added:
            row = {"provisioner_id": added.provisioner_id, "name": added.name, "added_by": added.added_by}
            return (sa.insert(PROVISIONERS).values(row | {"added_at_s": int(event.recorded_at.timestamp())}),)
        case events_pb2.ProvisionerUsed() as used:
            return (_of_provisioner(used.provisioner_id).values(used_at_s=used.used_at.seconds),)
        case events_pb2.ProvisionerRevoked() as revoked:
            return (_of_provisioner(revoked.provisioner_id).values(revoked=True),)
        case _:
            return ()


def people() -> Projection:
    """The view, once per process."""
    return Projection("people_v2", "identity", (_FILE.topic,), METADATA, reduce)


def provisioners() -> Projection:
    """The view of provisioning clients, once per process."""
    return Projection("provisioners_v1", "identity", (_FILE.topic,), PROVISIONERS_METADATA, reduce_provisioners)


def _of_provisioner(provisioner_id: str) -> sa.Update:
    return sa.update(PROVISIONERS).where(PROVISIONERS.c.provisioner_id == provisioner_id)


def _change(event: Event, person_id: str, **changes: object) -> sa.Update:
    return _update(event, person_id, version=PEOPLE.c.version + 1, **changes)


def _update(event: Event, person_id: str, **changes: object) -> sa.Update:
    return sa.update(PEOPLE).where(PEOPLE.c.person_id == person_id).values({**changes, **_place(event)})


def _profile(event: Event, sealed: Sealed) -> dict[str, object]:
    return {"profile": _bytes(sealed), "profile_event": event.type}


def _bytes(sealed: Sealed) -> bytes:
    return sealed.SerializeToString(deterministic=True)


def _place(event: Event) -> dict[str, object]:
    return {"partition": partition_of(event.stream, len(PARTITIONS)), "position": event.position}
