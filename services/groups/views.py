"""What queries read: groups, who belongs, what waits for an answer, and who is active.

All rows of a group follow its one stream, so they need no care for order; people follow identity's, and meet groups
in queries only. Names stay sealed. Times are microseconds since 1970, UTC.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.groups.v1 import events_pb2 as groups
from regard.groups.v1.break_glass_pb2 import BreakGlassCase
from regard.groups.v1.rules_pb2 import GROUP_KIND_WORKING, MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR, GroupKind, Rules
from regard.identity.v1 import events_pb2 as identity
from sqlalchemy.dialects.postgresql import insert

from services.access import Action, Allowed, GroupPolicy, verdict
from services.common import contracts
from services.common.codec import Event
from services.common.projection import Projection

TOPIC = contracts.event_file_of("groups").topic
METADATA = sa.MetaData()

GROUPS = sa.Table(
    "groups_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("name", sa.LargeBinary, nullable=False),  # Sealed, serialised
    sa.Column("purpose", sa.LargeBinary, nullable=False),
    sa.Column("labels_event", sa.String(100), nullable=False),  # full name of the event that both were sealed for
    sa.Column("rules", sa.LargeBinary, nullable=False),
    sa.Column("rules_version", sa.Integer, nullable=False),
    sa.Column("findable", sa.Boolean, nullable=False, index=True),  # by every colleague
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("member_count", sa.Integer, nullable=False),
    sa.Column("created_at_us", sa.BigInteger, nullable=False),
)
MEMBERS = sa.Table(
    "group_members_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("role", sa.Integer, nullable=False),
    sa.Column("until_us", sa.BigInteger, index=True),
    sa.Index("group_members_v1_by_person", "person_id"),
)
INVITATIONS = sa.Table(
    "group_invitations_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("invited_by", sa.String(36), nullable=False),
    sa.Column("invited_at_us", sa.BigInteger, nullable=False),
    sa.Index("group_invitations_v1_by_person", "person_id"),
)
REQUESTS = sa.Table(
    "group_requests_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("requested_at_us", sa.BigInteger, nullable=False),
)
# Rules that were proposed and are neither adopted nor rejected.
PROPOSALS = sa.Table(
    "group_proposals_v1",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rules", sa.LargeBinary, nullable=False),
    sa.Column("findable", sa.Boolean, nullable=False),
    sa.Column("closes_at_us", sa.BigInteger, index=True),
)
# Of a break-glass, what its own stream says; and, as it comes in no fixed order to that, what its group's stream says.
BREAK_GLASS = sa.Table(
    "break_glass_v1",
    METADATA,
    sa.Column("break_glass_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), nullable=False, index=True),
    sa.Column("state", sa.Integer, nullable=False),
    sa.Column("asked", sa.LargeBinary, nullable=False),  # BreakGlassRequested
    sa.Column("approved", sa.LargeBinary),  # BreakGlassApproved
    sa.Column("requested_at_us", sa.BigInteger, nullable=False),
    sa.Column("ends_at_us", sa.BigInteger, nullable=False, index=True),
    sa.Column("ended_at_us", sa.BigInteger),
    sa.Column("ended_by", sa.String(100), nullable=False),
)
OPENINGS = sa.Table(
    "break_glass_openings_v1",
    METADATA,
    sa.Column("break_glass_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), nullable=False, index=True),
    sa.Column("opened_at_us", sa.BigInteger),
    sa.Column("closed_at_us", sa.BigInteger),
    sa.Column("closed_by", sa.String(100), nullable=False),
)
# Break-glass of which members are told later. A `disclosed_at_us` is set when they were.
SEALED = sa.Table(
    "break_glass_sealed_v1",
    METADATA,
    sa.Column("break_glass_id", sa.String(36), primary_key=True),
    sa.Column("disclose_at_us", sa.BigInteger, nullable=False, index=True),
    sa.Column("approved_at_us", sa.BigInteger),
    sa.Column("disclosed_at_us", sa.BigInteger),
)
# Deleted, and not yet said to be without keys.
DOOMED = sa.Table("groups_doomed_v1", METADATA, sa.Column("group_id", sa.String(36), primary_key=True))
PEOPLE = sa.Table(
    "group_people_v1",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("active", sa.Boolean, nullable=False, index=True),
)

# Who was erased, and in which groups that is done and said.
ERASED = sa.Table("group_erased_people_v1", METADATA, sa.Column("person_id", sa.String(36), primary_key=True))
ERASED_IN = sa.Table(
    "group_erased_authors_v1",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), primary_key=True),
)

_OF_GROUPS = (GROUPS, MEMBERS, INVITATIONS, REQUESTS, PROPOSALS)
_SOMEONE = "someone"
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)

Statements = Sequence[sa.Executable]


def view() -> Projection:
    """The view, once per process."""
    topics = (TOPIC, contracts.event_file_of("identity").topic)
    return Projection("groups_v1", "groups", topics, METADATA, reduce)


def reduce(event: Event) -> Statements:
    """The statements that bring the tables from before `event` to after it; () for events of no interest."""
    match event.message:
        case groups.GroupCreated() as created:
            return (_created(created, event),)
        case groups.GroupRenamed() as renamed:
            labels = {"name": _bytes(renamed.name), "purpose": _bytes(renamed.purpose), "labels_event": event.type}
            return (_update(GROUPS, renamed.group_id).values(labels),)
        case groups.GroupArchived() as archived:
            return (_update(GROUPS, archived.group_id).values(archived=True),)
        case groups.GroupDeleted() as deleted:
            erased = tuple(sa.delete(table).where(table.c.group_id == deleted.group_id) for table in _OF_GROUPS)
            closed = {"closed_at_us": microseconds(event.recorded_at), "closed_by": deleted.deleted_by}
            is_open = (OPENINGS.c.group_id == deleted.group_id, OPENINGS.c.closed_at_us.is_(None))
            return (
                *erased,
                sa.update(OPENINGS).where(*is_open).values(closed),
                insert(DOOMED).values(group_id=deleted.group_id).on_conflict_do_nothing(),
            )
        case groups.KeysDestroyed() as destroyed if not destroyed.author_id:
            return (sa.delete(DOOMED).where(DOOMED.c.group_id == destroyed.group_id),)
        case groups.KeysDestroyed() as destroyed:
            row = {"person_id": destroyed.author_id, "group_id": destroyed.group_id}
            return (insert(ERASED_IN).values(row).on_conflict_do_nothing(),)
        case identity.PersonErased() as person:
            return (insert(ERASED).values(person_id=person.person_id).on_conflict_do_nothing(),)
        case identity.PersonProvisioned() as person:
            return (_person(person.person_id, active=True),)
        case identity.PersonDeactivated() as person:
            return (_person(person.person_id, active=False),)
        case identity.PersonReactivated() as person:
            return (_person(person.person_id, active=True),)
        case _:
            return _membership(event) or _rules(event) or _break_glass(event)


def _membership(event: Event) -> Statements:
    match event.message:
        case groups.MemberAdded() as added:
            return _added(added)
        case groups.MemberLeft() | groups.MemberRemoved() | groups.MembershipExpired() as gone:
            return _gone(gone.group_id, gone.person_id)
        case groups.ModeratorAppointed() as appointed:
            return (_role(appointed.group_id, appointed.person_id, MEMBER_ROLE_MODERATOR),)
        case groups.ModeratorStoodDown() as stood_down:
            return (_role(stood_down.group_id, stood_down.person_id, MEMBER_ROLE_MEMBER),)
        case groups.MemberInvited() as invited:
            row = {"group_id": invited.group_id, "person_id": invited.person_id, "invited_by": invited.invited_by}
            return (sa.insert(INVITATIONS).values({**row, "invited_at_us": microseconds(event.recorded_at)}),)
        case groups.InvitationDeclined() as declined:
            return (_delete(INVITATIONS, declined.group_id, declined.person_id),)
        case groups.JoinRequested() as requested:
            row = {"group_id": requested.group_id, "person_id": requested.person_id}
            return (sa.insert(REQUESTS).values({**row, "requested_at_us": microseconds(event.recorded_at)}),)
        case groups.JoinRefused() as refused:
            return (_delete(REQUESTS, refused.group_id, refused.person_id),)
        case _:
            return ()


def _rules(event: Event) -> Statements:
    match event.message:
        case groups.RulesProposed() as proposed:
            row = {
                "group_id": proposed.group_id,
                "version": proposed.version,
                "rules": _bytes(proposed.rules),
                "findable": _is_findable(GROUP_KIND_WORKING, proposed.rules),
                "closes_at_us": proposed.closes_at.ToMicroseconds() if proposed.HasField("closes_at") else None,
            }
            return (sa.insert(PROPOSALS).values(row),)
        case groups.RulesAdopted() as adopted:
            this = _is_proposal(adopted.group_id, adopted.version)
            in_force = {
                "rules": sa.select(PROPOSALS.c.rules).where(this).scalar_subquery(),
                "findable": sa.select(PROPOSALS.c.findable).where(this).scalar_subquery(),
                "rules_version": adopted.version,
            }
            return _update(GROUPS, adopted.group_id).values(in_force), sa.delete(PROPOSALS).where(this)
        case groups.RulesRejected() as rejected:
            return (sa.delete(PROPOSALS).where(_is_proposal(rejected.group_id, rejected.version)),)
        case _:
            return ()


def _break_glass(event: Event) -> Statements:
    at_us = microseconds(event.recorded_at)
    match event.message:
        case groups.BreakGlassRequested() as asked:
            row = {
                "break_glass_id": asked.break_glass_id,
                "group_id": asked.group_id,
                "state": int(BreakGlassCase.STATE_REQUESTED),
                "asked": _bytes(asked),
                "requested_at_us": at_us,
                "ends_at_us": asked.ends_at.ToMicroseconds(),
                "ended_by": "",
            }
            if not asked.HasField("disclose_at"):
                return (sa.insert(BREAK_GLASS).values(row),)
            later = {"break_glass_id": asked.break_glass_id, "disclose_at_us": asked.disclose_at.ToMicroseconds()}
            return sa.insert(BREAK_GLASS).values(row), sa.insert(SEALED).values(later)
        case groups.BreakGlassApproved() as approved:
            state = int(BreakGlassCase.STATE_OPEN)
            opened = sa.update(SEALED).where(SEALED.c.break_glass_id == approved.break_glass_id)
            return (
                _case(approved.break_glass_id).values(state=state, approved=_bytes(approved)),
                opened.values(approved_at_us=at_us),
            )
        case groups.BreakGlassDisclosed() as disclosed:
            told = sa.update(SEALED).where(SEALED.c.break_glass_id == disclosed.break_glass_id)
            return (told.values(disclosed_at_us=at_us),)
        case groups.BreakGlassRefused() as refused:
            ended = {"state": int(BreakGlassCase.STATE_REFUSED), "ended_at_us": at_us, "ended_by": refused.refused_by}
            return (_case(refused.break_glass_id).values(ended),)
        case groups.BreakGlassEnded() as over:
            ended = {"state": int(BreakGlassCase.STATE_ENDED), "ended_at_us": at_us, "ended_by": over.ended_by}
            return (_case(over.break_glass_id).values(ended),)
        case groups.BreakGlassOpened() as opened:
            row = {"break_glass_id": opened.break_glass_id, "group_id": opened.group_id, "closed_by": ""}
            return (sa.insert(OPENINGS).values({**row, "opened_at_us": at_us}),)
        case groups.BreakGlassClosed() as closed:
            ended = {"closed_at_us": at_us, "closed_by": closed.closed_by}
            row = {"break_glass_id": closed.break_glass_id, "group_id": closed.group_id, **ended}
            closing = insert(OPENINGS).values(row)
            return (closing.on_conflict_do_update(index_elements=["break_glass_id"], set_=ended),)
        case _:
            return ()


def _case(break_glass_id: str) -> sa.Update:
    return sa.update(BREAK_GLASS).where(BREAK_GLASS.c.break_glass_id == break_glass_id)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970, UTC."""
    moment = Timestamp()
    moment.FromDatetime(at)
    return int(moment.ToMicroseconds())


def _created(created: groups.GroupCreated, event: Event) -> sa.Executable:
    row = {
        "group_id": created.group_id,
        "kind": int(created.kind),
        "name": _bytes(created.name),
        "purpose": _bytes(created.purpose),
        "labels_event": event.type,
        "rules": _bytes(created.rules),
        "rules_version": 1,
        "findable": _is_findable(created.kind, created.rules),
        "archived": False,
        "member_count": 0,
        "created_at_us": microseconds(event.recorded_at),
    }
    return sa.insert(GROUPS).values(row)


def _is_proposal(group_id: str, version: int) -> sa.ColumnElement[bool]:
    return sa.and_(PROPOSALS.c.group_id == group_id, PROPOSALS.c.version == version)


def _is_findable(kind: GroupKind, rules: Rules) -> bool:
    """Whether every colleague finds such a group, as the guard's policy says."""
    policy = GroupPolicy(group_id=_SOMEONE, kind=kind, rules=rules)
    return isinstance(verdict(policy, _SOMEONE, (), Action.FIND, _ANY_TIME), Allowed)


def _added(added: groups.MemberAdded) -> Statements:
    # Counted before the row is there: who belongs already, in another capacity, counts once.
    present = sa.exists().where(MEMBERS.c.group_id == added.group_id, MEMBERS.c.person_id == added.person_id)
    counted = _update(GROUPS, added.group_id).where(~present).values(member_count=GROUPS.c.member_count + 1)
    row = insert(MEMBERS).values(
        group_id=added.group_id,
        person_id=added.person_id,
        role=int(added.role),
        until_us=added.until.ToMicroseconds() if added.HasField("until") else None,
    )
    changes = {"role": row.excluded.role, "until_us": row.excluded.until_us}
    return (
        counted,
        row.on_conflict_do_update(index_elements=["group_id", "person_id"], set_=changes),
        _delete(INVITATIONS, added.group_id, added.person_id),
        _delete(REQUESTS, added.group_id, added.person_id),
    )


def _gone(group_id: str, person_id: str) -> Statements:
    present = sa.exists().where(MEMBERS.c.group_id == group_id, MEMBERS.c.person_id == person_id)
    return (
        _update(GROUPS, group_id).where(present).values(member_count=GROUPS.c.member_count - 1),
        _delete(MEMBERS, group_id, person_id),
        _delete(INVITATIONS, group_id, person_id),
        _delete(REQUESTS, group_id, person_id),
    )


def _role(group_id: str, person_id: str, role: int) -> sa.Executable:
    changes = {"role": int(role), "until_us": None}
    return _update(MEMBERS, group_id).where(MEMBERS.c.person_id == person_id).values(changes)


def _person(person_id: str, *, active: bool) -> sa.Executable:
    row = insert(PEOPLE).values(person_id=person_id, active=active)
    return row.on_conflict_do_update(index_elements=["person_id"], set_={"active": row.excluded.active})


def _update(table: sa.Table, group_id: str) -> sa.Update:
    return sa.update(table).where(table.c.group_id == group_id)


def _delete(table: sa.Table, group_id: str, person_id: str) -> sa.Delete:
    return sa.delete(table).where(table.c.group_id == group_id, table.c.person_id == person_id)


def _bytes(message: Message) -> bytes:
    data: bytes = message.SerializeToString(deterministic=True)
    return data
