"""A break-glass of which members are told later: until its date nothing tells of it, and then everything does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1 import audit_pb2 as audit
from regard.audit.v1.audit_pb2 import LedgerEntry, ListAccessesRequest
from regard.audit.v1.audit_pb2_grpc import AuditQueryServiceStub
from regard.audit.v1.events_pb2 import READER_KIND_AUDITOR, READER_KIND_BREAK_GLASS
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, PURPOSE_INTERNAL_AUDIT
from regard.common.v1.options_pb2 import ROLE_SECURITY_OFFICER
from regard.feed.v1 import feed_pb2
from regard.groups.v1.break_glass_pb2 import BreakGlassCase

from regard_client.verify.receipt import parse_receipt
from services.access import Guard, Object
from services.access.cases import HEADER
from services.common.errors import Refused
from services.common.rpc import Caller, acting
from tests.contract.streaming import eventually
from tests.contract.test_break_glass import NEVER, SECRET, TWO_KEYS, Colleague, at_work
from tests.contract.test_groups_served import later
from tests.contract.test_identity import refused, types
from tests.contract.test_trails import Audited

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY_LATER = "the inquiry is under way"


class Discreet(Audited):
    """A house where members are told of a break-glass later."""

    async def sealed(self, group_id: str, lasts_s: float, told_after_s: float) -> tuple[str, Timestamp]:
        """One that is open, and when members are told."""
        told_at = later(seconds=told_after_s)
        more = {"ends_at": later(seconds=lasts_s), "disclose_at": told_at, "delay_reason": WHY_LATER}
        id = await self.asked(group_id, **more)
        await self.glass_of(self.dpo, "Approve", break_glass_id=id, disclose_at=told_at)
        return id, told_at

    async def read_under(self, id: str, who: Colleague, group_id: str) -> list[str]:
        """The posts of a group, read by somebody who names a break-glass."""
        request = feed_pb2.ListGroupPostsRequest(group_id=group_id)
        answer = await self.call(self.feed.ListGroupPosts, request, who.token, **{HEADER: id})
        return [post.body for post in answer.posts]

    async def entries(self, who: Colleague, **asked: Any) -> Sequence[LedgerEntry]:
        """What a ledger shows somebody."""
        answer = await self.call(self.ledger.ListAccesses, ListAccessesRequest(**asked), who.token)
        return list(answer.entries)

    async def untold(self, who: Colleague) -> list[tuple[int, Timestamp]]:
        """What everyone is told of what is not told yet."""
        answer = await self.call(self.ledger.ListSealedCounts, audit.ListSealedCountsRequest(), who.token)
        return [(month.accesses, month.told_by) for month in answer.months]

    async def seen_by_members(self, group_id: str) -> dict[str, Any]:
        """What a member gets of the group, but for their own asking; its streams; what the dpo gets, who is none."""
        groups = ("GetGroup", "WhoCanSee", "ListMembers", "ListRules")
        seen = {name: await self.ask(self.bob, name, group_id=group_id) for name in groups}
        scopes = (ListAccessesRequest.SCOPE_GROUP, ListAccessesRequest.SCOPE_ABOUT_ME)
        for who in (self.ada, self.bob):
            for scope in scopes:
                asked = {"scope": scope, "group_id": group_id if scope == scopes[0] else ""}
                found = await self.entries(who, **asked)
                seen[f"{who.id} {scope}"] = [one for one in found if one.reader_id not in (self.ada.id, self.bob.id)]
        seen["cases"] = await self.cases(self.bob, group_id)
        for category in ("group", "ledger"):
            seen[category] = types(await self.events(f"{category}-{group_id}"))
        seen["accesses"] = await self.recorded(group_id, reader_kind=READER_KIND_BREAK_GLASS)
        seen["auditors"] = await self.recorded(group_id, reader_kind=READER_KIND_AUDITOR)
        return seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Discreet]:
    async with at_work(tmp_path_factory.mktemp("later"), Discreet) as house:
        await house.staff()
        yield house


async def test_nothing_tells_of_it_before_its_date_and_then_all_of_it_is_told(house: Discreet) -> None:
    group_id = await house.group(TWO_KEYS, house.bob)
    post_id = await house.post(group_id)
    before = await house.seen_by_members(group_id)
    id, told_at = await house.sealed(group_id, lasts_s=20, told_after_s=30)
    assert await house.read_under(id, house.officer, group_id) == [SECRET]
    (opened,) = (await house.shown(id, 1)).accesses
    (looked,) = await house.recorded(id, reader_kind=READER_KIND_AUDITOR)
    assert (looked.reader_id, looked.break_glass_id, looked.group_id) == (house.auditor.id, id, group_id)
    assert (opened.group_id, opened.break_glass_id) == (group_id, id)
    assert not opened.HasField("disclosed_at")

    assert await house.seen_by_members(group_id) == before
    receipt = audit.GetReceiptRequest(group_id=group_id, access_id=opened.access_id)
    assert (await refused(house.call(house.ledger.GetReceipt, receipt, house.bob.token))).id == "AUD-04"
    assert (await house.cases(house.delegate))[id].disclose_at == told_at, "those who hold the keys know"
    assert [one.access_id for one in await house.entries(house.officer, scope=ListAccessesRequest.SCOPE_BY_ME)] == [
        opened.access_id
    ]
    ((untold, told_by),) = await house.untold(house.bob)
    assert (untold, told_by) == (2, told_at), "the reading, and the auditor's looking"

    async def is_told() -> bool:
        return id in await house.cases(house.bob, group_id)

    await eventually(is_told, deadline_s=60)
    assert datetime.now(UTC) >= told_at.ToDatetime(UTC)
    case = (await house.cases(house.bob, group_id))[id]
    assert (case.state, case.requested_by, case.approved_by) == (
        BreakGlassCase.STATE_ENDED, house.officer.id, house.dpo.id,
    )  # fmt: skip
    assert (case.delay_reason, case.disclose_at) == (WHY_LATER, told_at)
    assert case.disclosed_at.ToMicroseconds() >= told_at.ToMicroseconds() > case.opened_at.ToMicroseconds()

    async def is_shown() -> bool:
        return any(one.access_id == opened.access_id for one in await house.entries(house.bob, group_id=group_id))

    await eventually(is_shown)
    shown = {one.access_id: one for one in await house.entries(house.bob, group_id=group_id)}
    assert shown[opened.access_id].disclosed_at == case.disclosed_at
    assert (shown[opened.access_id].at, shown[opened.access_id].reader_id) == (opened.at, house.officer.id)
    assert shown[looked.access_id].reader_id == house.auditor.id, "nobody looks unseen for good"
    about = await house.entries(house.ada, scope=ListAccessesRequest.SCOPE_ABOUT_ME)
    assert opened.access_id in [one.access_id for one in about]
    of_post = {"scope": ListAccessesRequest.SCOPE_OBJECT, "object_id": post_id, "group_id": group_id}
    assert opened.access_id in [one.access_id for one in await house.entries(house.bob, **of_post)]
    proof = parse_receipt((await house.call(house.ledger.GetReceipt, receipt, house.bob.token)).receipt)
    assert f'"break_glass_id":"{id}"'.encode() in proof.record
    assert f'"group_id":"{group_id}"'.encode() in proof.record
    assert await house.untold(house.bob) == []
    found = await house.call(
        AuditQueryServiceStub(house.channel).SearchAccesses,
        audit.SearchAccessesRequest(
            group_ids=[group_id],
            reader_kind=READER_KIND_BREAK_GLASS,
            purpose=PURPOSE_INTERNAL_AUDIT,
            purpose_reference="2026-21",
        ),
        house.auditor.token,
    )
    assert [one.access_id for one in found.entries] == [opened.access_id]


async def test_it_opens_to_its_reader_alone_who_names_it_and_to_nobody_after_its_end(house: Discreet) -> None:
    group_id, other = await house.group(TWO_KEYS, house.bob), await house.group(TWO_KEYS)
    for one in (group_id, other):
        await house.post(one)
    id, _ = await house.sealed(group_id, lasts_s=3600, told_after_s=7200)
    assert (await refused(house.read(house.officer, group_id))).id == "ACC-01"
    assert (await refused(house.read_under("no id", house.officer, group_id))).id == "ACC-01"
    assert (await refused(house.read_under(id, house.dpo, group_id))).id == "ACC-01"
    assert (await refused(house.read_under(id, house.officer, other))).id == "ACC-01"
    assert await house.read_under(id, house.bob, group_id) == [SECRET], "a member is one still"
    assert await house.read_under(id, house.officer, group_id) == [SECRET]
    assert await house.recorded(group_id, reader_id=house.officer.id) == []
    await house.glass_of(house.delegate, "End", break_glass_id=id)
    assert (await refused(house.read_under(id, house.officer, group_id))).id == "ACC-01"
    assert types(await house.of(group_id))[-1] == "MemberAdded", "the group's stream has no word of it"


async def test_it_follows_nothing_as_it_is_written(house: Discreet) -> None:
    group_id = await house.group(TWO_KEYS)
    id, _ = await house.sealed(group_id, lasts_s=3600, told_after_s=7200)
    reader, everything = (
        Caller(house.officer.id, frozenset({ROLE_SECURITY_OFFICER})),
        Object("group", group_id, LEVEL_CONFIDENTIAL),
    )
    with acting(reader, {HEADER: id}), pytest.raises(Refused) as caught:
        async with Guard.of(house.kernel).live(reader, group_id, [everything]):
            pass
    assert caught.value.refusal.id == "ACC-15"


async def test_rules_that_allow_none_end_it(house: Discreet) -> None:
    group_id = await house.group(TWO_KEYS)
    await house.post(group_id)
    id, _ = await house.sealed(group_id, lasts_s=3600, told_after_s=7200)
    assert await house.read_under(id, house.officer, group_id) == [SECRET]
    await house.ask(house.ada, "ProposeRules", group_id=group_id, rules=NEVER)
    assert (await refused(house.read_under(id, house.officer, group_id))).id == "ACC-01"


async def test_what_nobody_approves_is_told_to_nobody(house: Discreet) -> None:
    group_id = await house.group(TWO_KEYS, house.bob)
    told_at = later(seconds=1.5)
    more = {"ends_at": later(seconds=1), "disclose_at": told_at, "delay_reason": WHY_LATER}
    id = await house.asked(group_id, **more)
    assert (await refused(house.read_under(id, house.officer, group_id))).id == "ACC-01"
    wrong = house.glass_of(house.dpo, "Approve", break_glass_id=id)
    assert (await refused(wrong)).id == "GRP-30"
    await asyncio.sleep(3)
    assert await house.cases(house.bob, group_id) == {}
    assert types(await house.events(f"breakglass-{id}")) == ["BreakGlassRequested"]
