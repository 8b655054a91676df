"""Break-glass as people see it: asked for, approved by another, read, shown to the members, and over."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
import pytest_asyncio
from regard.audit.v1.audit_pb2 import ListAccessesRequest
from regard.audit.v1.audit_pb2_grpc import LedgerServiceStub
from regard.audit.v1.events_pb2 import READER_KIND_BREAK_GLASS
from regard.common.v1.common_pb2 import (
    LEVEL_CONFIDENTIAL,
    PURPOSE_HARASSMENT_COMPLAINT,
    PURPOSE_INTERNAL_AUDIT,
    PURPOSE_LEGAL_OBLIGATION,
)
from regard.common.v1.options_pb2 import (
    ROLE_DATA_PROTECTION_OFFICER,
    ROLE_SECURITY_OFFICER,
    ROLE_STAFF_REPRESENTATIVE,
    Role,
)
from regard.feed.v1 import feed_pb2
from regard.feed.v1.feed_pb2_grpc import FeedServiceStub
from regard.groups.v1 import break_glass_pb2 as pb
from regard.groups.v1.break_glass_pb2 import BreakGlassCase
from regard.groups.v1.break_glass_pb2_grpc import BreakGlassServiceStub
from regard.groups.v1.events_pb2 import BreakGlassApproved
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    BREAK_GLASS_TWO_KEYS,
    READERS_SHOWN_EVERYONE_BY_NAME,
    BreakGlassScope,
    Rules,
)
from regard.identity.v1.identity_pb2 import GrantRoleRequest

from services.audit.service import build as build_audit
from services.common.decider import CommandContext, append_unconditionally
from services.common.settings import load_settings
from services.feed.service import build as build_feed
from services.groups.service import build
from services.identity.service import build as build_identity
from services.installation import Installation, Plan, open_installation
from tests import parts
from tests.contract.streaming import eventually
from tests.contract.test_groups_served import Colleague, Office, later
from tests.contract.test_identity import refused, types

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO_KEYS = Rules(level=LEVEL_CONFIDENTIAL, break_glass=BREAK_GLASS_TWO_KEYS, readers=READERS_SHOWN_EVERYONE_BY_NAME)
NEVER = Rules(level=LEVEL_CONFIDENTIAL, break_glass=BREAK_GLASS_NEVER)
SECRET = "the plan"
WHY = {"reason": PURPOSE_HARASSMENT_COMPLAINT, "reference": "case 7"}


class House(Office):
    """An office with a feed, a ledger, and people who hold the keys."""

    def __init__(self, installation: Installation, data: Path) -> None:
        super().__init__(installation, data)
        self.glass = BreakGlassServiceStub(self.channel)
        self.feed = FeedServiceStub(self.channel)
        self.ledger = LedgerServiceStub(self.channel)
        self.officer = self.dpo = self.delegate = Colleague("", "")

    async def key_holder(self, role: Role) -> Colleague:
        """Somebody with a role, whose token has it."""
        email = f"{uuid.uuid4()}@example.org"
        person = (await self.provision("Key", email)).person
        await self.administer(self.people.GrantRole, GrantRoleRequest(person_id=person.id, role=role))
        return Colleague(person.id, (await self.sign_in(email)).tokens.access_token)

    async def glass_of(self, who: Colleague, method: str, /, **request: Any) -> Any:
        """Calls a method of BreakGlassService by its name."""
        kind = getattr(pb, f"{method}BreakGlassRequest")
        metadata = {"idempotency_key": request.pop("key")} if "key" in request else {}
        return await self.call(getattr(self.glass, f"{method}BreakGlass"), kind(**request), who.token, **metadata)

    async def asked(self, group_id: str, who: Colleague | None = None, **more: Any) -> str:
        """A request that waits."""
        request = {"group_id": group_id, **WHY, "ends_at": later(days=1), **more}
        return str((await self.glass_of(who or self.officer, "Request", **request)).break_glass_id)

    async def opened(self, group_id: str, **more: Any) -> str:
        """One that the data protection officer has approved."""
        id = await self.asked(group_id, **more)
        await self.glass_of(self.dpo, "Approve", break_glass_id=id)
        return id

    async def cases(self, who: Colleague, group_id: str = "") -> dict[str, BreakGlassCase]:
        """What somebody sees in the list."""
        return {one.break_glass_id: one for one in (await self.glass_of(who, "List", group_id=group_id)).cases}

    async def post(self, group_id: str, by: Colleague | None = None) -> str:
        """A confidential post, of Ada's unless told whose."""
        request = feed_pb2.PublishPostRequest(group_id=group_id, body=SECRET)
        return str((await self.call(self.feed.PublishPost, request, (by or self.ada).token)).post.id)

    async def posts(self, who: Colleague, group_id: str) -> list[feed_pb2.Post]:
        """The posts of a group."""
        request = feed_pb2.ListGroupPostsRequest(group_id=group_id)
        return list((await self.call(self.feed.ListGroupPosts, request, who.token)).posts)

    async def read(self, who: Colleague, group_id: str) -> list[str]:
        """What they say."""
        return [post.body for post in await self.posts(who, group_id)]


Inside = TypeVar("Inside", bound=House)


@asynccontextmanager
async def at_work(data: Path, kind: type[Inside] = House) -> AsyncIterator[Inside]:
    builds = {"identity": build_identity, "groups": build, "feed": build_feed, "audit": build_audit}
    plan = Plan(services=builds, relays=True, embedded=True)
    async with parts.installation(data) as given:
        async with open_installation(load_settings(data=data, **given), plan, lambda _en, _fr: None) as installation:
            house = kind(installation, data)
            try:
                yield house
            finally:
                await house.channel.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with at_work(tmp_path_factory.mktemp("glass")) as house:
        await house.claim()
        house.ada, house.bob = await house.colleague("Ada"), await house.colleague("Bob")
        house.officer = await house.key_holder(ROLE_SECURITY_OFFICER)
        house.dpo = await house.key_holder(ROLE_DATA_PROTECTION_OFFICER)
        house.delegate = await house.key_holder(ROLE_STAFF_REPRESENTATIVE)
        yield house


async def test_two_people_open_a_group_and_its_members_see_it_at_once(house: House) -> None:
    group_id = await house.group(TWO_KEYS, house.bob)
    post_id = await house.post(group_id)
    id = await house.asked(group_id)
    assert (await refused(house.read(house.officer, group_id))).id == "ACC-01"
    assert await house.cases(house.bob, group_id) == {}
    assert (await house.cases(house.delegate))[id].state == BreakGlassCase.STATE_REQUESTED
    assert (await refused(house.glass_of(house.officer, "Approve", break_glass_id=id))).id == "GRP-26"

    await house.glass_of(house.dpo, "Approve", break_glass_id=id)
    (line,) = [
        line
        for line in (await house.ask(house.bob, "WhoCanSee", group_id=group_id)).entries
        if line.capacity == "break_glass" and line.person_id
    ]
    assert (line.person_id, line.reads_content, line.writes, line.recorded) == (house.officer.id, True, False, True)
    case = (await house.cases(house.bob, group_id))[id]
    assert (case.state, case.requested_by, case.approved_by) == (
        BreakGlassCase.STATE_OPEN, house.officer.id, house.dpo.id,
    )  # fmt: skip
    assert (case.reason, case.reference) == (WHY["reason"], WHY["reference"])
    assert line.until == case.ends_at

    for _ in range(2):
        assert await house.read(house.officer, group_id) == [SECRET]
    assert (await refused(house.read(house.dpo, group_id))).id == "ACC-01"
    request = ListAccessesRequest(group_id=group_id)

    async def both_are_shown() -> bool:
        entries = (await house.call(house.ledger.ListAccesses, request, house.bob.token)).entries
        found = [one for one in entries if one.reader_kind == READER_KIND_BREAK_GLASS]
        assert all(
            (one.reader_id, one.purpose_reference, one.purpose) == (house.officer.id, "case 7", WHY["reason"])
            and "case 7" in one.sentence.en
            for one in found
        )
        return sum(one.count for one in found) == 2

    await eventually(both_are_shown)
    assert post_id

    await house.glass_of(house.delegate, "End", break_glass_id=id)
    assert (await refused(house.read(house.officer, group_id))).id == "ACC-01"
    case = (await house.cases(house.bob, group_id))[id]
    assert (case.state, case.ended_by) == (BreakGlassCase.STATE_ENDED, house.delegate.id)
    assert types(await house.events(f"breakglass-{id}")) == [
        "BreakGlassRequested", "BreakGlassApproved", "BreakGlassEnded",
    ]  # fmt: skip


async def test_a_scope_leaves_out_the_rest_of_a_page(house: House) -> None:
    group_id = await house.group(TWO_KEYS)
    one, _ = await house.post(group_id), await house.post(group_id)
    await house.opened(group_id, scope=BreakGlassScope(object_ids=[one]))
    assert await house.read(house.officer, group_id) == [SECRET]


async def test_new_rules_end_it_and_the_list_says_so(house: House) -> None:
    group_id = await house.group(TWO_KEYS)
    id = await house.opened(group_id)
    await house.ask(house.ada, "ProposeRules", group_id=group_id, rules=NEVER)
    assert (await refused(house.read(house.officer, group_id))).id == "ACC-01"
    assert (await house.cases(house.ada, group_id))[id].state == BreakGlassCase.STATE_ENDED

    async def its_own_stream_says_so_too() -> bool:
        return types(await house.events(f"breakglass-{id}"))[-1] == "BreakGlassEnded"

    await eventually(its_own_stream_says_so_too)


async def test_it_ends_by_itself(house: House) -> None:
    group_id = await house.group(TWO_KEYS)
    id = await house.opened(group_id, ends_at=later(seconds=2))

    async def is_over() -> bool:
        return types(await house.events(f"breakglass-{id}"))[-1] == "BreakGlassEnded"

    await eventually(is_over)
    assert (await refused(house.read(house.officer, group_id))).id == "ACC-01"
    assert types(await house.of(group_id))[-1] == "BreakGlassClosed"


@pytest.mark.parametrize(("rules", "state"), [(TWO_KEYS, "OPEN"), (NEVER, "ENDED")])
async def test_what_was_interrupted_after_the_approval_is_settled(house: House, rules: Rules, state: str) -> None:
    group_id = await house.group(TWO_KEYS)
    id = await house.asked(group_id)
    if rules == NEVER:
        await house.ask(house.ada, "ProposeRules", group_id=group_id, rules=NEVER)
    approved = BreakGlassApproved(break_glass_id=id, approved_by=house.dpo.id, role=ROLE_DATA_PROTECTION_OFFICER)
    context, kernel = CommandContext(uuid.uuid4(), house.dpo.id, "test"), house.kernel
    await append_unconditionally(kernel.store, kernel.codec, f"breakglass-{id}", [approved], context)

    async def is_settled() -> bool:
        case = (await house.cases(house.officer, group_id))[id]
        return case.state == BreakGlassCase.State.Value(f"STATE_{state}") and (
            state == "ENDED" or case.opened_at.seconds > 0
        )

    await eventually(is_settled)


async def test_a_repeated_approval_opens_once(house: House) -> None:
    group_id = await house.group(TWO_KEYS)
    id, key = await house.asked(group_id), str(uuid.uuid4())
    for _ in range(2):
        await house.glass_of(house.dpo, "Approve", break_glass_id=id, key=key)
    assert types(await house.of(group_id)).count("BreakGlassOpened") == 1


async def test_what_is_refused_never_opens(house: House) -> None:
    group_id = await house.group(TWO_KEYS)
    id = await house.asked(group_id)
    await house.glass_of(house.delegate, "Refuse", break_glass_id=id)
    assert (await refused(house.glass_of(house.dpo, "Approve", break_glass_id=id))).id == "GRP-25"
    assert await house.cases(house.ada, group_id) == {}
    assert "BreakGlassOpened" not in types(await house.of(group_id))


async def test_who_may_ask_and_for_what(house: House) -> None:
    group_id, closed = await house.group(TWO_KEYS), await house.group(NEVER)
    for who in (house.ada, house.bob):
        assert (await refused(house.asked(group_id, who))).id == "RPC-07"
        assert (await refused(house.glass_of(who, "List"))).id == "RPC-07"
    told = [await refused(house.asked(id)) for id in (closed, str(uuid.uuid4()))]
    assert [(one.id, one.code) for one in told] == [("GRP-27", grpc.StatusCode.NOT_FOUND)] * 2
    assert (await refused(house.glass_of(house.bob, "List", group_id=group_id))).id == "ACC-01"
    assert (await refused(house.asked(group_id, reason=PURPOSE_INTERNAL_AUDIT))).id == "RPC-02"
    assert (await refused(house.asked(group_id, ends_at=later(days=8)))).id == "GRP-23"
    await house.opened(group_id, reason=PURPOSE_LEGAL_OBLIGATION)
    assert (await refused(house.asked(group_id))).id == "GRP-28"


async def test_the_list_goes_on_page_by_page(house: House) -> None:
    group_id, found, token = await house.group(TWO_KEYS), [], ""
    made = [await house.asked(group_id) for _ in range(3)]
    for _ in range(3):
        answer = await house.glass_of(house.dpo, "List", group_id=group_id, page={"size": 1, "token": token})
        found += [one.break_glass_id for one in answer.cases]
        token = answer.page.next_token
    assert (found, token) == (made[::-1], "")
