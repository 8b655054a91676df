"""The view says of every group what its own stream says, whatever happened to it."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from regard.groups.v1.break_glass_pb2 import BreakGlassCase
from regard.groups.v1.events_pb2 import (
    KeysDestroyed,
    MemberLeft,
    MemberRemoved,
    ModeratorAppointed,
    RulesAdopted,
    RulesRejected,
)
from regard.groups.v1.rules_pb2 import (
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_UNSPECIFIED,
    Rules,
)
from regard.identity.v1.events_pb2 import PersonDeactivated, PersonProvisioned, PersonReactivated
from sqlalchemy.ext.asyncio import AsyncConnection

from services.access import Action, Allowed, verdict
from services.common import contracts
from services.common.codec import Codec
from services.common.database import Database
from services.common.decider import CommandContext, append_unconditionally
from services.common.errors import Refused
from services.common.eventstore import MemoryEventStore
from services.common.projection import rebuild
from services.groups import queries, two_keys, views
from services.groups.group import DECIDER, Group, stream_of
from services.groups.queries import Due
from services.groups.views import microseconds
from tests.unit.groups.databases import same_database
from tests.unit.groups.past import (
    ADA,
    BOB,
    CONFIDENTIAL,
    CYD,
    DELETED,
    EVE,
    FINDABLE,
    GROUP,
    GUS,
    HIDDEN,
    NAME,
    NOW,
    OPEN,
    PURPOSE,
    TOMORROW,
    added,
    begun,
    guest,
    invited,
    proposed,
    requested,
)
from tests.unit.groups.test_invariants import beginnings, some_command
from tests.unit.groups.test_two_keys import APPROVED, CLOSED, ENDED, OPENED, TWO_KEYS, asked

CODEC = Codec(contracts.event_files())
NOW_US = microseconds(NOW)
DAY = timedelta(days=1)
ADOPTED, REJECTED = RulesAdopted(group_id=GROUP, version=2), RulesRejected(group_id=GROUP, version=2)


class View:
    """The view of some streams, filled as a rebuilding fills it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self._store = MemoryEventStore(lambda: self.now)

    async def record(self, stream: str, *messages: Message) -> None:
        context = CommandContext(uuid.uuid4(), "tests", "tests")
        await append_unconditionally(self._store, CODEC, stream, messages, context)

    async def fill(self) -> None:
        await rebuild(views.view(), self._store, CODEC, self.database)


@asynccontextmanager
async def empty_view() -> AsyncIterator[View]:
    with tempfile.TemporaryDirectory() as folder:
        async with same_database(Path(folder)) as (database,):
            yield View(database)


@asynccontextmanager
async def view_of(*messages: Message) -> AsyncIterator[AsyncConnection]:
    """What the view holds after these events of the one group."""
    async with empty_view() as view:
        await view.record(stream_of(GROUP), *messages)
        await view.fill()
        async with view.database.read() as connection:
            yield connection


@settings(max_examples=20, deadline=None)
@for_all(st.data())
def test_the_view_agrees_with_the_stream(data: st.DataObject) -> None:
    history = list(DECIDER.decide(data.draw(beginnings), DECIDER.initial))
    group, at = DECIDER.fold(history), NOW
    for _ in range(data.draw(st.integers(10, 50))):
        at += timedelta(hours=data.draw(st.integers(0, 30)))
        try:
            events = DECIDER.decide(some_command(data.draw, group, at), group)
        except Refused:
            continue
        history += events
        group = DECIDER.fold(events, group)
    asyncio.run(_agrees(history, group))


async def _agrees(history: Sequence[Message], group: Group) -> None:
    async with view_of(*history) as connection:
        for person in {ADA, BOB, CYD, EVE}:
            rows = await queries.groups(connection, [GROUP], person, NOW_US)
            assert bool(rows) == group.policy.exists
            member = group.policy.member(person, NOW)
            for row in rows.values():
                assert row.role == (member.role if member else MEMBER_ROLE_UNSPECIFIED)
                assert (row.labels, row.rules, row.kind) == (group.labels, group.policy.rules, group.policy.kind)
                assert (row.rules_version, row.archived) == (group.policy.rules_version, group.policy.archived)
                assert row.member_count == len(group.policy.members)
            listed = {row.group_id for row in await queries.names_of_groups_of(connection, person, NOW_US)}
            assert listed == ({GROUP} if member else set())
            to_join = {row.group_id for row in await queries.names_of_groups_to_join(connection, person, NOW_US)}
            finds = isinstance(verdict(group.policy, EVE + "'s neighbour", (), Action.FIND, NOW), Allowed)
            assert to_join == ({GROUP} if finds and not member and not group.policy.archived else set())
        people = set(await connection.scalars(sa.select(views.INVITATIONS.c.person_id)))
        assert people == group.invited
        assert {person for person, _ in await queries.requests_of(connection, GROUP)} == group.requested
        versions = set(await connection.scalars(sa.select(views.PROPOSALS.c.version)))
        assert versions == ({group.proposal.version} if group.proposal else set())
        due = await queries.due(connection, NOW_US)
        assert due.doomed == ((GROUP,) if group.policy.deleted else ())


@pytest.mark.parametrize("rules", [OPEN, FINDABLE, HIDDEN, CONFIDENTIAL])
async def test_what_everyone_finds_follows_the_rules_in_force(rules: Rules) -> None:
    for past in ((*begun(rules),), (*begun(CONFIDENTIAL), proposed(rules, needed=1), ADOPTED)):
        async with view_of(*past) as connection:
            listed = await queries.names_of_groups_to_join(connection, EVE, NOW_US)
            assert bool(listed) == (rules in (OPEN, FINDABLE))


async def test_rules_that_are_not_adopted_make_nothing_findable() -> None:
    for end in ((), (REJECTED,)):
        async with view_of(*begun(CONFIDENTIAL), proposed(OPEN, needed=1), *end) as connection:
            assert await queries.names_of_groups_to_join(connection, EVE, NOW_US) == []


async def test_a_guest_belongs_until_their_end() -> None:
    async with view_of(*begun(OPEN), guest(GUS, until=TOMORROW)) as connection:
        end_us = microseconds(TOMORROW)
        for at_us, belongs in ((end_us - 1, True), (end_us, False)):
            assert bool(await queries.names_of_groups_of(connection, GUS, at_us)) is belongs
            assert bool(await queries.names_of_groups_to_join(connection, GUS, at_us)) is not belongs
            role = (await queries.groups(connection, [GROUP], GUS, at_us))[GROUP].role
            assert role == (MEMBER_ROLE_GUEST if belongs else MEMBER_ROLE_UNSPECIFIED)


async def test_people_are_counted_once_whatever_their_capacities() -> None:
    stayed = (*begun(OPEN, BOB), guest(GUS), added(GUS))
    gone = (MemberLeft(group_id=GROUP, person_id=BOB), MemberRemoved(group_id=GROUP, person_id=EVE, removed_by=ADA))
    for past, count in ((stayed, 3), ((*stayed, invited(EVE), *gone), 2)):
        async with view_of(*past) as connection:
            assert (await queries.groups(connection, [GROUP], ADA, NOW_US))[GROUP].member_count == count


async def test_what_is_due_is_found_when_it_is() -> None:
    past = (*begun(CONFIDENTIAL), guest(GUS, until=TOMORROW), proposed(OPEN, needed=1, closes_at=TOMORROW + DAY))
    async with view_of(*past) as connection:
        tomorrow_us, later_us = microseconds(TOMORROW), microseconds(TOMORROW + DAY)
        assert await queries.due(connection, tomorrow_us - 1) == Due((), (), (), (), tomorrow_us)
        assert await queries.due(connection, tomorrow_us) == Due(((GROUP, GUS),), (), (), (), later_us)
        assert await queries.due(connection, later_us) == Due(((GROUP, GUS),), (), (GROUP,), (), None)


async def test_a_guest_who_may_stay_is_never_due() -> None:
    for end in (added(GUS), ModeratorAppointed(group_id=GROUP, person_id=GUS, appointed_by=ADA)):
        async with view_of(*begun(CONFIDENTIAL), guest(GUS), end) as connection:
            assert await queries.due(connection, microseconds(TOMORROW)) == Due((), (), (), (), None)


async def test_a_deleted_groups_keys_are_due_until_they_are_gone() -> None:
    past = (*begun(CONFIDENTIAL, BOB), invited(CYD), requested(EVE), proposed(OPEN, needed=1), DELETED)
    async with view_of(*past) as connection:
        assert await queries.due(connection, microseconds(TOMORROW)) == Due((), (), (), (GROUP,), None)
    async with view_of(*past, KeysDestroyed(group_id=GROUP)) as connection:
        for table in views.METADATA.sorted_tables:
            assert not (await connection.execute(sa.select(table))).all(), table.name


@pytest.mark.parametrize("people_first", [True, False])
async def test_who_left_the_company_is_due_whichever_topic_comes_first(people_first: bool) -> None:
    facts = [
        (f"user-{BOB}", (PersonProvisioned(person_id=BOB), PersonDeactivated(person_id=BOB))),
        (stream_of(GROUP), begun(OPEN, BOB, CYD)),
    ]
    async with empty_view() as view:
        for stream, messages in facts if people_first else facts[::-1]:
            await view.record(stream, *messages)
            await view.fill()
        async with view.database.read() as connection:
            assert (await queries.due(connection, NOW_US)).departed == ((GROUP, BOB),)
            assert await queries.active_people(connection, [BOB, CYD]) == set()
        await view.record(f"user-{BOB}", PersonReactivated(person_id=BOB))
        await view.fill()
        async with view.database.read() as connection:
            assert (await queries.due(connection, NOW_US)).departed == ()
            assert await queries.active_people(connection, [BOB, CYD]) == {BOB}


@pytest.mark.parametrize("group_first", [True, False])
@pytest.mark.parametrize("over", [False, True])
async def test_break_glass_is_due_while_its_two_streams_disagree(group_first: bool, over: bool) -> None:
    facts = [
        (two_keys.stream_of("b"), (asked(), APPROVED)),
        (stream_of(GROUP), (*begun(TWO_KEYS), OPENED, *((CLOSED,) if over else ()))),
    ]
    async with empty_view() as view:
        for number, (stream, messages) in enumerate(facts[::-1] if group_first else facts):
            await view.record(stream, *messages)
            await view.fill()
            async with view.database.read() as connection:
                due = (await queries.due(connection, NOW_US)).break_glass
            assert due == (("b",) if over and number else () if group_first or number else ("b",))
        async with view.database.read() as connection:
            assert (await queries.due(connection, microseconds(TOMORROW))).break_glass == ("b",)
            more = {"opened_only": True, "after": None, "limit": 9, "now_us": NOW_US}
            (case,) = await queries.break_glass(connection, GROUP, **more)
            assert case.state == (BreakGlassCase.STATE_ENDED if over else BreakGlassCase.STATE_OPEN)
        await view.record(two_keys.stream_of("b"), ENDED)
        await view.fill()
        async with view.database.read() as connection:
            assert (await queries.due(connection, microseconds(TOMORROW))).break_glass == ()


async def test_requests_wait_in_the_order_in_which_they_came() -> None:
    async with empty_view() as view:
        await view.record(stream_of(GROUP), *begun(FINDABLE), requested(CYD))
        view.now = TOMORROW
        await view.record(stream_of(GROUP), requested(BOB))
        await view.fill()
        async with view.database.read() as connection:
            expected = [(CYD, NOW_US), (BOB, microseconds(TOMORROW))]
            assert await queries.requests_of(connection, GROUP) == expected


async def test_an_invitation_names_its_group() -> None:
    async with view_of(*begun(CONFIDENTIAL), invited(EVE)) as connection:
        (invitation,) = await queries.invitations_of(connection, EVE)
        assert (invitation.labels.name, invitation.labels.purpose) == (NAME, PURPOSE)
        assert (invitation.person_id, invitation.invited_by, invitation.invited_at_us) == (EVE, ADA, NOW_US)
        assert await queries.invitations_of(connection, BOB) == []
