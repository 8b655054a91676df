"""From recorded accesses to receipts: what is written down, in the log, proved, and erased."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from regard.audit.v1.events_pb2 import (
    ACTION_READ,
    READER_KIND_MEMBER,
    Access,
    AccessesRecorded,
    LiveAccessClosed,
    Objects,
)

from regard_client.verify.hashing import format_hash
from regard_client.verify.policy import Party, Policy
from regard_client.verify.receipt import parse_receipt, verify_receipt
from regard_client.verify.record import parse_record
from services.audit.log.cosigning import Shown
from services.audit.log.erasing import Erasing
from services.audit.log.intake import Intake
from services.audit.log.receipts import Receipts
from services.audit.log.storage import MemoryStorage
from services.audit.log.vault import RECORDS, Reach, Vault
from services.common.errors import Refused
from services.common.eventstore import ExpectedState, MemoryEventStore, NewEvent
from services.common.ids import Position
from tests.guarded import CODEC, Site, eventually, person
from tests.transparency import Log

CONFIDENTIAL = ("secret-reference", "web-client")


class Recorded(Site):
    """Accesses as guards record them, and a log of them."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log
        self.intake = Intake(self.store, CODEC, log.database)  # type: ignore[arg-type]
        self.policy = Policy(tuple(Party(key) for key in log.keys.verifiers))
        shown = Shown(log.storage, self.policy, self.clock)
        self.receipts = Receipts(log.storage, shown, Vault(log.database), log.keys)

    async def access(self, group_id: str, count: int = 1, reader: str = "") -> list[str]:
        """An event of that many accesses; their ids."""
        accesses = [self.one(reader or person()) for _ in range(count)]
        await self.write(f"access-{group_id}", AccessesRecorded(group_id=group_id, accesses=accesses))
        return [access.access_id for access in accesses]

    def one(self, reader: str) -> Access:
        """An access."""
        return Access(
            access_id=str(uuid.uuid4()),
            reader_id=reader,
            reader_kind=READER_KIND_MEMBER,
            action=ACTION_READ,
            objects=[Objects(type="post", ids=[person()])],
            author_ids=[person()],
            purpose_reference=CONFIDENTIAL[0],
            client=CONFIDENTIAL[1],
            at=self.clock(),
        )

    async def read(self) -> None:
        """Takes all that the event store has, in batches of a few."""
        some = []
        after = await self.intake.position()
        async for event in self.store.read_all(after=after, prefixes=("access-",)):
            some.append(event)
            if len(some) == 3:
                await self.intake.take(some)
                some = []
        await self.intake.take(some)

    async def sequence(self) -> None:
        """Brings every row into the log, and verifies all of it."""
        sequencer = self.log.sequencer()
        await sequencer.open()
        while await sequencer.sequence():
            pass
        await self.log.check()

    async def rows(self) -> list[sa.Row[tuple[object, ...]]]:
        """What was written down."""
        async with self.log.database.read() as connection:
            return list((await connection.execute(sa.select(RECORDS).order_by(RECORDS.c.number))).all())

    async def receipt(self, group_id: str, access_id: str) -> bytes:
        """What proves an access."""
        row = await self.receipts.find(group_id, access_id)
        assert row is not None
        return await self.receipts.of(row)


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Recorded]:
    async with Log.opened(tmp_path) as log:
        yield Recorded(log)


async def refused(attempt: object, id: str) -> Refused:
    with pytest.raises(Refused) as caught:
        await attempt  # type: ignore[misc]
    assert caught.value.refusal.id == id
    return caught.value


async def test_every_place_has_one_row_in_a_chain_of_its_group(recorded: Recorded) -> None:
    one, other = person(), person()
    await recorded.access(one, 2)
    await recorded.access(other)
    (live,) = await recorded.access(one)
    await recorded.write(f"access-{one}", LiveAccessClosed(group_id=one, access_id=live, at=recorded.clock()))
    strange = NewEvent("regard.from.the.Future", b"?", {}, uuid.uuid4())
    await recorded.store.append(f"access-{one}", (strange,), ExpectedState.ANY)
    await recorded.write(f"access-{one}", AccessesRecorded(group_id=one))
    await recorded.read()
    rows = await recorded.rows()
    found = [parse_record(row.record) for row in rows]
    places = [(said["group"], said["revision"], said["index"], said["of"], said["kind"]) for said in found]
    assert places == [
        (one, 0, 0, 2, "access"),
        (one, 0, 1, 2, "access"),
        (other, 0, 0, 1, "access"),
        (one, 1, 0, 1, "access"),
        (one, 2, 0, 1, "live_closed"),
        (one, 3, 0, 1, "event"),
        (one, 4, 0, 1, "event"),
    ]
    for group_id in (one, other):
        chain = [(row, said) for row, said in zip(rows, found, strict=True) if said["group"] == group_id]
        before = ["", *(format_hash(row.commitment) for row, _ in chain)]
        assert [said["previous"] for _, said in chain] == before[:-1]
    access = found[0]["access"]
    assert isinstance(access, dict)
    assert {"reader_id", "objects", "action", "at"} <= access.keys()
    assert "author_ids" not in access
    assert len({row.salt for row in rows}) == len(rows)


async def test_repeating_writes_nothing_and_draws_no_new_salt(recorded: Recorded) -> None:
    group_id = person()
    for _ in range(5):
        await recorded.access(group_id, 2)
    events = [event async for event in recorded.store.read_all(prefixes=("access-",))]
    await recorded.intake.take(events[:3])
    before = await recorded.rows()
    for start in range(5):
        await recorded.intake.take(events[start:])
    rows = await recorded.rows()
    assert rows[: len(before)] == before
    assert [row.number for row in rows] == list(range(10))


async def test_several_who_read_at_once_write_each_row_once(recorded: Recorded) -> None:
    group_id = person()
    others = [Intake(recorded.store, CODEC, recorded.log.database) for _ in range(3)]  # type: ignore[arg-type]
    running = [asyncio.ensure_future(one.run()) for one in others]
    try:
        for _ in range(20):
            await recorded.access(group_id, 2)

        async def all_there() -> bool:
            return len(await recorded.rows()) == 40

        await eventually(all_there)
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    said = [json.loads(row.record) for row in await recorded.rows()]
    assert [(one["revision"], one["index"]) for one in said] == [(n // 2, n % 2) for n in range(40)]


async def test_it_goes_on_when_the_event_store_was_away(recorded: Recorded) -> None:
    group_id = person()
    recorded.store.down = True
    running = asyncio.ensure_future(recorded.intake.run())
    await asyncio.sleep(0.01)
    recorded.store.down = False
    await recorded.access(group_id)

    async def there() -> bool:
        return len(await recorded.rows()) == 1

    try:
        await eventually(there)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_gap_in_a_group_is_refused_and_leaves_no_row(recorded: Recorded) -> None:
    group_id = person()
    for _ in range(3):
        await recorded.access(group_id)
    events = [event async for event in recorded.store.read_all(prefixes=("access-",))]
    await refused(recorded.intake.take([events[0], events[2]]), "AUD-15")
    assert await recorded.rows() == []
    await recorded.intake.take(events)
    assert len(await recorded.rows()) == 3


async def test_an_event_store_restored_from_an_old_copy_is_refused(recorded: Recorded) -> None:
    group_id = person()
    for _ in range(3):
        await recorded.access(group_id)
    await recorded.read()
    older = MemoryEventStore(recorded.clock)
    async for event in recorded.store.read_all(prefixes=("access-",), limit=2):
        await older.append(event.stream, (NewEvent(event.type, event.data, {}, event.id),), ExpectedState.ANY)
    intake = Intake(older, CODEC, recorded.log.database)
    await refused(intake.run(), "AUD-16")
    # Even when it has grown beyond that again, its revisions tell.
    other = person()
    for number in range(3):
        new = NewEvent("regard.audit.v1.AccessesRecorded", b"", {}, uuid.uuid4())
        await older.append(f"access-{group_id if number == 2 else other}", (new,), ExpectedState.ANY)
    await refused(intake.run(), "AUD-15")


async def test_a_receipt_proves_the_access_without_us(recorded: Recorded) -> None:
    group_id, reader = person(), person()
    ids = [*(await recorded.access(group_id, 3, reader)), *(await recorded.access(group_id, 300))]
    assert await recorded.receipts.find(group_id, ids[0]) is None
    await recorded.read()
    await refused(recorded.receipt(group_id, ids[0]), "AUD-05")
    await recorded.sequence()
    assert await recorded.receipts.find(person(), ids[0]) is None
    for number in (0, 1, 2, 150, 302):
        receipt = await recorded.receipt(group_id, ids[number])
        verified = verify_receipt(receipt, recorded.policy)
        assert verified.record["access"]["access_id"] == ids[number]  # type: ignore[index]
        assert (verified.record["group"], verified.record["index"]) == (group_id, number if number < 3 else number - 3)
    await recorded.access(group_id, 700)
    await recorded.read()
    await recorded.sequence()
    later = await recorded.receipt(group_id, ids[0])
    assert verify_receipt(later, recorded.policy).vouched.checkpoint.size > 1000


async def test_erasing_leaves_tombstones_and_every_other_proof(recorded: Recorded) -> None:
    gone, stays = person(), person()
    gone_ids, kept_ids = await recorded.access(gone, 5), await recorded.access(stays, 5)
    await recorded.read()
    await recorded.sequence()
    before = await recorded.receipt(stays, kept_ids[0])
    erasing = Erasing(recorded.log.database, recorded.clock)

    async def erased() -> int:
        return sum([await erasing.erase_group(reach, "p1") for reach in await erasing.of_groups([gone, person()])])

    await recorded.access(gone)
    await recorded.read()
    assert await erased() == 5  # what is not in the log yet stays
    await refused(recorded.receipt(gone, gone_ids[0]), "AUD-06")
    await recorded.sequence()
    assert await erased() == 1
    await recorded.sequence()
    assert await erased() == 0
    why = await refused(recorded.receipt(gone, gone_ids[0]), "AUD-06")
    assert "group deleted" in why.sentence("en")
    for receipt in (before, await recorded.receipt(stays, kept_ids[0])):
        assert verify_receipt(receipt, recorded.policy).record["group"] == stays
    rows = await recorded.rows()
    stones = [json.loads(row.record) for row in rows if not row.group_id]
    leaves = [await Vault(recorded.log.database).leaf_of(row.number) for row in rows if row.group_id == gone]
    told = [leaf for stone in stones for first, last in stone["leaves"] for leaf in range(first, last + 1)]
    assert sorted(told) == leaves
    assert all((row.salt, row.record) == (None, None) for row in rows if row.group_id == gone)
    if not recorded.log.database.is_sqlite:
        return
    everything = (recorded.log.folder / "vault.sqlite").read_bytes()
    for wal in recorded.log.folder.glob("vault.sqlite-wal"):
        everything += wal.read_bytes()
    assert gone_ids[0].encode() in everything  # the id of the access is kept, to say that it was erased
    assert b'"group":"' + gone.encode() not in everything
    assert b'"group":"' + stays.encode() in everything


async def test_records_expire_with_the_retention(recorded: Recorded) -> None:
    group_id = person()
    old = await recorded.access(group_id)
    recorded.clock.move(days=200)
    young = await recorded.access(group_id)
    await recorded.read()
    await recorded.sequence()
    erasing = Erasing(recorded.log.database, recorded.clock)
    year = timedelta(days=365)
    assert await erasing.expire(recorded.clock() - year) == 0
    recorded.clock.now += timedelta(days=166)
    assert await erasing.old(recorded.clock() - year) == [Reach(group_id, 0, Position(1))]
    assert await erasing.expire(recorded.clock() - year) == 1
    assert await erasing.old(recorded.clock() - year) == []
    await recorded.sequence()
    why = await refused(recorded.receipt(group_id, old[0]), "AUD-06")
    assert "expired" in why.sentence("en")
    verify_receipt(await recorded.receipt(group_id, young[0]), recorded.policy)


async def test_what_is_public_says_nothing_of_groups_readers_or_volumes(recorded: Recorded) -> None:
    groups, readers = [person() for _ in range(3)], [person() for _ in range(3)]
    sequencer = recorded.log.sequencer(leaves=8)
    await sequencer.open()
    sizes = []
    for busy in (0, 1, 8, 15, 0, 3):
        for number in range(busy):
            await recorded.access(groups[number % 3], 1, readers[number % 3])
        await recorded.read()
        await sequencer.sequence()
        sizes.append(sequencer.size)
    assert sizes == [8, 16, 24, 32, 40, 48], "growth tells who is at work"
    await recorded.sequence()
    assert isinstance(recorded.log.storage, MemoryStorage)
    secrets = [*groups, *readers, *CONFIDENTIAL]
    salts = [row.salt for row in await recorded.rows()]
    for path, data in recorded.log.storage.files.items():
        for secret in secrets:
            assert secret.encode() not in data, path
            assert uuid.UUID(secret).bytes not in data if len(secret) == 36 else True
        for salt in salts:
            assert salt not in data, path
        if path.startswith("tile/entries/"):
            assert {data[at : at + 3] for at in range(0, len(data), 35)} == {b"\x00\x21\x01"}


async def test_a_receipt_has_the_salt_of_its_record_only(recorded: Recorded) -> None:
    group_id = person()
    ids = await recorded.access(group_id, 2)
    await recorded.read()
    await recorded.sequence()
    receipt = parse_receipt(await recorded.receipt(group_id, ids[0]))
    mine, other = await recorded.rows()
    assert (receipt.salt, receipt.record) == (mine.salt, mine.record)
    assert format_hash(other.salt)[:-4] not in bytes(receipt).decode()
