"""groups as its callers see it: the real service beside identity, event store, relay and view, by gRPC."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
import sqlalchemy as sa
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, PageRequest
from regard.groups.v1 import groups_pb2 as pb
from regard.groups.v1.events_pb2 import GroupDeleted, KeysDestroyed, MemberRemoved, ModeratorAppointed
from regard.groups.v1.groups_pb2_grpc import GroupInternalServiceStub, GroupServiceStub
from regard.groups.v1.rules_pb2 import (
    GROUP_KIND_DIRECT,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_ON_REQUEST,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MEMBER_ROLE_UNSPECIFIED,
    Rules,
)
from regard.identity.v1.identity_pb2 import DeactivatePersonRequest, GetMeRequest

from services.common.check import check
from services.common.decider import CommandContext, append_unconditionally
from services.common.settings import load_settings
from services.groups.keys import CONTENT_KEYS, METADATA
from services.groups.service import build
from services.identity.service import build as build_identity
from services.installation import Installation, Plan, open_installation
from tests import parts
from tests.contract.streaming import eventually
from tests.contract.test_identity import Refusal, Site, refused, types

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = Rules(level=LEVEL_OPEN, join=JOIN_POLICY_ANYONE)
FINDABLE = Rules(level=LEVEL_RESTRICTED, discoverable=True, join=JOIN_POLICY_ON_REQUEST)
HIDDEN = Rules(level=LEVEL_RESTRICTED)
CONFIDENTIAL = Rules(level=LEVEL_CONFIDENTIAL, guests_allowed=True)


@dataclass(frozen=True)
class Colleague:
    """Someone who is signed in."""

    id: str
    token: str


class Office(Site):
    """A running installation with groups."""

    def __init__(self, installation: Installation, data: Path) -> None:
        super().__init__(installation, data)
        self.groups = GroupServiceStub(self.channel)
        self.internal = self.kernel.peers.stub(GroupInternalServiceStub)
        self.ada = self.bob = self.cyd = self.eve = Colleague("", "")

    async def colleague(self, name: str, email: str = "") -> Colleague:
        """Somebody new; an address of their own unless told which."""
        email = email or f"{uuid.uuid4()}@example.org"
        person = (await self.provision(name, email)).person
        return Colleague(person.id, (await self.sign_in(email)).tokens.access_token)

    async def administrator(self) -> Colleague:
        """Whoever runs the installation."""
        me = await self.call(self.people.GetMe, GetMeRequest(), self.admin_token)
        return Colleague(me.person.id, self.admin_token)

    async def ask(self, who: Colleague, method: str, /, **request: Any) -> Any:
        """Calls a method of GroupService by its name."""
        kind = getattr(pb, f"{method}Request")
        metadata = {"idempotency_key": request.pop("key")} if "key" in request else {}
        return await self.call(getattr(self.groups, method), kind(**request), who.token, **metadata)

    async def group(self, rules: Rules, *members: Colleague, by: Colleague | None = None, name: str = "") -> str:
        """A group of Ada's, with these members."""
        by = by or self.ada
        name = name or f"Group {uuid.uuid4()}"
        group_id = str((await self.ask(by, "CreateGroup", name=name, rules=rules)).group.id)
        for member in members:
            await self.ask(by, "InviteMember", group_id=group_id, person_id=member.id)
            await self.ask(member, "AcceptInvitation", group_id=group_id)
        return group_id

    async def of(self, group_id: str) -> list[Message]:
        """What was recorded about a group."""
        return await self.events(f"group-{group_id}")

    async def keys(self, group_id: str, *authors: str, create: bool = False) -> list[Any]:
        """Content keys, as a guard asks for them."""
        request = pb.GetContentKeysRequest(group_id=group_id, authors=authors, create=create)
        return list((await self.internal.GetContentKeys(request)).keys)

    async def roles(self, group_id: str, who: Colleague | None = None) -> dict[str, int]:
        """Who belongs, in which capacity."""
        answer = await self.ask(who or self.ada, "ListMembers", group_id=group_id)
        return {member.person_id: member.role for member in answer.members}

    async def stored_keys(self, group_id: str) -> int:
        """How many keys of a group the vault holds."""
        counted = sa.select(sa.func.count()).where(CONTENT_KEYS.c.group_id == group_id)
        async with self.kernel.vault("groups", METADATA).read() as connection:
            return int(await connection.scalar(counted) or 0)


@asynccontextmanager
async def opened(data: Path) -> AsyncIterator[Office]:
    """identity and groups, with the servers that the tests run on."""
    plan = Plan(services={"identity": build_identity, "groups": build}, relays=True, embedded=True)
    async with parts.installation(data) as given:
        async with open_installation(load_settings(data=data, **given), plan, lambda _en, _fr: None) as installation:
            office = Office(installation, data)
            try:
                yield office
            finally:
                await office.channel.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    async with opened(tmp_path_factory.mktemp("groups")) as office:
        await office.claim()
        office.ada, office.bob = await office.colleague("Ada"), await office.colleague("Bob")
        office.cyd, office.eve = await office.colleague("Cyd"), await office.colleague("Eve")
        yield office


def later(**span: float) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(**span))
    return moment


def names(groups: Sequence[pb.Group]) -> list[str]:
    return [group.name for group in groups]


# Beginning


async def test_whoever_creates_a_group_moderates_it_and_nobody_else_reads_its_name(office: Office) -> None:
    name, purpose = "Plan to acquire Bellerophon", "Kept from everyone"
    created = (await office.ask(office.ada, "CreateGroup", name=name, purpose=purpose, rules=CONFIDENTIAL)).group
    assert (created.name, created.purpose, created.my_role) == (name, purpose, MEMBER_ROLE_MODERATOR)
    assert (created.rules, created.rules_version, created.member_count) == (CONFIDENTIAL, 1, 1)
    assert (await office.ask(office.ada, "GetGroup", group_id=created.id)).group == created
    assert created in (await office.ask(office.ada, "ListMyGroups", page=PageRequest(size=200))).groups
    assert types(await office.of(created.id)) == ["GroupCreated", "MemberAdded"]
    everything = await parts.at_rest(office.data)
    assert b"Bellerophon" not in everything
    assert b"Kept from everyone" not in everything


async def test_the_same_command_makes_one_group(office: Office) -> None:
    first, second = [
        (await office.ask(office.ada, "CreateGroup", name="Once", rules=OPEN, key="once")).group for _ in range(2)
    ]
    assert first == second
    third = (await office.ask(office.bob, "CreateGroup", name="Once", rules=OPEN, key="once")).group
    assert third.id != first.id


BY_GROUP: list[tuple[str, dict[str, Any]]] = [
    ("GetGroup", {}),
    ("ListMembers", {}),
    ("WhoCanSee", {}),
    ("RenameGroup", {"name": "Mine now"}),
    ("InviteMember", {"person_id": "someone"}),
    ("AcceptInvitation", {}),
    ("DeclineInvitation", {}),
    ("JoinGroup", {}),
    ("ListJoinRequests", {}),
    ("SettleJoinRequest", {"person_id": "someone", "approve": True}),
    ("AddGuest", {"person_id": "someone", "until": later(days=1)}),
    ("LeaveGroup", {}),
    ("RemoveMember", {"person_id": "someone"}),
    ("SetModerator", {"person_id": "someone", "moderator": True}),
    ("ProposeRules", {"rules": OPEN}),
    ("VoteOnRules", {"version": 2, "agrees": True}),
    ("ListRules", {}),
    ("ArchiveGroup", {}),
    ("DeleteGroup", {"name": "Unheard of"}),
]


async def test_every_method_about_one_group_is_tried() -> None:
    about_one = {
        method.name
        for method in pb.DESCRIPTOR.services_by_name["GroupService"].methods
        if "group_id" in method.input_type.fields_by_name
    }
    assert about_one == {name for name, _ in BY_GROUP}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unfindable(office: Office) -> dict[str, str]:
    deleted = await office.group(OPEN, office.eve, name="Deleted")
    await office.ask(office.ada, "DeleteGroup", group_id=deleted, name="Deleted")
    return {
        "confidential": await office.group(CONFIDENTIAL, name="Unheard of"),
        "hidden": await office.group(HIDDEN, name="Unheard of"),
        "deleted": deleted,
    }


@pytest.mark.parametrize("kind", ["confidential", "hidden", "deleted"])
@pytest.mark.parametrize(("method", "request_"), BY_GROUP, ids=[name for name, _ in BY_GROUP])
async def test_a_group_out_of_sight_is_as_unknown_as_one_that_never_was(
    office: Office, unfindable: dict[str, str], kind: str, method: str, request_: dict[str, Any]
) -> None:
    given = request_ | ({"person_id": office.eve.id} if "person_id" in request_ else {})
    there = await refused(office.ask(office.eve, method, group_id=unfindable[kind], **given))
    nowhere = await refused(office.ask(office.eve, method, group_id=str(uuid.uuid4()), **given))
    assert (there.code, there.id) == (grpc.StatusCode.NOT_FOUND, "ACC-01")
    assert (there.code, there.id, there.sentence, there.told) == (
        nowhere.code,
        nowhere.id,
        nowhere.sentence,
        nowhere.told,
    )


# Finding


async def test_only_what_may_be_found_is_listed_by_name(office: Office) -> None:
    fay = await office.colleague("Fay")
    mark = str(uuid.uuid4())
    wanted = [f"{name} {mark}" for name in ("ébène", "Zinc", "acajou", "Étain")]
    found = {name: await office.group(FINDABLE if "Zinc" in name else OPEN, name=name) for name in wanted}
    await office.group(HIDDEN, name=f"hidden {mark}")
    await office.group(CONFIDENTIAL, name=f"confidential {mark}")
    await office.group(OPEN, fay, name=f"mine {mark}")
    archived = await office.group(OPEN, name=f"archived {mark}")
    await office.ask(office.ada, "ArchiveGroup", group_id=archived)

    page = await office.ask(fay, "ListDiscoverableGroups", page=PageRequest(size=200))
    listed = [group for group in page.groups if mark in group.name]
    assert [one.name.split()[0] for one in listed] == ["acajou", "ébène", "Étain", "Zinc"]
    assert {one.my_role for one in listed} == {MEMBER_ROLE_UNSPECIFIED}
    assert {one.id for one in listed} == set(found.values())
    assert names((await office.ask(fay, "ListMyGroups")).groups) == [f"mine {mark}"]


async def test_lists_come_in_pages(office: Office) -> None:
    gil = await office.colleague("Gil")
    wanted = [f"group {number}" for number in range(5)]
    for name in reversed(wanted):
        await office.group(OPEN, by=gil, name=name)
    seen: list[str] = []
    token = ""
    for _ in range(3):
        page = await office.ask(gil, "ListMyGroups", page=PageRequest(size=2, token=token))
        seen += names(page.groups)
        token = page.page.next_token
    assert (seen, token) == (wanted, "")
    assert (await refused(office.ask(gil, "ListMyGroups", page=PageRequest(token="nonsense")))).id == "RPC-20"


async def test_members_come_in_pages_moderators_first(office: Office) -> None:
    group_id = await office.group(OPEN, office.bob, office.cyd)
    first = await office.ask(office.bob, "ListMembers", group_id=group_id, page=PageRequest(size=2))
    rest = await office.ask(
        office.bob, "ListMembers", group_id=group_id, page=PageRequest(size=2, token=first.page.next_token)
    )
    everyone = [member.person_id for member in (*first.members, *rest.members)]
    assert everyone == [office.ada.id, office.bob.id, office.cyd.id]
    assert not rest.page.next_token
    assert first.members[0].since.seconds > 0


async def test_a_findable_group_shows_its_name_and_nobody_in_it(office: Office) -> None:
    group_id = await office.group(FINDABLE, office.bob, name="Findable")
    shown = (await office.ask(office.eve, "GetGroup", group_id=group_id)).group
    assert (shown.name, shown.my_role, shown.member_count) == ("Findable", MEMBER_ROLE_UNSPECIFIED, 2)
    for method in ("ListMembers", "WhoCanSee", "ListRules"):
        assert (await refused(office.ask(office.eve, method, group_id=group_id))).id == "ACC-02"


# Coming


async def test_an_invitation_to_a_confidential_group_names_it_and_lets_in(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL, name="By invitation")
    await office.ask(office.ada, "InviteMember", group_id=group_id, person_id=office.bob.id)
    (waiting,) = [
        one for one in (await office.ask(office.bob, "ListMyInvitations")).invitations if one.group_id == group_id
    ]
    assert (waiting.group_name, waiting.person_id, waiting.invited_by) == (
        "By invitation",
        office.bob.id,
        office.ada.id,
    )
    assert (await refused(office.ask(office.bob, "GetGroup", group_id=group_id))).id == "ACC-01"
    await office.ask(office.bob, "AcceptInvitation", group_id=group_id)
    assert not [
        one for one in (await office.ask(office.bob, "ListMyInvitations")).invitations if one.group_id == group_id
    ]
    assert await office.roles(group_id) == {office.ada.id: MEMBER_ROLE_MODERATOR, office.bob.id: MEMBER_ROLE_MEMBER}

    recorded = await office.of(group_id)
    await office.ask(office.ada, "InviteMember", group_id=group_id, person_id=office.bob.id)
    assert await office.of(group_id) == recorded


async def test_an_invitation_is_declined(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL)
    await office.ask(office.ada, "InviteMember", group_id=group_id, person_id=office.bob.id)
    await office.ask(office.bob, "DeclineInvitation", group_id=group_id)
    assert (await refused(office.ask(office.bob, "AcceptInvitation", group_id=group_id))).id == "ACC-01"


async def test_nobody_unknown_is_invited(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL)
    nobody = str(uuid.uuid4())
    for method, more in (("InviteMember", {}), ("AddGuest", {"until": later(days=1)})):
        refusal = await refused(office.ask(office.ada, method, group_id=group_id, person_id=nobody, **more))
        assert (refusal.code, refusal.id) == (grpc.StatusCode.NOT_FOUND, "GRP-18")


async def test_joining_where_anyone_may(office: Office) -> None:
    group_id = await office.group(OPEN)
    assert (await office.ask(office.bob, "JoinGroup", group_id=group_id)).joined
    assert (await office.ask(office.bob, "JoinGroup", group_id=group_id)).joined
    assert (await office.ask(office.bob, "GetGroup", group_id=group_id)).group.my_role == MEMBER_ROLE_MEMBER


@pytest.mark.parametrize("approve", [True, False])
async def test_joining_on_request(office: Office, approve: bool) -> None:
    group_id = await office.group(FINDABLE, office.cyd)
    assert not (await office.ask(office.bob, "JoinGroup", group_id=group_id)).joined
    (waiting,) = (await office.ask(office.ada, "ListJoinRequests", group_id=group_id)).requests
    assert waiting.person_id == office.bob.id
    assert (await refused(office.ask(office.cyd, "ListJoinRequests", group_id=group_id))).id == "ACC-06"
    for _ in range(2):
        request = {"group_id": group_id, "person_id": office.bob.id, "approve": approve}
        await office.ask(office.ada, "SettleJoinRequest", **request)
    assert not (await office.ask(office.ada, "ListJoinRequests", group_id=group_id)).requests
    assert (office.bob.id in await office.roles(group_id)) is approve


async def test_a_guest_stays_until_the_end_and_no_longer(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL)
    guest = {"group_id": group_id, "person_id": office.bob.id}
    await office.ask(office.ada, "AddGuest", **guest, until=later(days=300))
    assert (await office.roles(group_id, office.bob))[office.bob.id] == MEMBER_ROLE_GUEST
    await office.ask(office.ada, "AddGuest", **guest, until=later(seconds=1))

    async def is_over() -> bool:
        return types(await office.of(group_id))[-1] == "MembershipExpired"

    await eventually(is_over)
    assert (await refused(office.ask(office.bob, "ListMembers", group_id=group_id))).id == "ACC-01"
    assert list(await office.roles(group_id)) == [office.ada.id]


# Going


async def test_the_last_moderator_stays_until_there_is_another(office: Office) -> None:
    group_id = await office.group(OPEN, office.bob)
    ada, bob = ({"group_id": group_id, "person_id": one.id} for one in (office.ada, office.bob))
    assert (await refused(office.ask(office.ada, "LeaveGroup", group_id=group_id))).id == "GRP-04"
    assert (await refused(office.ask(office.ada, "RemoveMember", **ada))).id == "GRP-04"
    assert (await refused(office.ask(office.ada, "SetModerator", **ada))).id == "GRP-04"
    await office.ask(office.ada, "SetModerator", **bob, moderator=True)
    await office.ask(office.ada, "LeaveGroup", group_id=group_id)
    assert await office.roles(group_id, office.bob) == {office.bob.id: MEMBER_ROLE_MODERATOR}


async def test_of_two_moderators_who_leave_at_once_one_stays(office: Office) -> None:
    group_id = await office.group(OPEN, office.bob, office.cyd)
    await office.ask(office.ada, "SetModerator", group_id=group_id, person_id=office.bob.id, moderator=True)
    left = await asyncio.gather(
        *(office.ask(one, "LeaveGroup", group_id=group_id) for one in (office.ada, office.bob)), return_exceptions=True
    )
    assert [one.id for one in left if isinstance(one, Refusal)] == ["GRP-04"]
    assert sorted((await office.roles(group_id, office.cyd)).values()) == [MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR]


async def test_whoever_is_removed_is_out_with_the_answer(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL, office.bob)
    await office.ask(office.ada, "RemoveMember", group_id=group_id, person_id=office.bob.id)
    assert (await refused(office.ask(office.bob, "GetGroup", group_id=group_id))).id == "ACC-01"
    assert group_id not in [one.id for one in (await office.ask(office.bob, "ListMyGroups")).groups]


async def test_whoever_leaves_the_company_leaves_its_groups(office: Office) -> None:
    hal = await office.colleague("Hal")
    shared = await office.group(OPEN, hal)
    own = await office.group(CONFIDENTIAL, office.bob, by=hal)
    await office.administer(office.people.DeactivatePerson, DeactivatePersonRequest(person_id=hal.id))

    async def is_out_of_all() -> bool:
        last = [(await office.of(group_id))[-1] for group_id in (shared, own)]
        why = MemberRemoved.REASON_DEACTIVATED
        return all(
            isinstance(event, MemberRemoved) and (event.person_id, event.reason) == (hal.id, why) for event in last
        )

    await eventually(is_out_of_all)
    appointed = [event for event in await office.of(own) if isinstance(event, ModeratorAppointed)]
    assert [event.person_id for event in appointed] == [office.bob.id]
    request = {"group_id": shared, "person_id": hal.id}
    assert (await refused(office.ask(office.ada, "InviteMember", **request))).id == "GRP-18"


# Rules


async def test_closer_rules_are_in_force_at_once(office: Office) -> None:
    group_id = await office.group(OPEN)
    version = (await office.ask(office.ada, "ProposeRules", group_id=group_id, rules=CONFIDENTIAL)).version
    assert (version.version, version.state, version.needed) == (2, pb.RulesVersion.STATE_ADOPTED, 0)
    assert (await refused(office.ask(office.eve, "GetGroup", group_id=group_id))).id == "ACC-01"


async def test_lowering_the_level_takes_every_member(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL, office.bob, office.cyd)
    version = (await office.ask(office.ada, "ProposeRules", group_id=group_id, rules=OPEN)).version
    assert (version.state, version.needed, version.agreed) == (pb.RulesVersion.STATE_PROPOSED, 3, 1)
    assert not version.HasField("settled_at")
    assert (await refused(office.ask(office.ada, "ProposeRules", group_id=group_id, rules=HIDDEN))).id == "GRP-13"
    assert (await refused(office.ask(office.eve, "GetGroup", group_id=group_id))).id == "ACC-01"
    vote = {"group_id": group_id, "version": 2, "agrees": True}
    assert (await office.ask(office.bob, "VoteOnRules", **vote)).version.agreed == 2
    adopted = (await office.ask(office.cyd, "VoteOnRules", **vote)).version
    assert (adopted.state, adopted.agreed) == (pb.RulesVersion.STATE_ADOPTED, 3)
    assert (await office.ask(office.eve, "GetGroup", group_id=group_id)).group.rules == OPEN

    newest, first = (await office.ask(office.bob, "ListRules", group_id=group_id)).versions
    assert (newest, first.version, first.rules) == (adopted, 1, CONFIDENTIAL)
    assert "The group is open" in newest.changes[0].en
    assert "Le groupe est ouvert" in newest.changes[0].fr
    assert not first.changes


async def test_one_voice_against_keeps_the_rules(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL, office.bob)
    await office.ask(office.ada, "ProposeRules", group_id=group_id, rules=OPEN)
    version = (await office.ask(office.bob, "VoteOnRules", group_id=group_id, version=2)).version
    assert version.state == pb.RulesVersion.STATE_REJECTED
    assert (await office.ask(office.ada, "GetGroup", group_id=group_id)).group.rules_version == 1


async def test_the_panel_names_everyone_who_can_reach_the_group(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL, office.bob)
    panel = await office.ask(office.bob, "WhoCanSee", group_id=group_id)
    people = {line.person_id: line for line in panel.entries if line.person_id}
    assert set(people) == {office.ada.id, office.bob.id}
    assert people[office.ada.id].manages
    assert not people[office.bob.id].manages
    assert people[office.bob.id].recorded
    assert {line.capacity for line in panel.entries if not line.person_id} >= {"auditor", "operator"}
    assert panel.rules_version == 1
    assert all(sentence.en and sentence.fr for sentence in panel.sentences)


# Names, and the end


async def test_a_group_is_renamed(office: Office) -> None:
    group_id = await office.group(OPEN, office.bob)
    assert (await refused(office.ask(office.bob, "RenameGroup", group_id=group_id, name="Bob's"))).id == "ACC-06"
    shown = (await office.ask(office.ada, "RenameGroup", group_id=group_id, name="New", purpose="Newer")).group
    assert (shown.name, shown.purpose) == ("New", "Newer")
    assert (await office.ask(office.bob, "GetGroup", group_id=group_id)).group.name == "New"


async def test_an_archived_group_stays_as_it_is(office: Office) -> None:
    group_id = await office.group(OPEN, office.bob)
    await office.ask(office.ada, "ArchiveGroup", group_id=group_id)
    assert (await office.ask(office.bob, "GetGroup", group_id=group_id)).group.archived
    for who, method, more in (
        (office.ada, "RenameGroup", {"name": "New"}),
        (office.ada, "ProposeRules", {"rules": CONFIDENTIAL}),
        (office.ada, "InviteMember", {"person_id": office.cyd.id}),
        (office.cyd, "JoinGroup", {}),
    ):
        assert (await refused(office.ask(who, method, group_id=group_id, **more))).id == "GRP-03"
    await office.ask(office.bob, "LeaveGroup", group_id=group_id)


async def test_a_deleted_group_is_gone_with_its_keys(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL, office.bob, name="To be deleted")
    assert len(await office.keys(group_id, office.bob.id, create=True)) == 1
    assert await office.stored_keys(group_id) == 2
    assert (await refused(office.ask(office.ada, "DeleteGroup", group_id=group_id, name="Another"))).id == "GRP-17"
    assert (
        await refused(office.ask(office.bob, "DeleteGroup", group_id=group_id, name="To be deleted"))
    ).id == "ACC-06"
    await office.ask(office.ada, "DeleteGroup", group_id=group_id, name="To be deleted")
    assert types(await office.of(group_id))[-2:] == ["GroupDeleted", "KeysDestroyed"]
    assert await office.stored_keys(group_id) == 0
    for create in (False, True):
        assert not await office.keys(group_id, "label", office.bob.id, create=create)
    assert (await refused(office.ask(office.ada, "GetGroup", group_id=group_id))).id == "ACC-01"
    assert group_id not in [one.id for one in (await office.ask(office.ada, "ListMyGroups")).groups]


async def test_a_deletion_that_was_interrupted_is_finished(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL)
    command_id = uuid.uuid4()
    await append_unconditionally(
        office.kernel.store,
        office.kernel.codec,
        f"group-{group_id}",
        [GroupDeleted(group_id=group_id, deleted_by=office.ada.id)],
        CommandContext(command_id, office.ada.id, str(command_id)),
    )

    async def is_finished() -> bool:
        return isinstance((await office.of(group_id))[-1], KeysDestroyed)

    await eventually(is_finished)
    assert await office.stored_keys(group_id) == 0


# From elsewhere


async def test_an_import_repeated_adds_what_is_missing(office: Office) -> None:
    export: dict[str, Any] = {
        "external_id": f"elsewhere:{uuid.uuid4()}",
        "name": "Imported",
        "rules": CONFIDENTIAL,
        "moderator_ids": [office.ada.id],
        "member_ids": [office.ada.id, office.bob.id, str(uuid.uuid4())],
    }
    admin = await office.administrator()
    first = await office.ask(admin, "ImportGroup", **export)
    assert first.created
    assert await office.roles(first.group_id) == {
        office.ada.id: MEMBER_ROLE_MODERATOR,
        office.bob.id: MEMBER_ROLE_MEMBER,
    }
    recorded = await office.of(first.group_id)
    again = await office.ask(admin, "ImportGroup", **export)
    assert (again.group_id, again.created) == (first.group_id, False)
    assert await office.of(first.group_id) == recorded
    more = await office.ask(admin, "ImportGroup", **(export | {"member_ids": [office.cyd.id]}))
    assert not more.created
    assert set(await office.roles(first.group_id)) == {office.ada.id, office.bob.id, office.cyd.id}
    assert (await refused(office.ask(admin, "GetGroup", group_id=first.group_id))).id == "ACC-01"


@pytest.mark.parametrize("listed", ["moderator_ids", "member_ids"])
async def test_administrators_do_not_import_themselves(office: Office, listed: str) -> None:
    admin = await office.administrator()
    export: dict[str, Any] = {
        "external_id": f"elsewhere:{uuid.uuid4()}",
        "name": "Imported",
        "rules": CONFIDENTIAL,
        "moderator_ids": [office.ada.id],
        # More than one append holds: nobody is added before the refusal.
        "member_ids": [office.bob.id, *(str(uuid.uuid4()) for _ in range(600))],
    }
    oneself = export | {listed: [*export[listed], admin.id]}
    refusal = await refused(office.ask(admin, "ImportGroup", **oneself))
    assert (refusal.id, refusal.code) == ("GRP-22", grpc.StatusCode.PERMISSION_DENIED)

    group_id = (await office.ask(admin, "ImportGroup", **export)).group_id
    recorded = await office.of(group_id)
    assert types(recorded) == ["GroupCreated", "MemberAdded", "MemberAdded"]
    assert (await refused(office.ask(admin, "ImportGroup", **oneself))).id == "GRP-22"
    assert await office.of(group_id) == recorded

    await office.ask(office.ada, "InviteMember", group_id=group_id, person_id=admin.id)
    await office.ask(admin, "AcceptInvitation", group_id=group_id)
    recorded = await office.of(group_id)
    assert not (await office.ask(admin, "ImportGroup", **oneself)).created
    assert await office.of(group_id) == recorded
    assert (await office.roles(group_id))[admin.id] == MEMBER_ROLE_MEMBER


async def test_only_administrators_import(office: Office) -> None:
    export = {"external_id": "x", "name": "x", "rules": OPEN, "moderator_ids": [office.ada.id]}
    assert (await refused(office.ask(office.ada, "ImportGroup", **export))).code == grpc.StatusCode.PERMISSION_DENIED


# What services ask


async def test_a_content_key_is_made_once_and_stays(office: Office) -> None:
    group_id = await office.group(CONFIDENTIAL)
    assert not await office.keys(group_id, "someone")
    made = await asyncio.gather(*(office.keys(group_id, "someone", "label", create=True) for _ in range(5)))
    kept = {(key.author, key.key_id, key.key) for key in await office.keys(group_id, "someone", "label", "nobody")}
    assert all({(key.author, key.key_id, key.key) for key in one} == kept for one in made)
    assert {author for author, _, _ in kept} == {"someone", "label"}
    assert {len(key) for _, _, key in kept} == {32}
    assert all(key.current for one in made for key in one)
    everything = await parts.at_rest(office.data)
    assert not any(key in everything for _, _, key in kept)


async def test_a_new_group_gets_a_key_before_it_exists(office: Office) -> None:
    assert len(await office.keys(str(uuid.uuid4()), "label", create=True)) == 1


async def test_people_get_no_keys(office: Office) -> None:
    stub = GroupInternalServiceStub(office.channel)
    group_id = await office.group(OPEN)
    for request, method in (
        (pb.GetContentKeysRequest(group_id=group_id, authors=["label"]), stub.GetContentKeys),
        (
            pb.OpenDirectGroupRequest(person_ids=[office.ada.id, office.bob.id], opened_by=office.ada.id),
            stub.OpenDirectGroup,
        ),
    ):
        for token in ("", office.ada.token, office.admin_token):
            refusal = await refused(office.call(method, request, token))
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


async def test_the_same_people_have_one_direct_conversation(office: Office) -> None:
    people = [office.bob.id, office.cyd.id, office.ada.id]

    async def open_by(person: Colleague, ids: Sequence[str]) -> str:
        request = pb.OpenDirectGroupRequest(person_ids=ids, opened_by=person.id)
        return str((await office.internal.OpenDirectGroup(request)).group_id)

    opened = await asyncio.gather(open_by(office.ada, people), open_by(office.bob, people[::-1]))
    (group_id,) = set(opened)
    assert await open_by(office.ada, [*people[:2], office.eve.id, office.ada.id]) != group_id
    shown = (await office.ask(office.cyd, "GetGroup", group_id=group_id)).group
    assert (shown.kind, shown.rules.level, shown.name) == (GROUP_KIND_DIRECT, LEVEL_CONFIDENTIAL, "")
    assert await office.roles(group_id) == dict.fromkeys(people, MEMBER_ROLE_MEMBER)
    assert (await refused(office.ask(office.eve, "GetGroup", group_id=group_id))).id == "ACC-01"
    assert (await refused(office.ask(office.ada, "LeaveGroup", group_id=group_id))).id == "GRP-01"

    async def is_listed() -> bool:
        return bool((await office.ask(office.ada, "ListMyGroups", page=PageRequest(size=200))).groups[-1].name == "")

    await eventually(is_listed)


# The view


async def test_the_view_says_what_the_streams_say(office: Office) -> None:
    (groups,) = [service for service in office.installation.services if service.name == "groups"]
    live = office.kernel.database("groups")
    checked = await check(groups.projections[0], live, office.kernel.store, office.kernel.codec)
    assert checked.agrees
