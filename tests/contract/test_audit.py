"""audit as its callers see it: built as in production, on an event store in memory, Kafka in process and SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.events_pb2 import (
    ACTION_READ,
    ACTION_READ_LEDGER,
    ACTION_SEARCH_LEDGER,
    READER_KIND_AUDITOR,
    READER_KIND_COLLEAGUE,
    READER_KIND_MEMBER,
)
from regard.chat.v1.events_pb2 import MessageSent
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, PURPOSE_INTERNAL_AUDIT, PageRequest
from regard.common.v1.options_pb2 import ROLE_AUDITOR
from regard.groups.v1.rules_pb2 import (
    MEMBER_ROLE_STEWARD,
    READERS_SHOWN_BY_ROLE,
    READERS_SHOWN_COUNTS,
    READERS_SHOWN_EVERYONE_BY_NAME,
)

from services.access import Action, Guard, Object
from services.audit import queries
from services.audit.service import build
from services.audit.views import MESSAGES
from services.common import contracts
from services.common.errors import Refused
from services.common.internalkey import load_internal_key
from services.common.kernel import Kernel
from services.common.projection import Runner
from services.common.relay import Relay
from services.common.rpc import Caller, Peers, ServiceTokens, acting
from services.common.settings import Settings, load_settings
from tests import parts
from tests.contract.streaming import QUICK, QUICK_RELAY, SESSION_TIMEOUT_MS, ending
from tests.guarded import CODEC, Site, eventually, person, soon

FOLLOWED = [contracts.event_file_of(service) for service in ("audit", "chat", "groups")]


class Audit(Site):
    """The service at work, beside the groups that it is asked about."""

    def __init__(self, settings: Settings, kafka: parts.Broker) -> None:
        super().__init__()
        tokens = ServiceTokens(load_internal_key(settings), "audit", self.clock)
        self.kernel = Kernel(
            settings=settings,
            store=self.store,  # type: ignore[arg-type]
            codec=CODEC,
            kafka=kafka.connection(session_timeout_ms=SESSION_TIMEOUT_MS),
            clock=self.clock,
            service_tokens=tokens,
            addresses={},
            peers=Peers({}, tokens),
        )
        self.service = build(settings, self.kernel)
        self.shared = Guard.of(self.kernel)
        (self.view,) = self.service.projections
        (_, self.ledger), (_, self.query) = self.service.servicers

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The relay, the view and the service's tasks at work."""
        kernel, runs = self.kernel, AsyncExitStack()
        runner = Runner(
            self.view,
            store=kernel.store,
            codec=CODEC,
            kafka=kernel.kafka,
            database=kernel.database("audit"),
            timing=QUICK,
        )
        async with runs:
            await runs.enter_async_context(ending(runner.run()))
            for file in FOLLOWED:
                relay = Relay(kernel.store, kernel.kafka, file, timing=QUICK_RELAY)
                await runs.enter_async_context(ending(relay.run()))
            for task in self.service.tasks:
                await runs.enter_async_context(ending(task()))  # type: ignore[arg-type]
            await soon(runner.caught_up.wait())
            yield
        await kernel.close()

    async def read(self, who: str, group_id: str, *objects: Object) -> None:
        """An access to content, recorded as the services have it recorded."""
        sight = await self.shared.sight(Caller(who, client="web"), group_id, Action.READ)
        await self.shared.enter(sight, objects)

    async def shown(self, *group_ids: str) -> None:
        """Waits until the view has all that was recorded."""
        for group_id in group_ids:
            history = await self.store.inner.load(f"access-{group_id}")
            await eventually(lambda g=group_id, r=history.revision: self._reached(g, r))

    async def _reached(self, group_id: str, revision: int) -> bool:
        async with self.kernel.database("audit").read() as connection:
            return (await queries.head(connection, group_id))[0] >= revision

    async def has_message(self, message_id: str) -> bool:
        """Whether the view knows the message."""
        async with self.kernel.database("audit").read() as connection:
            found = await connection.execute(sa.select(MESSAGES.c.message_id))
            return message_id in found.scalars().all()

    async def list(self, who: str | Caller, group_id: str = "", **request: Any) -> pb.ListAccessesResponse:
        """Asks for the ledger."""
        with acting(who if isinstance(who, Caller) else Caller(who)):
            return await self.ledger.ListAccesses(pb.ListAccessesRequest(group_id=group_id, **request), None)  # type: ignore[no-any-return]

    async def search(self, who: Caller, *group_ids: str, **request: Any) -> pb.SearchAccessesResponse:
        """Searches with a role."""
        asked = {"purpose": PURPOSE_INTERNAL_AUDIT, "purpose_reference": "2026-14", **request}
        with acting(who):
            return await self.query.SearchAccesses(pb.SearchAccessesRequest(group_ids=group_ids, **asked), None)  # type: ignore[no-any-return]


@pytest.fixture
async def audit(tmp_path: Path) -> AsyncIterator[Audit]:
    async with parts.database() as url:
        with parts.kafka({file.topic: file.partitions for file in FOLLOWED}) as kafka:
            site = Audit(load_settings(data=tmp_path, database_url=url), kafka)
            async with site.running():
                yield site


def post(id: str, author: str) -> Object:
    return Object("post", id, LEVEL_CONFIDENTIAL, author)


def auditor() -> Caller:
    return Caller(person(), frozenset({int(ROLE_AUDITOR)}))


def without_ledger(entries: Sequence[pb.LedgerEntry]) -> list[pb.LedgerEntry]:
    """The lines that are about content: reading the ledger adds its own."""
    return [entry for entry in entries if entry.action not in (ACTION_READ_LEDGER, ACTION_SEARCH_LEDGER)]


def but_reading_it(entries: Sequence[pb.LedgerEntry]) -> list[pb.LedgerEntry]:
    """Without the line that asking for these lines makes, which is there already or comes with the next answer."""
    return [entry for entry in entries if entry.action != ACTION_READ_LEDGER]


async def refused(asked: Callable[[], Any], id: str) -> None:
    with pytest.raises(Refused) as caught:
        await asked()
    assert caught.value.refusal.id == id


async def test_members_see_the_privileged_by_name_and_each_other_counted(audit: Audit) -> None:
    awa, ben, chloe = person(), person(), person()
    group_id = await audit.group(awa, ben, chloe)
    for who in (ben, chloe):
        await audit.read(who, group_id, post("p1", awa))
    await audit.read(ben, group_id, post("p2", awa))
    looking = auditor()
    await audit.search(looking, group_id)
    await audit.shown(group_id)
    named, counted = but_reading_it((await audit.list(awa, group_id)).entries)
    assert (named.reader_id, named.reader_kind, named.action) == (
        looking.person_id,
        READER_KIND_AUDITOR,
        ACTION_SEARCH_LEDGER,
    )
    assert named.sentence.en == "{reader}, auditor, searched the ledger · purpose: internal audit 2026-14"
    assert (counted.reader_id, counted.access_id, counted.client) == ("", "", "")
    assert (counted.reader_kind, counted.action, counted.readers, counted.count) == (
        READER_KIND_MEMBER,
        ACTION_READ,
        2,
        3,
    )
    assert counted.at.ToDatetime().minute == 0
    assert counted.sentence.fr == "2 membres ont lu ce groupe · 3 fois"


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (READERS_SHOWN_EVERYONE_BY_NAME, 3),
        (READERS_SHOWN_BY_ROLE, 2),
        (READERS_SHOWN_COUNTS, 2),
    ],
)
async def test_readers_appear_as_the_groups_rules_say(audit: Audit, rule: int, lines: int) -> None:
    awa, ben, chloe = person(), person(), person()
    group_id = await audit.group(awa, ben, chloe, readers=rule)
    for who in (ben, chloe):
        await audit.read(who, group_id, post("p1", awa))
    looking = auditor()
    await audit.search(looking, group_id)
    await audit.shown(group_id)
    entries = but_reading_it((await audit.list(awa, group_id)).entries)
    assert len(entries) == lines
    names = {entry.reader_id for entry in entries}
    if rule == READERS_SHOWN_EVERYONE_BY_NAME:
        assert names == {ben, chloe, looking.person_id}
        assert [(entry.revision, entry.index, entry.of) for entry in entries] == [(2, 0, 1), (1, 0, 1), (0, 0, 1)]
    else:
        assert names == {""}
    if rule == READERS_SHOWN_COUNTS:
        assert {(entry.reader_kind, entry.purpose, entry.purpose_reference) for entry in entries} == {(0, 0, "")}
    if rule == READERS_SHOWN_BY_ROLE:
        assert {entry.reader_kind for entry in entries} == {READER_KIND_MEMBER, READER_KIND_AUDITOR}


async def test_reading_the_ledger_appears_in_it_once(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    for _ in range(3):
        await audit.list(ben, group_id)
    await audit.shown(group_id)
    (entry,) = (await audit.list(ben, group_id)).entries
    assert (entry.reader_id, entry.action) == (ben, ACTION_READ_LEDGER)
    assert (await audit.list(ben, group_id)).head_revision == 0


async def test_the_ledger_is_for_members(audit: Audit) -> None:
    awa, steward = person(), person()
    group_id = await audit.group(awa)
    await audit.add(group_id, steward, MEMBER_ROLE_STEWARD)
    await refused(lambda: audit.list(person(), group_id), "ACC-01")
    await refused(lambda: audit.list(steward, group_id), "ACC-06")
    await refused(lambda: audit.list(auditor(), group_id), "ACC-01")
    await audit.remove(group_id, awa)
    await refused(lambda: audit.list(awa, group_id), "ACC-01")


async def test_nothing_is_answered_that_could_not_be_recorded(audit: Audit) -> None:
    awa = person()
    group_id = await audit.group(awa)
    await audit.shared.sight(Caller(awa), group_id, Action.READ_LEDGER)
    audit.store.appends_to_lose = 10**6
    await refused(lambda: audit.list(awa, group_id), "ACC-09")
    await refused(lambda: audit.search(auditor(), group_id), "ACC-09")
    audit.store.appends_to_lose = 0


async def test_pages_go_on_where_they_stopped_whatever_comes_meanwhile(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    await audit.list(awa, group_id)
    for number in range(7):
        await audit.read(ben, group_id, post(f"p{number}", awa))
    await audit.shown(group_id)
    seen, token = [], ""
    while True:
        answer = await audit.list(awa, group_id, page=PageRequest(size=3, token=token))
        seen += [entry.objects[0].ids[0] for entry in without_ledger(answer.entries)]
        token = answer.page.next_token
        if not token:
            break
        await audit.read(ben, group_id, post(f"later {len(seen)}", awa))
        await audit.shown(group_id)
    assert seen == [f"p{number}" for number in reversed(range(7))]


async def test_an_object_a_period_and_what_concerns_me(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    other = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    await audit.read(ben, group_id, post("p1", awa))
    audit.clock.move(minutes=10)
    later = audit.clock.now
    await audit.read(awa, group_id, post("p2", ben))
    await audit.read(ben, other, post("p3", awa))
    await audit.shown(group_id, other)
    of_object = await audit.list(awa, group_id, scope=pb.ListAccessesRequest.SCOPE_OBJECT, object_id="p1")
    assert [entry.objects[0].ids[0] for entry in of_object.entries] == ["p1"]
    since = pb.ListAccessesRequest(group_id=group_id)
    getattr(since, "from").FromDatetime(later)
    with acting(Caller(awa)):
        found = (await audit.ledger.ListAccesses(since, None)).entries
    assert [entry.reader_id for entry in without_ledger(found)] == [awa]
    by_me = await audit.list(ben, scope=pb.ListAccessesRequest.SCOPE_BY_ME)
    assert sorted(entry.objects[0].ids[0] for entry in without_ledger(by_me.entries)) == ["p1", "p3"]
    about_me = await audit.list(awa, scope=pb.ListAccessesRequest.SCOPE_ABOUT_ME)
    assert sorted(entry.objects[0].ids[0] for entry in about_me.entries) == ["p1", "p3"]
    await audit.remove(other, awa)
    about_me = await audit.list(awa, scope=pb.ListAccessesRequest.SCOPE_ABOUT_ME)
    assert [entry.objects[0].ids[0] for entry in about_me.entries] == ["p1"]


async def test_who_read_a_message_is_told_from_runs_and_live_accesses(audit: Audit) -> None:
    awa, ben, chloe, dmitri = person(), person(), person(), person()
    group_id, room = await audit.group(awa, ben, chloe, dmitri, readers=READERS_SHOWN_EVERYONE_BY_NAME), person()

    def message(sequence: int, author: str) -> Object:
        return Object("message", f"m{sequence}", LEVEL_CONFIDENTIAL, author, room, sequence)

    async def send(sequence: int, author: str) -> int:
        sent = MessageSent(message_id=f"m{sequence}", room_id=room, group_id=group_id, author_id=author)
        await audit.write(f"talk-{room}", sent)
        return await audit.store.inner.head(("talk-",))

    async def readers_of(message_id: str) -> set[str]:
        asked = {"scope": pb.ListAccessesRequest.SCOPE_OBJECT, "object_id": message_id}
        return {entry.reader_id for entry in (await audit.list(awa, group_id, **asked)).entries}

    await send(1, awa)
    everything = [Object("group", group_id, LEVEL_CONFIDENTIAL)]
    async with audit.shared.live(Caller(chloe), group_id, everything) as live:
        live.delivered(await send(2, awa))
    await send(3, awa)
    await audit.read(ben, group_id, message(1, awa), message(2, awa))
    async with audit.shared.live(Caller(dmitri), group_id, everything):
        await send(4, dmitri)
        await send(5, awa)
        await audit.shown(group_id)
        await eventually(lambda: audit.has_message("m5"))
        assert await readers_of("m1") == {ben}
        assert await readers_of("m2") == {ben, chloe}
        assert await readers_of("m3") == set()
        assert await readers_of("m4") == set()
        assert await readers_of("m5") == {dmitri}
        about_me = await audit.list(awa, scope=pb.ListAccessesRequest.SCOPE_ABOUT_ME)
        assert {entry.reader_id for entry in about_me.entries} == {ben, chloe, dmitri}
        about_dmitri = await audit.list(dmitri, scope=pb.ListAccessesRequest.SCOPE_ABOUT_ME)
        assert {entry.reader_id for entry in about_dmitri.entries} == set()


async def test_counts_do_not_tell_the_minute(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben)
    audit.clock.move(minutes=20)
    await audit.read(ben, group_id, post("p1", awa))
    await audit.shown(group_id)
    for minutes in (-10, 10):
        asked = pb.ListAccessesRequest(group_id=group_id)
        getattr(asked, "from").FromDatetime(audit.clock.now.replace(minute=20 + minutes))
        with acting(Caller(awa)):
            (line,) = without_ledger((await audit.ledger.ListAccesses(asked, None)).entries)
        assert (line.readers, line.at.ToDatetime().minute) == (1, 0)


@pytest.mark.parametrize(
    ("request_", "id"),
    [
        ({}, "AUD-01"),
        ({"scope": pb.ListAccessesRequest.SCOPE_OBJECT, "group_id": "g"}, "AUD-02"),
        ({"group_id": "g", "page": PageRequest(token="?")}, "RPC-20"),
        ({"group_id": "g", "from": {"seconds": 9}, "to": {"seconds": 9}}, "AUD-03"),
        ({"group_id": "no such group"}, "ACC-01"),
    ],
)
async def test_what_makes_no_sense_is_refused(audit: Audit, request_: dict[str, Any], id: str) -> None:
    await refused(lambda: audit.list(person(), **request_), id)


async def test_an_auditors_search_is_seen_by_every_group_searched(audit: Audit) -> None:
    awa, ben, looking = person(), person(), auditor()
    one, two = await audit.group(awa, ben), await audit.group(awa, level=LEVEL_OPEN)
    await audit.read(ben, one, post("p1", awa))
    await audit.shown(one)
    found = await audit.search(looking, one, two, reader_id=ben)
    assert [(entry.reader_id, entry.reader_kind) for entry in found.entries] == [(ben, READER_KIND_MEMBER)]
    await audit.search(looking, one, two, reader_kind=READER_KIND_COLLEAGUE)
    for group_id in (one, two):
        searches = [a for a in await audit.accesses(group_id) if a.action == ACTION_SEARCH_LEDGER]
        assert [(a.reader_id, a.purpose_reference) for a in searches] == [(looking.person_id, "2026-14")] * 2
    await refused(lambda: audit.search(looking, one, purpose=0), "ACC-07")
    await refused(lambda: audit.search(looking, one, person()), "ACC-01")
    await refused(lambda: audit.search(Caller(awa), one), "ACC-06")


# The watch.


class Watching:
    """A watch, read by a task as a client would."""

    def __init__(self, audit: Audit, who: str, group_id: str, cursor: str = "") -> None:
        self.frames: list[pb.WatchAccessesResponse] = []
        self.task = asyncio.ensure_future(self._read(audit, who, group_id, cursor))

    async def _read(self, audit: Audit, who: str, group_id: str, cursor: str) -> None:
        with acting(Caller(who)):
            request = pb.WatchAccessesRequest(group_id=group_id, cursor=cursor)
            async for frame in audit.ledger.WatchAccesses(request, None):
                self.frames.append(frame)

    @property
    def entries(self) -> list[pb.LedgerEntry]:
        return [frame.entry for frame in self.frames if frame.HasField("entry")]

    async def opened(self) -> None:
        await eventually(lambda: bool(self.frames) or self.task.done())
        if self.task.done():
            await self.task

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_watch_shows_accesses_as_they_come_and_resumes_without_gap(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    await audit.read(ben, group_id, post("before", awa))
    await audit.shown(group_id)
    watch = Watching(audit, awa, group_id)
    await watch.opened()
    assert watch.frames[0].HasField("heartbeat")
    for number in range(3):
        await audit.read(ben, group_id, post(f"p{number}", awa))
    await eventually(lambda: len(without_ledger(watch.entries)) == 3)
    assert [entry.objects[0].ids[0] for entry in without_ledger(watch.entries)] == ["p0", "p1", "p2"]
    seen = next(frame for frame in watch.frames if frame.entry.objects and frame.entry.objects[0].ids[0] == "p0")
    await watch.stop()
    await audit.read(ben, group_id, post("p3", awa))
    again = Watching(audit, awa, group_id, seen.cursor)
    await eventually(lambda: len(without_ledger(again.entries)) == 3)
    assert [entry.objects[0].ids[0] for entry in without_ledger(again.entries)] == ["p1", "p2", "p3"]
    await again.stop()
    await audit.shared.settle()
    watched = [access for access in await audit.accesses(group_id) if access.action == ACTION_READ_LEDGER]
    closed = {one.access_id for one in await audit.closed(group_id)}
    assert len(watched) == 2
    assert closed == {access.access_id for access in watched}


async def test_a_watch_ends_with_the_right_to_it_and_says_why(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben)
    watch = Watching(audit, ben, group_id)
    await watch.opened()
    await audit.remove(group_id, ben)
    await soon(watch.task)
    end = watch.frames[-1].end
    assert end.reason == "ACC-11"
    assert end.sentence.fr != end.sentence.en
    await audit.read(awa, group_id, post("after", ben))
    with pytest.raises(Refused):
        await Watching(audit, ben, group_id).opened()


async def test_a_quiet_watch_says_that_it_lives(audit: Audit) -> None:
    awa = person()
    group_id = await audit.group(awa)
    audit.ledger._watch._heartbeat_s = 0.01
    watch = Watching(audit, awa, group_id)
    await eventually(lambda: sum(frame.HasField("heartbeat") for frame in watch.frames) >= 4)
    await watch.stop()
