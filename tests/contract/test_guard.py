"""The guard's promises, attacked: no confidential byte without a record, no read after removal, nothing lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from regard.audit.v1.events_pb2 import (
    ACTION_IMPORT,
    ACTION_LIVE,
    ACTION_READ,
    ACTION_READ_LEDGER,
    READER_KIND_ADMINISTRATOR,
    READER_KIND_AUDITOR,
    READER_KIND_BREAK_GLASS,
    READER_KIND_COLLEAGUE,
    READER_KIND_MEMBER,
)
from regard.common.v1.common_pb2 import (
    LEVEL_CONFIDENTIAL,
    LEVEL_OPEN,
    LEVEL_RESTRICTED,
    PURPOSE_INTERNAL_AUDIT,
    PURPOSE_MIGRATION,
    PURPOSE_SECURITY_INCIDENT,
)
from regard.common.v1.options_pb2 import ROLE_AUDITOR, ROLE_PLATFORM_ADMINISTRATOR, ROLE_SECURITY_OFFICER
from regard.groups.v1 import events_pb2 as groups
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_TWO_KEYS,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_STEWARD,
    PAST_VISIBILITY_FROM_JOINING,
    BreakGlassScope,
)
from regard.identity.v1 import events_pb2 as identity

import services.access
from services.access import Action, Erased, Guard, Live, Object, Place
from services.common.errors import Refused
from services.common.rpc import Caller
from services.common.sealing import DataKey, NotSealedHere
from tests.guarded import NOON, TEXT, Post, Site, eventually, person, read, soon, touched


@pytest.fixture
async def site() -> Site:
    return Site()


async def refused(awaitable: Awaitable[object], id: str) -> None:
    with pytest.raises(Refused) as caught:
        await soon(awaitable)
    assert caught.value.refusal.id == id


# Invariant 1: no confidential byte without a durable record.


async def test_the_record_is_durable_before_the_grant_exists(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    post = await site.post(guard, group_id, awa, TEXT)
    site.store.appends_may_pass.clear()
    reading = asyncio.ensure_future(read(guard, ben, group_id, post))
    await eventually(lambda: site.store.appends_begun == 1)
    assert not reading.done()
    assert await site.accesses(group_id) == []
    site.store.appends_may_pass.set()
    await soon(reading)
    assert reading.result() == [TEXT]
    (access,) = await site.accesses(group_id)
    assert (access.reader_id, access.reader_kind, access.action) == (ben, READER_KIND_MEMBER, ACTION_READ)
    assert (list(access.objects[0].ids), list(access.author_ids)) == ([post.object.id], [awa])


async def test_nothing_is_opened_and_no_key_fetched_when_the_record_fails(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    post = await site.post(site.guard(), group_id, awa, TEXT)
    sight = await guard.sight(Caller(ben), group_id, Action.READ)
    asked = len(site.keys.asked)
    site.store.cut()
    await refused(guard.enter(sight, [post.object]), "ACC-09")
    assert len(site.keys.asked) == asked
    assert await site.accesses(group_id) == []


async def test_a_caller_that_goes_away_leaves_others_and_their_records_alone(site: Site) -> None:
    awa, ben, eve, guard = person(), person(), person(), site.guard()
    group_id = await site.group(awa, ben, eve)
    post = await site.post(guard, group_id, awa, TEXT)
    site.store.appends_may_pass.clear()
    gone, stays = (asyncio.ensure_future(read(guard, who, group_id, post)) for who in (ben, eve))
    await eventually(lambda: site.store.appends_begun == 1)
    gone.cancel()
    site.store.appends_may_pass.set()
    await soon(stays)
    assert stays.result() == [TEXT]
    assert gone.cancelled()
    assert (eve, post.object.id) in touched(await site.accesses(group_id))


@settings(max_examples=60, deadline=None, print_blob=True)
@given(seed=st.integers(0, 2**32), readers=st.integers(1, 6), failures=st.integers(0, 6), answers=st.integers(0, 4))
def test_whatever_fails_what_was_opened_was_recorded_once(seed: int, readers: int, failures: int, answers: int) -> None:
    async def scenario() -> None:
        chance, site = random.Random(seed), Site()
        guards = [site.guard(), site.guard()]
        author = person()
        those = [person() for _ in range(readers)]
        group_id = await site.group(author, *those)
        posts = [await site.post(guards[0], group_id, author, TEXT) for _ in range(3)]
        site.store.appends_to_lose, site.store.answers_to_lose = failures, answers
        opened: list[tuple[str, str]] = []
        refusals: set[str] = set()

        async def one(who: str) -> None:
            for _ in range(3):
                await asyncio.sleep(chance.random() * 0.003)
                post = chance.choice(posts)
                if chance.random() < 0.2:
                    site.store.cut()
                    asyncio.get_running_loop().call_later(chance.random() * 0.02, site.store.mend)
                try:
                    await read(chance.choice(guards), who, group_id, post)
                except Refused as refusal:
                    refusals.add(refusal.refusal.id)
                    continue
                assert (who, post.object.id) in touched(await site.accesses(group_id))
                opened.append((who, post.object.id))

        await asyncio.gather(*(one(who) for who in those))
        for guard in guards:
            await guard.settle()
        accesses = await site.accesses(group_id)
        assert len({access.access_id for access in accesses}) == len(accesses)
        assert set(opened) <= touched(accesses)
        assert refusals <= {"ACC-09", "ACC-10"}
        assert sum(guard.recorded for guard in guards) == len(accesses) or failures or answers

    asyncio.run(scenario())


async def test_a_lost_answer_neither_loses_nor_doubles_the_record(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    post = await site.post(guard, group_id, awa, TEXT)
    site.store.answers_to_lose, site.store.appends_to_lose = 3, 2
    await soon(read(guard, ben, group_id, post))
    assert len(await site.accesses(group_id)) == 1
    assert guard.recorded == 1


async def test_who_enters_together_is_recorded_together_and_nobody_is_left_out(site: Site) -> None:
    guard, awa = site.guard(), person()
    readers = [person() for _ in range(200)]
    group_id = await site.group(awa, *readers)
    post = await site.post(guard, group_id, awa, TEXT)
    await soon(asyncio.gather(*(read(guard, who, group_id, post) for who in readers)))
    accesses, events = await site.accesses(group_id), await site.events(group_id)
    assert sorted(access.reader_id for access in accesses) == sorted(readers)
    assert len(events) < len(readers) / 4
    assert guard.recorded == len(readers)


async def test_access_streams_are_told_once_how_long_to_keep(site: Site) -> None:
    guard, awa, ben, eve = site.guard(), person(), person(), person()
    group_id = await site.group(awa, ben, eve)
    post = await site.post(guard, group_id, awa, TEXT)
    await read(guard, ben, group_id, post)
    await read(guard, eve, group_id, post)
    await guard.settle()
    assert site.store.retained == [f"access-{group_id}"]


# Which accesses are recorded.


async def test_ones_own_writing_is_not_an_access(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    mine, other = await site.post(guard, group_id, awa, TEXT), await site.post(guard, group_id, ben, "other")
    assert await read(guard, awa, group_id, mine) == [TEXT]
    assert await site.accesses(group_id) == []
    assert await read(guard, awa, group_id, mine, other) == [TEXT, "other"]
    assert touched(await site.accesses(group_id)) == {(awa, other.object.id)}


async def test_open_groups_record_the_ledger_exports_and_what_was_confidential(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    before = await site.post(guard, group_id, awa, TEXT)
    await site.adopt(group_id, 2, level=LEVEL_OPEN)
    after = await site.post(guard, group_id, awa, "for all")
    assert await read(guard, ben, group_id, after) == ["for all"]
    assert await read(guard, person(), group_id, after) == ["for all"]
    assert await site.accesses(group_id) == []
    await refused(read(guard, person(), group_id, before), "ACC-08")
    assert await read(guard, ben, group_id, before, after) == [TEXT, "for all"]
    assert touched(await site.accesses(group_id)) == {(ben, before.object.id)}
    export = await guard.sight(Caller(ben), group_id, Action.EXPORT)
    await guard.enter(export, [after.object])
    assert (ben, after.object.id) in touched(await site.accesses(group_id))


async def test_reading_again_within_the_window_is_one_access_and_new_objects_are_another(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben, window_minutes=30)
    first, second = await site.post(guard, group_id, awa, TEXT), await site.post(guard, group_id, awa, "more")
    await read(guard, ben, group_id, first)
    await read(guard, ben, group_id, first)
    await read(guard, ben, group_id, first, second)
    one, two = await site.accesses(group_id)
    assert (list(one.objects[0].ids), list(two.objects[0].ids)) == ([first.object.id], [second.object.id])
    site.clock.move(minutes=30)
    await read(guard, ben, group_id, first)
    assert len(await site.accesses(group_id)) == 3
    await site.adopt(group_id, 2, level=LEVEL_CONFIDENTIAL, window_minutes=30)
    await read(guard, ben, group_id, first)
    assert [access.rules_version for access in await site.accesses(group_id)] == [1, 1, 1, 2]


async def test_an_access_that_could_not_be_recorded_does_not_count_as_seen(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    post = await site.post(guard, group_id, awa, TEXT)
    sight = await guard.sight(Caller(ben), group_id, Action.READ)
    site.store.cut()
    await refused(guard.enter(sight, [post.object]), "ACC-09")
    site.store.mend()
    await read(guard, ben, group_id, post)
    assert touched(await site.accesses(group_id)) == {(ben, post.object.id)}


async def test_auditors_search_the_ledger_for_a_purpose_and_read_nothing(site: Site) -> None:
    awa, guard = person(), site.guard()
    auditor = Caller(person(), frozenset({int(ROLE_AUDITOR)}))
    group_id = await site.group(awa)
    post = await site.post(guard, group_id, awa, TEXT)
    await refused(guard.sight(auditor, group_id, Action.READ), "ACC-01")
    sight = await guard.sight(auditor, group_id, Action.SEARCH_LEDGER)
    await refused(guard.enter(sight, []), "ACC-07")
    await refused(guard.enter(sight, [], PURPOSE_INTERNAL_AUDIT, "  "), "ACC-07")
    grant = await guard.enter(sight, [post.object], PURPOSE_INTERNAL_AUDIT, "2026-14")
    with pytest.raises(ValueError, match="what was entered"):
        await grant.open(post.sealed, post.place)
    (access,) = await site.accesses(group_id)
    assert (access.reader_kind, access.purpose_reference) == (READER_KIND_AUDITOR, "2026-14")


def opened(group_id: str, reader: str, until: datetime, **scope: object) -> groups.BreakGlassOpened:
    return groups.BreakGlassOpened(
        group_id=group_id,
        break_glass_id="b",
        reader_id=reader,
        reader_role=ROLE_SECURITY_OFFICER,
        reason=PURPOSE_SECURITY_INCIDENT,
        reference="case 7",
        scope=BreakGlassScope(**scope),  # type: ignore[arg-type]
        ends_at=until,
    )


async def broken(site: Site, guard: Guard, **scope: object) -> tuple[str, Caller, Post, Post]:
    """A group with two posts, an hour apart, opened by break-glass to the caller for two hours."""
    awa, officer = person(), Caller(person(), frozenset({ROLE_SECURITY_OFFICER}))
    group_id = await site.group(awa, break_glass=BREAK_GLASS_TWO_KEYS)
    posts = [await site.post(guard, group_id, awa, TEXT) for _ in range(2)]
    for post, hours in zip(posts, (-2, -1), strict=True):
        post.object = replace(post.object, written_at=site.clock() + timedelta(hours=hours))
    if "only" in scope:
        scope = {"object_ids": [posts[int(str(scope["only"]))].object.id]}
    until = site.clock() + timedelta(hours=2)
    await site.write(f"group-{group_id}", opened(group_id, officer.person_id, until, **scope))
    return group_id, officer, posts[0], posts[1]


async def test_who_reads_by_break_glass_is_recorded_each_time_with_what_it_was_opened_for(site: Site) -> None:
    guard = site.guard()
    group_id, officer, post, _ = await broken(site, guard)
    for _ in range(2):
        sight = await guard.sight(officer, group_id, Action.READ)
        grant = await guard.enter(sight, [post.object], PURPOSE_INTERNAL_AUDIT, "another reason")
        assert await grant.open(post.sealed, post.place) == TEXT
    for access in (accesses := await site.accesses(group_id)):
        assert (access.reader_id, access.reader_kind) == (officer.person_id, READER_KIND_BREAK_GLASS)
        assert (access.purpose, access.purpose_reference) == (PURPOSE_SECURITY_INCIDENT, "case 7")
    assert len(accesses) == 2
    for action in (Action.WRITE, Action.FIND, Action.READ_LEDGER, Action.MANAGE):
        await refused(guard.sight(officer, group_id, action), "ACC-01")


@pytest.mark.parametrize("scope", [{"only": 1}, {"from": NOON - timedelta(hours=1)}], ids=["objects", "period"])
async def test_a_break_glass_opens_its_scope_and_nothing_else(site: Site, scope: dict[str, object]) -> None:
    async with site.watching() as guard:
        group_id, officer, before, after = await broken(site, guard, **scope)
        sight = await guard.sight(officer, group_id, Action.READ)
        await refused(guard.enter(sight, [before.object, after.object]), "ACC-08")
        if "only" not in scope:
            await refused(guard.enter(sight, [replace(after.object, written_at=None)]), "ACC-08")
        assert await site.accesses(group_id) == []
        grant = await guard.enter(sight, [after.object])
        assert await grant.open(after.sealed, after.place) == TEXT
        with pytest.raises(ValueError, match="what was entered"):
            await grant.open(before.sealed, before.place)
        live = guard.live(officer, group_id, [Object("group", group_id, LEVEL_CONFIDENTIAL)])
        await refused(live.__aenter__(), "ACC-14")


@pytest.mark.parametrize("ending", ["time", "closed", "new rules", "role"])
async def test_a_break_glass_ends_for_calls_and_for_live_accesses(site: Site, ending: str) -> None:
    async with site.watching() as guard:
        group_id, officer, post, _ = await broken(site, guard)
        async with guard.live(officer, group_id, [Object("group", group_id, LEVEL_CONFIDENTIAL)]) as live:
            assert await live.open(post.sealed, post.place, LEVEL_CONFIDENTIAL) == TEXT
            match ending:
                case "time":
                    site.clock.move(hours=2)
                    await site.write(f"group-{group_id}", groups.RulesVoted(group_id=group_id))
                case "closed":
                    await site.write(
                        f"group-{group_id}", groups.BreakGlassClosed(group_id=group_id, break_glass_id="b")
                    )
                case "new rules":
                    await site.adopt(group_id, 2, level=LEVEL_CONFIDENTIAL)
                case _:
                    who = {"person_id": officer.person_id, "role": ROLE_SECURITY_OFFICER}
                    await site.write(f"user-{officer.person_id}", identity.RoleRevoked(**who))
            await soon(live.closed.wait())
            with pytest.raises(Refused):
                await live.open(post.sealed, post.place, LEVEL_CONFIDENTIAL)
        with pytest.raises(Refused):
            await guard.sight(officer, group_id, Action.READ)
        (access,) = await site.accesses(group_id)
        assert (access.action, access.purpose_reference) == (ACTION_LIVE, "case 7")


async def test_reading_the_ledger_is_itself_recorded_once_a_window(site: Site) -> None:
    awa, guard = person(), site.guard()
    group_id = await site.group(awa, level=LEVEL_RESTRICTED)
    for _ in range(3):
        sight = await guard.sight(Caller(awa), group_id, Action.READ_LEDGER)
        await guard.enter(sight, [Object("ledger", group_id, sight.level)])
    (access,) = await site.accesses(group_id)
    assert access.action == ACTION_READ_LEDGER


async def test_an_import_seals_for_its_author_is_recorded_and_opens_nothing(site: Site) -> None:
    awa, guard = person(), site.guard()
    admin = Caller(person(), frozenset({int(ROLE_PLATFORM_ADMINISTRATOR)}))
    group_id = await site.group(awa)
    sight = await guard.sight(admin, group_id, Action.IMPORT)
    place = Place("regard.feed.v1.PostPublished", "post-1", "body")
    sealed = [await guard.seal(sight, TEXT, place, author=awa) for _ in range(3)]
    (access,) = await site.accesses(group_id)
    assert (access.action, access.purpose) == (ACTION_IMPORT, PURPOSE_MIGRATION)
    assert access.reader_kind == READER_KIND_ADMINISTRATOR
    await refused(guard.sight(admin, group_id, Action.READ), "ACC-01")
    grant = await guard.enter(sight, [Object("post", "1", LEVEL_CONFIDENTIAL, awa)], PURPOSE_MIGRATION, "mattermost")
    with pytest.raises(ValueError, match="what was entered"):
        await grant.open(sealed[0], place)
    writing = await guard.sight(Caller(awa), group_id, Action.WRITE)
    with pytest.raises(ValueError, match="import"):
        await guard.seal(writing, TEXT, place, author=person())


# Invariant 2: no read after removal.


async def test_a_removal_counts_on_every_replica_as_soon_as_it_is_acknowledged(site: Site) -> None:
    awa, ben, here, there = person(), person(), site.guard(), site.guard()
    group_id = await site.group(awa, ben)
    post = await site.post(here, group_id, awa, TEXT)
    for guard in (here, there):
        assert await read(guard, ben, group_id, post) == [TEXT]
    await site.remove(group_id, ben)
    for guard in (here, there):
        await refused(read(guard, ben, group_id, post), "ACC-01")


async def test_a_read_that_began_before_the_call_is_not_used_for_it(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    site.store.loads_may_return.clear()
    early = asyncio.ensure_future(guard.sight(Caller(ben), group_id, Action.READ))
    await eventually(lambda: site.store.loads_begun == 1)
    await asyncio.sleep(0)
    await site.remove(group_id, ben)
    late = asyncio.ensure_future(guard.sight(Caller(ben), group_id, Action.READ))
    site.store.loads_may_return.set()
    assert (await early).capacity == READER_KIND_MEMBER
    await refused(late, "ACC-01")


async def test_calls_that_wait_share_one_read(site: Site) -> None:
    awa, guard = person(), site.guard()
    group_id = await site.group(awa)
    site.store.loads_may_pass.clear()
    first = asyncio.ensure_future(guard.sight(Caller(awa), group_id, Action.READ))
    await eventually(lambda: site.store.loads_begun == 1)
    others = [asyncio.ensure_future(guard.sight(Caller(awa), group_id, Action.READ)) for _ in range(50)]
    site.store.loads_may_pass.set()
    await soon(asyncio.gather(first, *others))
    assert site.store.loads_begun == 2


@settings(max_examples=60, deadline=None, print_blob=True)
@given(seed=st.integers(0, 2**32))
def test_in_any_interleaving_a_call_knows_every_removal_before_it(seed: int) -> None:
    async def scenario() -> None:
        chance, site = random.Random(seed), Site()
        awa, ben = person(), person()
        group_id = await site.group(awa, ben)
        guards = [site.guard(), site.guard()]
        belongs = [True]  # ben, after each change that has begun
        acknowledged = 0

        async def change() -> None:
            nonlocal acknowledged
            for _ in range(6):
                await asyncio.sleep(chance.random() * 0.002)
                belongs.append(not belongs[-1])
                await (site.add(group_id, ben) if belongs[-1] else site.remove(group_id, ben))
                acknowledged = len(belongs) - 1

        async def hold() -> None:
            for _ in range(10):
                gate = chance.choice([site.store.loads_may_pass, site.store.loads_may_return])
                gate.clear()
                await asyncio.sleep(chance.random() * 0.002)
                gate.set()

        async def ask() -> None:
            for _ in range(12):
                await asyncio.sleep(chance.random() * 0.001)
                known = acknowledged
                try:
                    await chance.choice(guards).sight(Caller(ben), group_id, Action.READ)
                    answer = True
                except Refused:
                    answer = False
                assert answer in belongs[known:]

        await asyncio.gather(change(), hold(), ask(), ask())

    asyncio.run(scenario())


async def test_an_old_sight_is_checked_again(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    post = await site.post(guard, group_id, awa, TEXT)
    sight = await guard.sight(Caller(ben), group_id, Action.READ)
    await site.remove(group_id, ben)
    site.ticks += 2
    await refused(guard.enter(sight, [post.object]), "ACC-01")


async def test_a_guest_stays_out_when_the_clock_goes_back(site: Site) -> None:
    guest, guard = person(), site.guard()
    group_id = await site.group()
    await site.add(group_id, guest, MEMBER_ROLE_GUEST, until=site.clock.now + timedelta(minutes=5))
    await guard.sight(Caller(guest), group_id, Action.READ)
    site.clock.move(minutes=5)
    await refused(guard.sight(Caller(guest), group_id, Action.READ), "ACC-05")
    site.clock.move(minutes=-60)
    await refused(guard.sight(Caller(guest), group_id, Action.READ), "ACC-05")


async def test_a_guest_ends_in_time_though_the_clock_stands_still(site: Site) -> None:
    guest, guard = person(), site.guard()
    group_id = await site.group()
    await site.add(group_id, guest, MEMBER_ROLE_GUEST, until=site.clock.now + timedelta(minutes=5))
    await guard.sight(Caller(guest), group_id, Action.READ)
    site.clock.move(minutes=-60)
    site.ticks += 301
    await refused(guard.sight(Caller(guest), group_id, Action.READ), "ACC-05")


async def test_an_edit_does_not_put_confidential_words_under_an_open_text(site: Site) -> None:
    awa, guard = person(), site.guard()
    group_id, place = await site.group(awa, level=LEVEL_OPEN), Place("regard.feed.v1.PostEdited", "post-1", "body")
    await guard.seal(await guard.sight(Caller(awa), group_id, Action.WRITE), TEXT, place, replaces=LEVEL_OPEN)
    await site.adopt(group_id, 2, level=LEVEL_CONFIDENTIAL)
    sight = await guard.sight(Caller(awa), group_id, Action.WRITE)
    await refused(guard.seal(sight, TEXT, place, replaces=LEVEL_OPEN), "ACC-13")
    await guard.seal(sight, TEXT, place, replaces=LEVEL_CONFIDENTIAL)


async def test_newcomers_do_not_open_the_past(site: Site) -> None:
    awa, late, guard = person(), person(), site.guard()
    group_id = await site.group(awa, past=PAST_VISIBILITY_FROM_JOINING)
    post = await site.post(guard, group_id, awa, TEXT)
    post.object = replace(post.object, written_at=site.clock.now)
    site.clock.move(hours=1)
    await site.add(group_id, late)
    await refused(read(guard, late, group_id, post), "ACC-08")


# When the event store is out of reach.


async def test_confidential_content_waits_for_the_store_and_open_content_goes_on(site: Site) -> None:
    awa, eve, guard = person(), person(), site.guard()
    closed, public = await site.group(awa), await site.group(awa, level=LEVEL_OPEN)
    secret, notice = await site.post(guard, closed, awa, TEXT), await site.post(guard, public, awa, "for all")
    site.store.cut()
    await refused(read(guard, awa, closed, secret), "ACC-10")
    assert await read(guard, eve, public, notice) == ["for all"]
    sight = await guard.sight(Caller(awa), public, Action.READ)
    assert (sight.capacity, sight.readable_levels) == (READER_KIND_COLLEAGUE, {LEVEL_OPEN})
    for action in (Action.WRITE, Action.EXPORT, Action.READ_LEDGER, Action.MANAGE):
        await refused(guard.sight(Caller(awa), public, action), "ACC-10")
    sights = await guard.sights(Caller(awa), [closed, public], Action.READ)
    assert set(sights) == {public}
    await refused(guard.sights(Caller(awa), [closed], Action.READ), "ACC-10")


async def test_a_store_that_hangs_is_given_up(site: Site) -> None:
    awa, guard = person(), site.guard()
    group_id = await site.group(awa)
    site.store.loads_may_pass.clear()
    await refused(guard.sight(Caller(awa), group_id, Action.READ), "ACC-10")
    site.store.loads_may_pass.set()
    await guard.sight(Caller(awa), group_id, Action.READ)


# Keys and ciphertexts.


async def test_a_ciphertext_opens_nowhere_else(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id, elsewhere = await site.group(awa, ben), await site.group(awa, ben)
    post, foreign = await site.post(guard, group_id, awa, TEXT), await site.post(guard, elsewhere, awa, "other")
    moved = await site.post(guard, group_id, awa, "moved")
    sight = await guard.sight(Caller(ben), group_id, Action.READ)
    grant = await guard.enter(sight, [post.object])
    with pytest.raises(NotSealedHere):
        await grant.open(moved.sealed, post.place)
    with pytest.raises(NotSealedHere):
        await grant.open(post.sealed, replace(post.place, path="comment"))
    for stranger in (moved, foreign):
        with pytest.raises(ValueError, match="what was entered"):
            await grant.open(stranger.sealed, stranger.place)
    sealed = type(post.sealed)()
    sealed.CopyFrom(post.sealed)
    sealed.ciphertext = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    with pytest.raises(NotSealedHere):
        await grant.open(sealed, post.place)


async def test_sights_cannot_be_made_up_or_carried_to_another_guard(site: Site) -> None:
    awa, eve, guard = person(), person(), site.guard()
    group_id = await site.group(awa)
    sight = await site.guard().sight(Caller(awa), group_id, Action.READ)
    for forged in (sight, replace(sight, issuer=None), replace(sight, caller=Caller(eve))):
        with pytest.raises(ValueError, match="guard that made it"):
            await guard.enter(forged, [])
    with pytest.raises(ValueError, match="writing"):
        await guard.seal(await guard.sight(Caller(awa), group_id, Action.READ), TEXT, Place("t", "s", "p"))


async def test_nothing_that_services_may_name_holds_a_key(site: Site) -> None:
    awa, ben = person(), person()
    async with site.watching() as guard:
        group_id = await site.group(awa, ben)
        post = await site.post(guard, group_id, awa, TEXT)
        sight = await guard.sight(Caller(ben), group_id, Action.READ)
        grant = await guard.enter(sight, [post.object])
        await grant.open(post.sealed, post.place)
        async with guard.live(Caller(ben), group_id, [post.object]) as live:
            secret = site.keys.held[group_id, awa]
            for thing in (
                guard,
                sight,
                grant,
                live,
                *(getattr(services.access, one) for one in services.access.__all__),
            ):
                for name in (one for one in dir(thing) if not one.startswith("_")):
                    value = getattr(thing, name, None)
                    assert not isinstance(value, DataKey | bytes), name
                    assert repr(secret) not in repr(value), name


async def test_erased_texts_are_gone_at_once_also_from_the_cache(site: Site) -> None:
    awa, ben, guard = person(), person(), site.guard()
    group_id = await site.group(awa, ben)
    post, other = await site.post(guard, group_id, awa, TEXT), await site.post(guard, group_id, ben, "mine")
    assert await read(guard, ben, group_id, post) == [TEXT]
    site.keys.destroy(group_id, awa)
    await site.write(f"group-{group_id}", groups.KeysDestroyed(group_id=group_id, author_id=awa))
    assert await read(guard, ben, group_id, post, other) == [Erased(), "mine"]
    await refused(site.post(guard, group_id, awa, "again"), "ACC-12")


async def test_a_key_that_was_on_its_way_while_it_was_destroyed_is_not_kept(site: Site) -> None:
    awa, ben = person(), person()
    async with site.watching() as guard:
        group_id = await site.group(awa, ben)
        post = await site.post(site.guard(), group_id, awa, TEXT)
        await eventually(lambda: guard._lives._watching.is_set())
        sight = await guard.sight(Caller(ben), group_id, Action.READ)
        grant = await guard.enter(sight, [post.object])
        site.keys.may_answer.clear()
        asked = len(site.keys.asked)
        opening = asyncio.ensure_future(grant.open(post.sealed, post.place))
        await eventually(lambda: len(site.keys.asked) > asked)
        site.keys.destroy(group_id, awa)
        drops = guard._keyring._drops
        await site.write(f"group-{group_id}", groups.KeysDestroyed(group_id=group_id, author_id=awa))
        await eventually(lambda: guard._keyring._drops > drops)
        site.keys.may_answer.set()
        await soon(opening)
        assert opening.result() == Erased()


async def test_a_grants_keys_come_in_one_call(site: Site) -> None:
    authors, guard = [person() for _ in range(5)], site.guard()
    reader = person()
    group_id = await site.group(reader, *authors)
    posts = [await site.post(site.guard(), group_id, author, author) for author in authors]
    asked = len(site.keys.asked)
    assert await read(guard, reader, group_id, *posts) == authors
    assert [sorted(one) for _, one in site.keys.asked[asked:]] == [sorted(authors)]
    assert await read(guard, reader, group_id, *posts) == authors
    assert len(site.keys.asked) == asked + 1
    site.ticks += 301
    await read(guard, reader, group_id, *posts)
    assert len(site.keys.asked) == asked + 2


async def test_names_open_without_a_record_and_only_names(site: Site) -> None:
    awa, guard = person(), site.guard()
    group_id = await site.group(awa)
    place = Place("regard.groups.v1.GroupCreated", f"group-{group_id}", "name")
    name = await guard.seal_label(group_id, "Works council", place)
    post = await site.post(guard, group_id, awa, TEXT)
    assert await guard.open_labels([(name, place), (type(name)(), place)]) == ["Works council", ""]
    assert await site.accesses(group_id) == []
    with pytest.raises(ValueError, match="only names"):
        await guard.open_labels([(post.sealed, post.place)])


# Live accesses.


async def live_case(
    site: Site, guard: Guard, who: str, group_id: str
) -> tuple[Live, asyncio.Event, asyncio.Task[None]]:
    """A live access held open by a task until the event is set."""
    opened: asyncio.Future[Live] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def hold() -> None:
        async with guard.live(Caller(who, session_id=f"session-{who}"), group_id, [Object("room", "r", 0)]) as live:
            opened.set_result(live)
            await done.wait()

    task = asyncio.ensure_future(hold())
    await asyncio.wait({task, opened}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    return await opened, done, task


async def test_a_live_access_is_recorded_first_and_closed_last(site: Site) -> None:
    awa, ben = person(), person()
    group_id = await site.group(awa, ben)
    async with site.watching() as guard:
        post = await site.post(guard, group_id, awa, TEXT)
        live, done, task = await live_case(site, guard, ben, group_id)
        (access,) = await site.accesses(group_id)
        assert (access.reader_id, access.action) == (ben, ACTION_LIVE)
        assert await live.open(post.sealed, post.place, LEVEL_CONFIDENTIAL) == TEXT
        live.delivered(41)
        live.delivered(7)
        assert await site.closed(group_id) == []
        done.set()
        await soon(task)
        (closed,) = await site.closed(group_id)
        assert (closed.access_id, closed.last_position) == (access.access_id, 41)


async def test_no_live_access_begins_when_it_cannot_be_recorded_or_watched(site: Site) -> None:
    awa = person()
    group_id = await site.group(awa)
    await refused(live_case(site, site.guard(), awa, group_id), "ACC-10")
    async with site.watching() as guard:
        await guard.sight(Caller(awa), group_id, Action.READ)
        site.store.appends_to_lose = 10**6
        await refused(live_case(site, guard, awa, group_id), "ACC-09")


ENDINGS = {
    "removed": lambda group_id, who: (f"group-{group_id}", groups.MemberRemoved(person_id=who)),
    "left": lambda group_id, who: (f"group-{group_id}", groups.MemberLeft(person_id=who)),
    "expired": lambda group_id, who: (f"group-{group_id}", groups.MembershipExpired(person_id=who)),
    "deleted": lambda group_id, who: (f"group-{group_id}", groups.GroupDeleted(group_id=group_id)),
    "made a steward": lambda group_id, who: (
        f"group-{group_id}",
        groups.MemberAdded(person_id=who, role=MEMBER_ROLE_STEWARD),
    ),
    "deactivated": lambda group_id, who: (f"user-{who}", identity.PersonDeactivated(person_id=who)),
    "signed out": lambda group_id, who: (
        f"user-{who}",
        identity.SessionRevoked(person_id=who, session_id=f"session-{who}"),
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_live_access_ends_with_the_right_to_it(site: Site, ending: str) -> None:
    awa, ben = person(), person()
    group_id = await site.group(awa, ben)
    async with site.watching() as guard:
        post = await site.post(guard, group_id, awa, TEXT)
        live, done, task = await live_case(site, guard, ben, group_id)
        other, other_done, other_task = await live_case(site, guard, awa, group_id)
        stream, fact = ENDINGS[ending](group_id, ben)
        await site.write(stream, fact)
        await soon(live.closed.wait())
        await refused(live.open(post.sealed, post.place, LEVEL_CONFIDENTIAL), "ACC-11")
        if ending != "deleted":
            assert await other.open(post.sealed, post.place, LEVEL_CONFIDENTIAL) == TEXT
        for event in (done, other_done):
            event.set()
        await soon(asyncio.gather(task, other_task))


async def test_a_removal_while_the_live_record_is_made_is_not_missed(site: Site) -> None:
    awa, ben = person(), person()
    group_id = await site.group(awa, ben)
    async with site.watching() as guard:
        await eventually(lambda: guard._lives._watching.is_set())
        site.store.appends_may_pass.clear()
        beginning = asyncio.ensure_future(live_case(site, guard, ben, group_id))
        await eventually(lambda: site.store.appends_begun == 1)
        await site.remove(group_id, ben)
        site.store.appends_may_pass.set()
        live, done, task = await beginning
        await soon(live.closed.wait())
        done.set()
        await soon(task)


async def test_a_guests_live_access_ends_by_itself(site: Site) -> None:
    guest = person()
    group_id = await site.group()
    await site.add(group_id, guest, MEMBER_ROLE_GUEST, until=site.clock.now + timedelta(milliseconds=50))
    async with site.watching() as guard:
        live, done, task = await live_case(site, guard, guest, group_id)
        assert not live.ended
        site.clock.move(milliseconds=50)
        await soon(live.closed.wait())
        done.set()
        await soon(task)


async def test_new_rules_end_a_live_access_only_when_it_has_to_be_another(site: Site) -> None:
    awa, eve = person(), person()
    group_id = await site.group(awa, level=LEVEL_OPEN)
    async with site.watching() as guard:
        member, member_done, member_task = await live_case(site, guard, awa, group_id)
        colleague, colleague_done, colleague_task = await live_case(site, guard, eve, group_id)
        ledger = (Object("ledger", group_id, LEVEL_OPEN),)
        async with guard.live(Caller(awa), group_id, ledger, Action.READ_LEDGER) as following:
            await site.adopt(group_id, 2, level=LEVEL_OPEN, guests_allowed=True)
            await soon(following.closed.wait())
        assert [access.action for access in await site.accesses(group_id)] == [ACTION_READ_LEDGER]
        assert not member.ended
        assert not colleague.ended
        await site.adopt(group_id, 3, level=LEVEL_RESTRICTED)
        await soon(colleague.closed.wait())
        assert not member.ended
        await site.adopt(group_id, 4, level=LEVEL_CONFIDENTIAL)
        await soon(member.closed.wait())
        member_done.set()
        colleague_done.set()
        await soon(asyncio.gather(member_task, colleague_task))


async def test_confidential_content_that_outruns_the_news_of_new_rules_is_not_delivered(site: Site) -> None:
    awa, ben = person(), person()
    group_id = await site.group(awa, ben, level=LEVEL_OPEN)
    async with site.watching() as guard:
        live, done, task = await live_case(site, guard, ben, group_id)
        site.store.loads_may_return.clear()  # the watch cannot check, for a while
        await site.adopt(group_id, 2, level=LEVEL_CONFIDENTIAL)
        site.store.loads_may_return.set()
        post = await site.post(site.guard(), group_id, awa, TEXT)
        await refused(live.open(post.sealed, post.place, LEVEL_CONFIDENTIAL), "ACC-11")
        assert await site.accesses(group_id) == []
        done.set()
        await soon(task)


async def test_live_accesses_end_when_nobody_can_watch_over_them(site: Site) -> None:
    awa = person()
    group_id = await site.group(awa)
    async with site.watching() as guard:
        live, done, task = await live_case(site, guard, awa, group_id)
        site.store.cut()
        await soon(live.closed.wait())
        assert live.ended is not None
        assert live.ended.refusal.id == "ACC-10"
        site.store.mend()
        done.set()
        await soon(task)
        again, done, task = await live_case(site, guard, awa, group_id)
        assert not again.ended
        done.set()
        await soon(task)


async def test_a_short_loss_of_the_store_misses_nothing(site: Site) -> None:
    awa, ben = person(), person()
    group_id = await site.group(awa, ben)
    async with site.watching() as guard:
        live, done, task = await live_case(site, guard, ben, group_id)
        site.store.cut()
        await site.remove(group_id, ben)
        site.store.mend()
        await soon(live.closed.wait())
        done.set()
        await soon(task)


# Who was sent away.


async def test_a_token_outlived_by_its_session_person_or_role_is_known(site: Site) -> None:
    gone, out, auditor, back = person(), person(), person(), person()
    role = frozenset({int(ROLE_AUDITOR)})
    await site.write(f"user-{gone}", identity.PersonDeactivated(person_id=gone))
    await site.write(f"user-{out}", identity.SessionRevoked(person_id=out, session_id="s1"))
    await site.write(f"user-{auditor}", identity.RoleRevoked(person_id=auditor, role=ROLE_AUDITOR))
    await site.write(f"user-{back}", identity.PersonDeactivated(person_id=back))
    await site.write(f"user-{back}", identity.PersonReactivated(person_id=back))
    async with site.watching() as guard:
        await eventually(lambda: guard.revoked(Caller(auditor, role)))
        assert guard.revoked(Caller(gone))
        assert guard.revoked(Caller(out, session_id="s1"))
        assert not guard.revoked(Caller(out, session_id="s2"))
        assert not guard.revoked(Caller(auditor))
        await eventually(lambda: not guard.revoked(Caller(back)))
        group_id = await site.group(gone)
        await refused(guard.sight(Caller(gone), group_id, Action.READ), "RPC-06")


async def test_after_a_start_nobody_is_let_in_before_it_is_known_who_left(site: Site) -> None:
    gone = person()
    await site.write(f"user-{gone}", identity.PersonDeactivated(person_id=gone))
    group_id = await site.group(gone)
    async with site.watching() as guard:
        await asyncio.sleep(0)  # the guard has begun to run, and has read nothing
        assert not guard.revoked(Caller(gone))
        await refused(guard.sight(Caller(gone), group_id, Action.READ), "RPC-06")
