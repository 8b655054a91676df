"""What the directory is made from: who has an account, their sealed profile, their roles.

Beside each person lies which event changed them last, for each partition: within a partition events are applied in
order, so whoever remembers a position per partition finds what is new, whichever process applied it.
"""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Sealed
from regard.identity.v1 import events_pb2
from regard.identity.v1.identity_pb2 import AdministrativeAct
from sqlalchemy.dialects.postgresql import insert

from services.common import contracts
from services.common.codec import Event
from services.common.kafka import partition_of
from services.common.projection import Projection

Kind = AdministrativeAct
_FIRST_DAY = date(1970, 1, 1).toordinal()
_FILE = contracts.event_file_of("identity")
PARTITIONS = range(_FILE.partitions)

METADATA = sa.MetaData()

PEOPLE = sa.Table(
    "people_v3",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("profile", sa.LargeBinary, nullable=False),
    sa.Column("profile_event", sa.String(100), nullable=False),
    sa.Column("record", sa.LargeBinary),
    # As person.Person counts it.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)
ROLES = sa.Table(
    "people_roles_v3",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("role", sa.Integer, primary_key=True, autoincrement=False),
)
# A row a partition: an account's events come in one, the administrators' in another, and either may be ahead.
CHANGES = sa.Table(
    "people_changes_v3",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("people_changes_v3_by_place", "partition", "position"),
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


ADMINISTRATION_METADATA = sa.MetaData()

# What was done to administer people, once a day: who was given an account or lost it is counted, and not named.
ADMINISTRATION = sa.Table(
    "administration_v1",
    ADMINISTRATION_METADATA,
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),  # since 1970, UTC
    sa.Column("kind", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("by", sa.String(50), primary_key=True),
    sa.Column("subject", sa.String(36), primary_key=True),  # a person or a provisioning client; "" for who is counted
    sa.Column("role", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("people", sa.BigInteger, nullable=False),
    sa.Column("place", sa.BigInteger, nullable=False),  # position of the first event
    sa.Index("administration_v1_newest", "day", "place"),
)


def reduce(event: Event) -> Sequence[sa.Executable]:
    """What an event changes in these tables."""
    match event.message:
        case events_pb2.PersonProvisioned() as provisioned:
            row = {"person_id": provisioned.person_id, "active": True, "version": 1}
            there = sa.insert(PEOPLE).values({**row, **_profile(event, provisioned.profile)})
            return there, _changed(event, provisioned.person_id)
        case events_pb2.ProfileCorrected() as corrected:
            return _change(event, corrected.person_id, **_profile(event, corrected.profile))
        case events_pb2.DirectoryRecordKept() as kept:
            return _change(event, kept.person_id, record=_bytes(kept.record))
        case events_pb2.PersonDeactivated() as deactivated:
            return _change(event, deactivated.person_id, active=False)
        case events_pb2.PersonReactivated() as reactivated:
            return _change(event, reactivated.person_id, active=True)
        case events_pb2.PersonErased() as erased:
            return _change(event, erased.person_id, profile=b"", record=None)
        case events_pb2.RoleGranted() as granted:
            row = {"person_id": granted.person_id, "role": int(granted.role)}
            return insert(ROLES).values(row).on_conflict_do_nothing(), _changed(event, granted.person_id)
        case events_pb2.RoleRevoked() as revoked:
            this = (ROLES.c.person_id == revoked.person_id) & (ROLES.c.role == int(revoked.role))
            return sa.delete(ROLES).where(this), _changed(event, revoked.person_id)
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


def reduce_administration(event: Event) -> Sequence[sa.Executable]:
    """What an event changes in the table of what was done to administer people."""
    match event.message:
        case events_pb2.RoleGranted() as granted:
            return (_done(event, Kind.KIND_ROLE_GRANTED, granted.granted_by, granted.person_id, granted.role),)
        case events_pb2.RoleRevoked() as revoked:
            return (_done(event, Kind.KIND_ROLE_REVOKED, revoked.revoked_by, revoked.person_id, revoked.role),)
        case events_pb2.PersonProvisioned() as provisioned:
            return (_done(event, Kind.KIND_PEOPLE_PROVISIONED, provisioned.provisioned_by),)
        case events_pb2.PersonDeactivated() as deactivated:
            return (_done(event, Kind.KIND_PEOPLE_DEACTIVATED, deactivated.deactivated_by),)
        case events_pb2.PersonReactivated() as reactivated:
            return (_done(event, Kind.KIND_PEOPLE_REACTIVATED, reactivated.reactivated_by),)
        case events_pb2.PersonErased() as erased:
            return (_done(event, Kind.KIND_PEOPLE_ERASED, erased.erased_by),)
        case events_pb2.ProvisionerAdded() as added:
            return (_done(event, Kind.KIND_PROVISIONER_ADDED, added.added_by, added.provisioner_id),)
        case events_pb2.ProvisionerRevoked() as ended:
            return (_done(event, Kind.KIND_PROVISIONER_REVOKED, ended.revoked_by, ended.provisioner_id),)
        case _:
            return ()


def _done(event: Event, kind: AdministrativeAct.Kind, by: str, subject: str = "", role: int = 0) -> sa.Executable:
    day = event.recorded_at.toordinal() - _FIRST_DAY
    row = insert(ADMINISTRATION).values(
        day=day, kind=int(kind), by=by, subject=subject, role=int(role), people=1, place=event.position
    )
    # Partitions come in any order, so the first that is applied need not be the first that happened.
    earlier = sa.case((row.excluded.place < ADMINISTRATION.c.place, row.excluded.place), else_=ADMINISTRATION.c.place)
    return row.on_conflict_do_update(
        index_elements=["day", "kind", "by", "subject", "role"],
        set_={"people": ADMINISTRATION.c.people + 1, "place": earlier},
    )


def people() -> Projection:
    """The view, once per process."""
    return Projection("people_v3", "identity", (_FILE.topic,), METADATA, reduce)


def provisioners() -> Projection:
    """The view of provisioning clients, once per process."""
    return Projection("provisioners_v1", "identity", (_FILE.topic,), PROVISIONERS_METADATA, reduce_provisioners)


def administration() -> Projection:
    """The view of what was done to administer people, once per process."""
    topics = (_FILE.topic,)
    return Projection("administration_v1", "identity", topics, ADMINISTRATION_METADATA, reduce_administration)


def _of_provisioner(provisioner_id: str) -> sa.Update:
    return sa.update(PROVISIONERS).where(PROVISIONERS.c.provisioner_id == provisioner_id)


def _change(event: Event, person_id: str, **changes: object) -> Sequence[sa.Executable]:
    this = sa.update(PEOPLE).where(PEOPLE.c.person_id == person_id)
    return this.values({"version": PEOPLE.c.version + 1, **changes}), _changed(event, person_id)


def _changed(event: Event, person_id: str) -> sa.Executable:
    partition = partition_of(event.stream, len(PARTITIONS))
    row = insert(CHANGES).values(person_id=person_id, partition=partition, position=event.position)
    return row.on_conflict_do_update(
        index_elements=["person_id", "partition"], set_={"position": row.excluded.position}
    )


def _profile(event: Event, sealed: Sealed) -> dict[str, object]:
    return {"profile": _bytes(sealed), "profile_event": event.type}


def _bytes(sealed: Sealed) -> bytes:
    return sealed.SerializeToString(deterministic=True)
