"""What auditors ask of the ledger, with audit at work as in production: each question is seen by those it concerns."""

from __future__ import annotations

from typing import Any

import pytest
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.events_pb2 import (
    ACTION_READ,
    ACTION_SEARCH_LEDGER,
    READER_KIND_AUDITOR,
    READER_KIND_COLLEAGUE,
    READER_KIND_MEMBER,
    Access,
)
from regard.common.v1.common_pb2 import LEVEL_OPEN, PURPOSE_INTERNAL_AUDIT, PURPOSE_SECURITY_INCIDENT, PageRequest
from regard.groups.v1.rules_pb2 import GROUP_KIND_DIRECT

from services.audit import auditors
from services.common.rpc import Caller, acting
from tests.contract.test_audit import Audit, audit, auditor, post, refused
from tests.guarded import person

__all__ = ["audit"]

WHY = {"purpose": PURPOSE_INTERNAL_AUDIT, "purpose_reference": "2026-14"}


def query(*group_ids: str, **asked: Any) -> pb.SearchAccessesRequest:
    """Which accesses, for a purpose."""
    return pb.SearchAccessesRequest(group_ids=group_ids, **{**WHY, **asked})


async def questions(audit: Audit, group_id: str) -> list[Access]:
    """Which questions of auditors the group has been told of."""
    return [one for one in await audit.accesses(group_id) if one.reader_kind == READER_KIND_AUDITOR]


async def statistics(audit: Audit, who: Caller, *group_ids: str, **asked: Any) -> list[tuple[Any, ...]]:
    """The counts, as tuples."""
    with acting(who):
        request = pb.GetStatisticsRequest(query=query(*group_ids, **asked))
        found = (await audit.query.GetStatistics(request, None)).counts
    names = ("reader_kind", "action", "purpose", "accesses", "readers", "groups")
    return [(one.day.ToDatetime().strftime("%d %H:%M"), *(getattr(one, name) for name in names)) for one in found]


async def test_by_what_was_done_and_for_which_purpose(audit: Audit) -> None:
    awa, ben, looking = person(), person(), auditor()
    group_id = await audit.group(awa, ben)
    await audit.read(ben, group_id, post("p1", awa))
    await audit.search(looking, group_id, purpose=PURPOSE_SECURITY_INCIDENT, purpose_reference="7")
    await audit.search(looking, group_id)
    await audit.shown(group_id)
    found = await audit.search(looking, group_id, accessed_for=PURPOSE_SECURITY_INCIDENT)
    assert [(one.reader_id, one.purpose_reference) for one in found.entries] == [(looking.person_id, "7")]
    found = await audit.search(looking, group_id, action=ACTION_READ)
    assert [one.reader_id for one in found.entries] == [ben]


async def test_what_a_person_accessed_anywhere_is_told_to_each_of_these_groups_and_to_no_other(audit: Audit) -> None:
    awa, ben, looking = person(), person(), auditor()
    one, two, other = await audit.group(awa, ben), await audit.group(awa, ben), await audit.group(awa, ben)
    between_them = await audit.group(awa, ben, kind=GROUP_KIND_DIRECT)
    for group_id in (one, two, between_them):
        await audit.read(ben, group_id, post("p1", awa))
    await audit.read(awa, other, post("p2", ben))
    await audit.shown(one, two, other, between_them)
    seen, token = [], ""
    while True:
        page = await audit.search(looking, reader_id=ben, page=PageRequest(size=1, token=token))
        seen += [(entry.group_id, entry.reader_id) for entry in page.entries]
        if not (token := page.page.next_token):
            break
    assert seen == [(two, ben), (one, ben)]
    assert [len(await questions(audit, each)) for each in (one, two, other, between_them)] == [2, 2, 0, 0]
    await refused(lambda: audit.search(looking), "AUD-30")


async def test_a_question_that_concerns_too_many_groups_is_told_to_none(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa, ben = person(), person()
    groups = [await audit.group(awa, ben) for _ in range(3)]
    for group_id in groups:
        await audit.read(ben, group_id, post("p1", awa))
    await audit.shown(*groups)
    monkeypatch.setattr(auditors, "MOST_GROUPS", 2)
    await refused(lambda: audit.search(auditor(), reader_id=ben), "AUD-31")
    assert not any([await questions(audit, group_id) for group_id in groups])


async def test_statistics_count_by_day_and_are_told(audit: Audit) -> None:
    awa, ben, chloe, looking = person(), person(), person(), auditor()
    one, two = await audit.group(awa, ben, chloe), await audit.group(awa, level=LEVEL_OPEN)
    for who in (ben, chloe):
        await audit.read(who, one, post("p1", awa))
    await audit.read(ben, one, post("p2", awa))
    audit.clock.move(hours=12)  # to midnight: the next day
    await audit.read(ben, one, post("p3", awa))
    await audit.shown(one)
    read = ("02 00:00", READER_KIND_MEMBER, ACTION_READ, 0, 3, 2, 1)
    reads = await statistics(audit, looking, one, two, action=ACTION_READ)
    assert reads == [("03 00:00", *read[1:4], 1, 1, 1), read]
    for group_id in (one, two):
        assert [(one.action, one.purpose_reference) for one in await questions(audit, group_id)] == [
            (ACTION_SEARCH_LEDGER, "2026-14")
        ]
    await audit.shown(one, two)
    audit.clock.move(hours=1)
    (counted,) = await statistics(audit, looking, one, two, reader_kind=READER_KIND_AUDITOR, to=audit.clock.now)
    assert counted[3:] == (PURPOSE_INTERNAL_AUDIT, 2, 1, 2)
    assert await statistics(audit, looking, one, reader_kind=READER_KIND_COLLEAGUE) == []
    await refused(lambda: statistics(audit, looking, one, purpose=0), "ACC-07")
    await refused(lambda: statistics(audit, Caller(awa), one), "ACC-06")


async def test_nothing_is_counted_that_could_not_be_recorded(audit: Audit) -> None:
    group_id = await audit.group(person())
    audit.store.appends_to_lose = 10**6
    await refused(lambda: statistics(audit, auditor(), group_id), "ACC-09")
    audit.store.appends_to_lose = 0
