"""Whether anything is missing, with audit at work as in production: what is taken away, added or changed is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.audit_pb2 import CheckCompletenessResponse as Answer
from regard.audit.v1.events_pb2 import ACTION_SEARCH_LEDGER, AccessesErased, AccessesRecorded
from regard.common.v1.common_pb2 import PURPOSE_INTERNAL_AUDIT
from regard.groups.v1.rules_pb2 import GROUP_KIND_DIRECT

from services.access import Action, Guard
from services.audit.log.vault import RECORDS
from services.audit.views import LEDGER, OBJECTS
from services.common.rpc import Caller, acting
from tests.contract.test_audit import Audit, audit, auditor, post, refused
from tests.guarded import NOON, eventually, person

__all__ = ["audit"]

SPAN = timedelta(minutes=5)
WHY = {"purpose": PURPOSE_INTERNAL_AUDIT, "purpose_reference": "2026-14"}


async def checked(audit: Audit, who: Caller | None = None, *group_ids: str, **asked: Any) -> Answer:
    """What an auditor is told."""
    request = pb.CheckCompletenessRequest(group_ids=group_ids, **{**WHY, **asked})
    with acting(who or auditor()):
        return await audit.query.CheckCompleteness(request, None)  # type: ignore[no-any-return]


async def next_span(audit: Audit, *guards: Guard) -> None:
    """Five minutes go by, and these guards tell what they counted; audit's own always does."""
    audit.clock.move(seconds=SPAN.total_seconds() + 6)
    for guard in (audit.shared, *guards):
        assert await guard.tell_counts()


async def changed(audit: Audit, statement: sa.UpdateBase, *, vault: bool = False) -> None:
    """What somebody with the right to write does to a table."""
    database = audit.kernel.vault("audit", RECORDS.metadata) if vault else audit.kernel.database("audit")
    async with database.begin() as transaction:
        assert (await transaction.execute(statement)).rowcount == 1


def kinds(answer: Answer) -> list[str]:
    """What differs."""
    return [Answer.Kind.Name(one.kind).removeprefix("KIND_") for one in answer.differences]


@pytest.fixture
async def story(audit: Audit) -> tuple[Audit, str, str]:
    """A group with three accesses by a reader, all of them counted and in the log; and the reader."""
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben)
    await eventually(audit.shared.tell_counts)
    for number in range(3):
        await audit.read(ben, group_id, post(f"p{number}", awa))
    await audit.shown(group_id)
    await next_span(audit)
    await eventually(lambda: _complete(audit))
    return audit, group_id, ben


async def _complete(audit: Audit) -> bool:
    answer = await checked(audit)
    return not answer.behind and answer.in_log == answer.counted and not answer.differences


async def test_what_every_guard_counted_is_there(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    other, awa = audit.guard(), person()
    await audit.add(group_id, awa)
    await other.tell_counts()
    sight = await other.sight(Caller(awa), group_id, Action.READ)
    await other.enter(sight, (post("p9", person()),))
    await audit.shown(group_id)
    await next_span(audit, other)
    looking = auditor()
    answer = await checked(audit, looking, group_id)
    assert (answer.counted, answer.in_ledger, answer.groups, kinds(answer)) == (4, 4, 1, [])
    assert answer.proven_from.ToDatetime(NOON.tzinfo) == NOON
    assert answer.proven_to.ToDatetime(NOON.tzinfo) == NOON + 2 * SPAN
    assert [one.silent for one in answer.guards] == [False, False]
    # A group that was asked for is told; what is newer than what is counted is not part of the answer.
    assert [one.reader_id for one in await audit.accesses(group_id) if one.action == ACTION_SEARCH_LEDGER] == [
        looking.person_id
    ]
    assert (await checked(audit, None, group_id)).counted == 4
    await refused(lambda: checked(audit, Caller(awa), group_id), "ACC-06")


async def test_only_the_time_that_was_asked_for_is_compared(story: tuple[Audit, str, str]) -> None:
    audit, group_id, ben = story
    await audit.read(ben, group_id, post("p5", person()))
    await audit.shown(group_id)
    await next_span(audit)
    assert (await checked(audit, None, **{"from": NOON + SPAN})).counted == 1
    assert (await checked(audit, to=NOON + SPAN)).counted == 3
    nothing = await checked(audit, **{"from": NOON + timedelta(days=1)})
    assert (nothing.counted, nothing.in_ledger) == (0, 0)
    assert nothing.proven_to.ToDatetime() < nothing.proven_from.ToDatetime()


async def test_a_line_that_was_taken_from_the_ledger_is_named(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    gone = LEDGER.c.group_id == group_id, LEDGER.c.revision == 1
    await changed(audit, sa.delete(LEDGER).where(*gone))
    looking = auditor()
    answer = await checked(audit, looking)
    assert kinds(answer) == ["NOT_IN_LEDGER", "ONLY_IN_LOG"]
    by_number, by_place = answer.differences
    assert (by_number.counted, by_number.held, by_number.span.ToDatetime(NOON.tzinfo)) == (3, 2, NOON)
    lost = (await audit.accesses(group_id))[1]
    assert (by_place.revision, by_place.index, by_place.access_id) == (1, 0, lost.access_id)
    # A group that is named in the answer is told so.
    assert looking.person_id in {one.reader_id for one in await audit.accesses(group_id)}


async def test_a_line_that_was_changed_is_found_though_the_number_is_right(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    access = (await audit.accesses(group_id))[2]
    access.reader_id = person()
    this = LEDGER.c.group_id == group_id, LEDGER.c.revision == 2
    await changed(audit, sa.update(LEDGER).where(*this).values(record=access.SerializeToString(deterministic=True)))
    assert kinds(await checked(audit)) == ["NOT_THE_SAME"]


async def test_an_access_that_no_guard_recorded_is_found(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    forged = (await audit.accesses(group_id))[0]
    forged.access_id, forged.reader_id = person(), person()
    await audit.write(f"access-{group_id}", AccessesRecorded(group_id=group_id, accesses=[forged]))
    await audit.shown(group_id)
    answer = await checked(audit)
    assert kinds(answer)[0] == "NOT_COUNTED"
    assert (answer.differences[0].counted, answer.differences[0].held) == (3, 4)


async def test_an_access_that_the_log_was_robbed_of_is_named(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    gone = RECORDS.c.group_id == group_id, RECORDS.c.revision == 1
    await changed(audit, sa.delete(RECORDS).where(*gone), vault=True)
    answer = await checked(audit)
    assert kinds(answer) == ["NO_PLACE", "NOT_IN_LOG"]
    assert {one.revision for one in answer.differences} == {1}


async def test_an_access_that_is_recorded_twice_is_named_and_counts_once(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    again = (await audit.accesses(group_id))[1]
    await audit.write(f"access-{group_id}", AccessesRecorded(group_id=group_id, accesses=[again]))
    await audit.shown(group_id)
    answer = await checked(audit)
    assert (kinds(answer), answer.counted, answer.in_ledger) == (["TWICE"], 3, 3)
    assert answer.differences[0].access_id == again.access_id


async def test_what_a_guard_did_not_live_to_tell_is_uncounted_and_no_difference(story: tuple[Audit, str, str]) -> None:
    audit, group_id, ben = story
    killed = audit.guard()
    await killed.tell_counts()
    sight = await killed.sight(Caller(ben), group_id, Action.READ)
    await killed.enter(sight, (post("p9", person()),))
    await audit.shown(group_id)
    await next_span(audit)
    # As long as it may only be late, nothing newer than what it told is proven.
    assert (await checked(audit)).proven_to.ToDatetime(NOON.tzinfo) == NOON + SPAN
    for _ in range(3):
        await next_span(audit)
    answer = await checked(audit)
    assert (answer.counted, answer.in_ledger, answer.uncounted, kinds(answer)) == (3, 4, 1, [])
    assert sorted(one.silent for one in answer.guards) == [False, True]


async def test_what_is_erased_is_not_missing(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    position = (await audit.store.inner.load(f"access-{group_id}")).position
    erased = AccessesErased(group_id=group_id, up_to_revision=2, up_to_position=position)
    await audit.write(f"ledger-{group_id}", erased)
    await eventually(lambda: _is_erased(audit, group_id))
    answer = await checked(audit)
    assert (answer.counted, answer.erased, kinds(answer)) == (0, 3, [])


async def _is_erased(audit: Audit, group_id: str) -> bool:
    async with audit.kernel.database("audit").read() as connection:
        found = await connection.execute(sa.select(OBJECTS).where(OBJECTS.c.group_id == group_id))
        return found.first() is None


async def test_differences_where_auditors_may_not_look_are_counted_and_not_named(
    story: tuple[Audit, str, str],
) -> None:
    audit, _, ben = story
    direct = await audit.group(ben, person(), kind=GROUP_KIND_DIRECT)
    await audit.read(ben, direct, post("p7", person()))
    await audit.shown(direct)
    await next_span(audit)
    await changed(audit, sa.delete(LEDGER).where(LEDGER.c.group_id == direct))
    answer = await checked(audit)
    assert (kinds(answer), answer.withheld) == ([], 1)
    assert direct.encode() not in answer.SerializeToString()
    await refused(lambda: checked(audit, None, direct), "ACC-01")


async def test_nothing_is_answered_that_could_not_be_recorded(story: tuple[Audit, str, str]) -> None:
    audit, group_id, _ = story
    audit.store.appends_to_lose = 10**6
    await refused(lambda: checked(audit, None, group_id), "ACC-09")
    audit.store.appends_to_lose = 0
