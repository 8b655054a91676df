"""The embedded event store's rules, one by one."""

import asyncio
import math
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.embedded.eventstore import live
from services.embedded.eventstore.commits import GroupCommit
from services.embedded.eventstore.concurrency import Place, settle
from services.embedded.eventstore.filters import EVERYTHING, Filter, prepare
from services.embedded.eventstore.journal import Batch, Journal
from services.embedded.eventstore.live import Live
from services.embedded.eventstore.log import PAGE_BYTES, Log
from services.embedded.eventstore.model import (
    ANY,
    BINARY,
    EXISTS,
    JSON,
    NO_STREAM,
    TOMBSTONED,
    Append,
    Appended,
    Delete,
    Expired,
    Head,
    Outcome,
    Proposed,
    Recorded,
    Retention,
    StreamDeleted,
    Tombstone,
    Unwritten,
    WrongRevision,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(id: str = "", data: bytes = b"") -> Proposed:
    return Proposed(id.encode().ljust(16) if id else os.urandom(16), "t", BINARY, b"", data)


def append(stream: str, ids: str, expected: int) -> Append:
    return Append(stream, tuple(event(id) for id in ids.split()), expected)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "events.sqlite", lambda: NOW)
    yield journal
    journal.close()


# -------------------------------------------------------------------------- what becomes of an append

IDS = [b"a", b"b", b"c"]  # of a stream's events, at the positions 10, 11, 12
THERE = Head(1, 2)
DELETED = Head(1, 2, Retention(truncate_before=TOMBSTONED))


@pytest.mark.parametrize(
    ("expected", "ids", "head", "outcome"),
    [
        (NO_STREAM, "x", Head(), None),
        (0, "x", Head(), WrongRevision(-1)),
        (ANY, "x", Head(), None),
        (EXISTS, "x", Head(), WrongRevision(-1)),
        (2, "x", THERE, None),
        (2, "a", THERE, None),  # at the current revision nothing is compared
        (3, "x", THERE, WrongRevision(2)),
        (NO_STREAM, "x", THERE, WrongRevision(2)),
        (NO_STREAM, "abc", THERE, Appended(2, 12)),
        (NO_STREAM, "ab", THERE, Appended(1, 11)),
        (0, "bc", THERE, Appended(2, 12)),
        (0, "bx", THERE, WrongRevision(2)),
        (1, "cx", THERE, WrongRevision(2)),
        (NO_STREAM, "b", THERE, WrongRevision(2)),
        (ANY, "ba", THERE, Appended(0, 10)),
        (ANY, "ax", THERE, WrongRevision(2)),
        (ANY, "xa", THERE, None),
        (EXISTS, "c", THERE, Appended(2, 12)),
        (ANY, "", THERE, None),
        (2, "", THERE, None),
        (1, "", THERE, WrongRevision(2)),
        (NO_STREAM, "x", DELETED, None),
        (2, "x", DELETED, None),
        (1, "x", DELETED, WrongRevision(2)),
        (EXISTS, "x", DELETED, StreamDeleted()),
        (ANY, "x", Head(1, TOMBSTONED), StreamDeleted()),
        (NO_STREAM, "x", Head(1, TOMBSTONED), StreamDeleted()),
    ],
)
def test_settles_an_append(expected: int, ids: str, head: Head, outcome: Outcome | None) -> None:
    places = {id: Place(revision, revision + 10) for revision, id in enumerate(IDS)} if head.last == 2 else {}

    def following(revision: int, count: int) -> Sequence[tuple[bytes, Place]]:
        return [(id, places[id]) for id in IDS[revision + 1 : revision + 1 + count]]

    settled = settle(
        expected,
        [bytes([ord(id)]) for id in ids],
        head,
        has_metadata=lambda: False,
        recent=places.get,
        following=following,
    )
    assert settled == outcome


def test_exists_is_satisfied_by_metadata_alone() -> None:
    settled = settle(EXISTS, [b"x"], Head(), has_metadata=lambda: True, recent=lambda _: None, following=lambda *_: ())
    assert settled is None


def test_operations_of_one_batch_see_each_other(journal: Journal) -> None:
    batch = journal.commit(
        [
            append("s", "a b", NO_STREAM),
            append("s", "a b", NO_STREAM),
            append("s", "x", NO_STREAM),
            append("s", "c", 1),
            append("s", "c", ANY),
            Append("$$s", (Proposed(b"m" * 16, "$metadata", JSON, b"", b'{"$maxCount":7}'),), NO_STREAM),
            Delete("s", 2),
            append("s", "d", EXISTS),
            append("s", "d", 2),
            Tombstone("s", ANY),
            append("s", "e", ANY),
            Append("$$s", (event(),), ANY),
            append("t", "a", NO_STREAM),
        ]
    )
    assert batch.outcomes == (
        Appended(1, 2),
        Appended(1, 2),
        WrongRevision(1),
        Appended(2, 3),
        Appended(2, 3),
        Appended(0, 4),
        Appended(2, 5),
        StreamDeleted(),
        Appended(3, 7),
        Appended(TOMBSTONED, 8),
        StreamDeleted(),
        StreamDeleted(),
        Appended(0, 9),
    )
    assert [(e.position, e.stream, e.revision) for e in batch.recorded] == [
        (1, "s", 0),
        (2, "s", 1),
        (3, "s", 2),
        (4, "$$s", 0),
        (5, "$$s", 1),
        (6, "$$s", 2),
        (7, "s", 3),
        (8, "s", TOMBSTONED),
        (9, "t", 0),
    ]
    assert [e.data for e in batch.recorded[4:6]] == [
        b'{"$maxCount":7,"$tb":9223372036854775807}',
        b'{"$maxCount":7,"$tb":3}',
    ]


def test_each_commit_reaches_the_disk_before_it_returns(journal: Journal) -> None:
    """What a killed process cannot show: only the operating system's end would."""
    settings = [journal._connection.execute(f"PRAGMA {name}").fetchone() for name in ("journal_mode", "synchronous")]
    assert settings == [("wal",), (2,)]


def test_a_failed_batch_leaves_no_trace(journal: Journal) -> None:
    journal.commit([append("s", "a", NO_STREAM)])
    too_large = Append("s", (event(data=b"x" * 1_000_000),), 0)
    (pages,) = journal._connection.execute("PRAGMA page_count").fetchone()
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        journal.commit([append("new", "b", ANY), too_large])
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 1000}")
    batch = journal.commit([append("new", "b", ANY), append("s", "c", 0)])
    assert batch.outcomes == (Appended(0, 2), Appended(1, 3))


# --------------------------------------------------------------------------------------- group commit


async def _settled(group: GroupCommit, *operations: Append, deadline: float = math.inf) -> list[Outcome]:
    return list(await asyncio.gather(*(group.outcome(operation, deadline) for operation in operations)))


async def test_what_waits_past_its_deadline_is_not_written(journal: Journal) -> None:
    published: list[Batch] = []
    group = GroupCommit(journal, published.append)
    assert await _settled(group, append("s", "a", ANY), deadline=time.monotonic() - 1) == [Expired()]
    assert await _settled(group, append("s", "b", NO_STREAM)) == [Appended(0, 1)]
    await group.close()
    assert [e.id.strip() for batch in published for e in batch.recorded] == [b"b"]


async def test_closing_finishes_what_was_submitted_and_refuses_the_rest(journal: Journal) -> None:
    group = GroupCommit(journal, lambda _: None)
    outcomes: list[Outcome] = []
    for i in range(50):
        group.submit(append("s", str(i), ANY), math.inf, outcomes.append)
    await group.close()
    assert outcomes == [Appended(i, i + 1) for i in range(50)]
    assert await _settled(group, append("s", "late", ANY)) == [Unwritten(full=False)]


@pytest.mark.parametrize(
    ("code", "outcome", "afterwards"),
    [
        (sqlite3.SQLITE_FULL, Unwritten(full=True), Appended(0, 1)),
        (sqlite3.SQLITE_IOERR_WRITE, Unwritten(full=False), Appended(0, 1)),
        (sqlite3.SQLITE_IOERR_FSYNC, Unwritten(full=False), Unwritten(full=False)),
        (sqlite3.SQLITE_CORRUPT, Unwritten(full=False), Unwritten(full=False)),
    ],
)
async def test_only_a_disk_that_can_still_be_trusted_is_written_to_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, code: int, outcome: Outcome, afterwards: Outcome
) -> None:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode, error.sqlite_errorname = code, "made up"

    def fail(_: Sequence[object]) -> Batch:
        monkeypatch.undo()
        raise error

    monkeypatch.setattr(journal, "commit", fail)
    group = GroupCommit(journal, lambda _: None)
    assert await _settled(group, append("s", "a", ANY)) == [outcome]
    assert await _settled(group, append("s", "a", ANY)) == [afterwards]
    await group.close()


async def test_submitted_together_is_committed_together(journal: Journal) -> None:
    batches: list[Batch] = []
    group = GroupCommit(journal, batches.append)
    for _ in range(5):
        await _settled(group, *(append("s", f"{os.urandom(4).hex()}", ANY) for _ in range(40)))
    await group.close()
    assert sum(len(batch.outcomes) for batch in batches) == 200
    assert len(batches) < 100


# -------------------------------------------------------------------------------------------- filters

names = st.text(st.sampled_from("ab-$%_é\n"), max_size=5)


@given(st.lists(st.tuples(names, names), max_size=8), st.lists(names, max_size=3), st.booleans(), st.booleans())
def test_a_filter_says_the_same_in_sql(
    rows: list[tuple[str, str]], prefixes: list[str], by_type: bool, regular: bool
) -> None:
    pattern = re.compile("|".join(map(re.escape, prefixes)) + "$") if regular else None
    filter = Filter(by_type, () if regular else tuple(prefixes), pattern)
    database = sqlite3.connect(":memory:")
    prepare(database)
    condition, parameters = filter.condition()
    for stream, type in rows:
        found = database.execute(
            f"SELECT {condition} FROM (SELECT ?) AS t, (SELECT ? AS name) AS stream, (SELECT ? AS type) AS event",
            (*parameters, 0, stream, type),
        )
        assert bool(found.fetchone()[0]) is filter.matches(stream, type)
    database.close()


# ------------------------------------------------------------------------------------ log and live log


async def _recorded(log: Log, after: int, upto: int) -> list[Recorded]:
    events: list[Recorded] = []
    while after < upto:
        page = await log.forwards(after, upto, EVERYTHING)
        assert page.reached > after
        events, after = events + list(page.events), page.reached
    return events


async def test_pages_stay_small_and_miss_nothing(journal: Journal, tmp_path: Path) -> None:
    batch = journal.commit([Append("s", (event(data=b"x" * 300_000),) * 3, ANY) for _ in range(8)])
    log = Log(tmp_path / "events.sqlite", lambda: NOW)
    page = await log.forwards(0, batch.position, EVERYTHING)
    assert sum(len(e.data) for e in page.events) < PAGE_BYTES + 300_001
    assert await _recorded(log, 0, batch.position) == list(batch.recorded)
    backwards: list[Recorded] = []
    before = batch.position + 1
    while before > 1:
        page = await log.backwards(before, EVERYTHING)
        backwards, before = backwards + list(page.events), page.reached
    assert backwards == list(reversed(batch.recorded))
    log.close()


async def test_events_beyond_their_age_are_hidden(tmp_path: Path) -> None:
    now = NOW
    journal = Journal(tmp_path / "events.sqlite", lambda: now)
    log = Log(tmp_path / "events.sqlite", lambda: now)
    metadata = Proposed(b"m" * 16, "$metadata", JSON, b"", b'{"$maxAge": 60}')
    journal.commit([append("s", "a", ANY), Append("$$s", (metadata,), ANY)])
    now += timedelta(seconds=59)
    journal.commit([append("s", "b", ANY)])
    assert [e.revision for e in (await log.stream("s", 0)).events] == [0, 1]
    now += timedelta(seconds=2)
    assert [e.revision for e in (await log.stream("s", 0)).events] == [1]
    log.close()
    journal.close()


@pytest.mark.parametrize(
    ("metadata", "retention"),
    [
        (b'{"$maxCount": 2, "$maxAge": 3, "$tb": 4}', Retention(4, 2, 3)),
        (b'{"$maxCount": 0, "$maxAge": "3", "$tb": true}', Retention()),
        (b'{"$tb": 99999999999999999999}', Retention(TOMBSTONED)),
        (b"[]", Retention()),
        (b"\xff", Retention()),
    ],
)
def test_metadata_that_make_no_sense_are_ignored(metadata: bytes, retention: Retention) -> None:
    assert Retention.of_metadata(metadata) == retention


def test_the_live_log_gives_every_later_event_or_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_KEPT_EVENTS", 10)
    kept = Live(100)
    events = [Recorded(p, "s", p, b"", "t", BINARY, 0, b"", b"") for p in range(101, 200, 2)]  # with gaps
    for count, each in enumerate(events, 1):
        kept.publish([each], each.position)
        for position in range(95, each.position + 1):
            after = kept.after(position)
            assert after is None or after == [e for e in events[:count] if e.position > position]
        assert kept.after(each.position - 1) == [each]
    assert kept.after(100) is None
