"""Pages of the ledger against all of it, grouped by hand."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from regard.audit.v1.events_pb2 import (
    ACTION_PREVIEW,
    ACTION_READ,
    READER_KIND_AUDITOR,
    READER_KIND_GUEST,
    READER_KIND_MEMBER,
    Access,
)
from regard.groups.v1.rules_pb2 import (
    READERS_SHOWN_BY_ROLE,
    READERS_SHOWN_COUNTS,
    READERS_SHOWN_EVERYONE_BY_NAME,
    READERS_SHOWN_PRIVILEGED_BY_NAME,
)

from services.audit import queries
from services.audit.queries import Wanted
from services.audit.shown import Counted, Line, Shown, by_rule
from services.audit.views import AUTHORS, HOUR_US, LEDGER, METADATA, OBJECTS
from services.common.database import Database
from tests import parts

RULES = [
    READERS_SHOWN_PRIVILEGED_BY_NAME,
    READERS_SHOWN_EVERYONE_BY_NAME,
    READERS_SHOWN_BY_ROLE,
    READERS_SHOWN_COUNTS,
]
KINDS = (READER_KIND_MEMBER, READER_KIND_GUEST, READER_KIND_AUDITOR)
GROUPS = ("g0", "g1", "g2")


@dataclass(frozen=True)
class One:
    """An access."""

    group_id: str
    place: int
    hour: int
    reader_id: str
    kind: int
    action: int
    purpose: int


def drawn(draw: random.Random, count: int) -> list[One]:
    """Accesses whose hours follow their places, more or less."""
    return [
        One(
            draw.choice(GROUPS),
            place,
            max(0, place // 40 - draw.choice((0, 0, 0, 1))),
            draw.choice("abcd"),
            draw.choice(KINDS),
            draw.choice((ACTION_READ, ACTION_PREVIEW)),
            draw.choice((0, 1)),
        )
        for place in range(1, count + 1)
    ]


def expected(accesses: list[One], shown: dict[str, Shown]) -> list[tuple[object, ...]]:
    """The lines, newest first."""
    lines: defaultdict[tuple[object, ...], list[One]] = defaultdict(list)
    for one in accesses:
        if how := shown.get(one.group_id):
            said = (one.kind, one.purpose) if how.capacity else (0, 0)
            named = one.place if how.names(one.kind) else 0
            lines[one.group_id, one.hour, one.action, *said, named].append(one)
    found = sorted(lines.items(), key=lambda line: -max(one.place for one in line[1]))
    return [
        (group_id, named)
        if named
        else (group_id, hour, action, kind, purpose, len(ones), len({one.reader_id for one in ones}))
        for (group_id, hour, action, kind, purpose, named), ones in found
    ]


def told(line: Line) -> tuple[object, ...]:
    """The same of a line."""
    if isinstance(line, Counted):
        key = (line.group_id, line.hour, line.action, line.reader_kind, line.purpose)
        return (*key, line.accesses, line.readers)
    return line.group_id, line.revision


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with parts.database() as url:
        database = Database(url or f"sqlite+aiosqlite:///{tmp_path}/audit.sqlite")
        await database.create(METADATA)
        yield database
        await database.dispose()


async def fill(database: Database, accesses: list[One]) -> None:
    """Writes their rows: an access's revision is its place."""
    rows = [
        {
            "group_id": one.group_id,
            "revision": one.place,
            "index": 0,
            "of": 1,
            "place": one.place,
            "access_id": f"a{one.place}",
            "repeats": False,
            "reader_id": one.reader_id,
            "reader_kind": one.kind,
            "action": one.action,
            "purpose": one.purpose,
            "purpose_reference": "",
            "at_us": one.hour * HOUR_US,
            "hour": one.hour,
            "record": Access(access_id=f"a{one.place}").SerializeToString(),
            "position": one.place,
        }
        for one in accesses
    ]
    async with database.begin() as transaction:
        await transaction.execute(sa.insert(LEDGER), rows)


async def pages_of(database: Database, wanted: Wanted, size: int) -> list[tuple[object, ...]]:
    """The lines of all pages."""
    pages, after = list[tuple[object, ...]](), None
    while True:
        async with database.read() as connection:
            page = await queries.lines(connection, wanted, after, size)
        pages += [told(line) for line in page.lines]
        after = page.next
        if after is None:
            return pages


@pytest.mark.parametrize("size", [1, 3, 7, 200])
async def test_pages_are_the_lines_of_all_accesses_in_order(database: Database, size: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    accesses = drawn(draw, 300)
    await fill(database, accesses[:250])
    for rule in (*RULES, None):
        shown = {one: by_rule(rule or draw.choice(RULES)) for one in GROUPS[: draw.randrange(1, 4)]}
        assert await pages_of(database, Wanted(shown), size) == expected(accesses[:250], shown)
    async with database.read() as connection:
        first = await queries.lines(connection, Wanted(shown), None, size)
    # What comes while a list is read is not in its later pages.
    await fill(database, accesses[250:])
    if first.next:
        async with database.read() as connection:
            second = await queries.lines(connection, Wanted(shown), first.next, size)
        assert [told(line) for line in second.lines] == expected(accesses[:250], shown)[size : 2 * size]


@pytest.mark.parametrize("size", [2, 200])
async def test_pages_of_a_period_leave_nothing_out_at_its_ends(database: Database, size: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    accesses = drawn(draw, 300)
    await fill(database, accesses)
    for rule in RULES:
        for _ in range(5):
            shown = {one: by_rule(rule) for one in GROUPS[: draw.randrange(1, 3)]}
            start, end = draw.choice((None, *range(12))), draw.choice((None, *range(12)))
            from_us, to_us = (None if hour is None else hour * HOUR_US for hour in (start, end))
            inside = [one for one in accesses if (start or 0) <= one.hour < (99 if end is None else end)]
            pages = await pages_of(database, Wanted(shown, from_us=from_us, to_us=to_us), size)
            assert pages == expected(inside, shown), (start, end)


async def test_pages_of_an_author_and_of_an_object_are_those_that_touch_them(database: Database) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    accesses = drawn(draw, 200)
    await fill(database, accesses)
    written, touched = draw.sample(accesses, 40), draw.sample(accesses, 40)
    async with database.begin() as transaction:
        place = [{"group_id": one.group_id, "revision": one.place, "index": 0} for one in (*written, *touched)]
        await transaction.execute(sa.insert(AUTHORS), [{**one, "author_id": "x"} for one in place[:40]])
        about = [{**one, "object_id": "o", "first": 0, "last": 0} for one in place[40:]]
        await transaction.execute(sa.insert(OBJECTS), about)
    for rule in RULES:
        shown = {one: by_rule(rule) for one in GROUPS[:2]}
        for wanted, ones in ((Wanted(shown, author_id="x"), written), (Wanted(shown, object_id="o"), touched)):
            assert await pages_of(database, wanted, 7) == expected(ones, shown)
