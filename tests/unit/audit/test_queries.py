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
from services.audit.views import HOUR_US, LEDGER, METADATA
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


@pytest.mark.parametrize("size", [1, 3, 7, 200])
async def test_pages_are_the_lines_of_all_accesses_in_order(database: Database, size: int) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    accesses = drawn(draw, 300)
    await fill(database, accesses[:250])
    for rule in (*RULES, None):
        shown = {one: by_rule(rule or draw.choice(RULES)) for one in GROUPS[: draw.randrange(1, 4)]}
        pages, after = list[tuple[object, ...]](), None
        while True:
            async with database.read() as connection:
                page = await queries.lines(connection, Wanted(shown), after, size)
            pages += [told(line) for line in page.lines]
            after = page.next
            if after is None:
                break
        assert pages == expected(accesses[:250], shown)
    async with database.read() as connection:
        first = await queries.lines(connection, Wanted(shown), None, size)
    # What comes while a list is read is not in its later pages.
    await fill(database, accesses[250:])
    if first.next:
        async with database.read() as connection:
            second = await queries.lines(connection, Wanted(shown), first.next, size)
        assert [told(line) for line in second.lines] == expected(accesses[:250], shown)[size : 2 * size]
