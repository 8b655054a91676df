"""The sequencer on a genuine vault: every write fails in every way, and the whole log is verified after each."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.tiles import bundles, tiles
from services.audit.log.pace import Pace, Share
from services.audit.log.storage import FolderStorage, MemoryStorage
from services.audit.log.vault import Overtaken, Vault
from services.audit.refusals import LOG_AHEAD
from services.common.errors import Refused
from tests.transparency import Fault, Log, Lost, fails

STEPS = ("stage", "lock", "bundle", "tile", "checkpoint", "delete")


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    async with Log.opened(tmp_path) as log:
        yield log


async def refused(attempt: object, id: str) -> None:
    with pytest.raises(Refused) as caught:
        await attempt  # type: ignore[misc]
    assert caught.value.refusal.id == id


async def test_rows_become_leaves_in_their_order_between_chaff(log: Log) -> None:
    sequencer = log.sequencer()
    await sequencer.open()
    assert (await log.check()).size == 0
    for rows, size in ((0, 4), (1, 8), (4, 12), (5, 16), (0, 20)):
        await log.add(rows)
        await sequencer.sequence()
        assert (await log.check(sequenced=False)).size == size
    assert await sequencer.sequence() == 0
    await log.check()
    assert [await Vault(log.database).leaf_of(number) for number in range(11)] == [
        *(4, 8, 9, 10, 11, 12, 13, 14, 15, 16),
        None,
    ]


@pytest.mark.parametrize("after", [False, True], ids=["failed", "failed but persisted"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("again", [0, 3, 300], ids=["same size again", "other size", "much larger"])
@pytest.mark.parametrize("restart", [False, True], ids=["same process", "new process"])
async def test_whatever_write_fails_the_log_goes_on_as_one(
    log: Log, step: str, after: bool, again: int, restart: bool
) -> None:
    fault = Fault()
    sequencer = log.sequencer(fault)
    await sequencer.open()
    await log.add(250)
    await sequencer.sequence()
    await log.check(sequenced=False)
    await log.add(10)
    fault.arm(step, after=after)
    if step == "delete":
        for _ in range(100):  # until something is deleted
            if not fault.step:
                break
            try:
                await sequencer.sequence()
            except Lost:
                break
    else:
        await fails(sequencer.sequence)
    assert not fault.step, "nothing failed"
    await log.check(sequenced=False)
    await log.add(again)
    if restart:
        sequencer = log.sequencer(fault)
    await sequencer.open()
    await log.check(sequenced=False)
    while await sequencer.sequence():
        await log.check(sequenced=False)
    await log.check()


async def test_faults_one_after_another(log: Log) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw, fault = random.Random(seed), Fault()
    sequencer = log.sequencer(fault)
    for _ in range(60):
        fault.arm(draw.choice(STEPS), after=draw.random() < 0.5)
        await log.add(draw.choice((0, 1, 5, 60)))
        try:
            await sequencer.open()
            await sequencer.sequence()
            await sequencer.sequence()
        except Lost:
            sequencer = draw.choice((sequencer, log.sequencer(fault)))
        if log.storage.get("checkpoint"):
            await log.check(sequenced=False)
    fault.arm("", after=False)
    await sequencer.open()
    while await sequencer.sequence():
        pass
    await log.check()


async def test_it_must_be_opened_again_after_a_failure(log: Log) -> None:
    fault = Fault()
    sequencer = log.sequencer(fault)
    await sequencer.open()
    fault.arm("tile", after=True)
    await fails(sequencer.sequence)
    with pytest.raises(AssertionError, match="not open"):
        await sequencer.sequence()


async def test_two_at_once_make_one_log(log: Log) -> None:
    one, other = log.sequencer(), log.sequencer()
    outcomes = await asyncio.gather(one.open(), other.open(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Overtaken) <= 1

    async def insist(sequencer: object, rounds: int) -> int:
        overtaken, done = 0, 0
        while done < rounds:
            try:
                await sequencer.open()  # type: ignore[attr-defined]
                await sequencer.sequence()  # type: ignore[attr-defined]
                await asyncio.sleep(0)
                await sequencer.sequence()  # type: ignore[attr-defined]
                done += 1
            except Overtaken:
                overtaken += 1
        return overtaken

    await log.add(200)
    overtaken = await asyncio.gather(insist(one, 15), insist(other, 15), insist(log.sequencer(), 15))
    assert sum(overtaken) > 0, "they never met"
    await log.check(sequenced=False)
    await one.open()
    while await one.sequence():
        pass
    await log.check()


async def test_what_another_process_finishes_meanwhile_is_no_doubt(log: Log) -> None:
    fault = Fault()
    other = log.sequencer(fault)
    await other.open()
    await other.sequence()
    fault.arm("checkpoint", after=False)
    await fails(other.sequence)
    lock = await Vault(log.database).lock()
    assert lock is not None
    published = log.storage.get("checkpoint")

    class Finished(MemoryStorage):
        """The other one publishes and tidies just before the staged files are read."""

        def get(self, path: str) -> bytes | None:
            if path == lock.staged:
                self.replace("checkpoint", published, lock.checkpoint)
                self.delete(path)
            return super().get(path)

    assert isinstance(log.storage, MemoryStorage)
    finished = Finished()
    finished.files = log.storage.files
    with pytest.raises(Overtaken):
        await log.sequencer_with(finished).open()
    await log.sequencer().open()
    await log.check()


async def test_who_is_overtaken_stands_by_until_the_other_has_stopped(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.audit.log.sequencer._STANDING_S", 0.4)
    monkeypatch.setattr("services.audit.log.sequencer.BEAT_S", 0.02)
    first, second = asyncio.ensure_future(log.sequencer().run()), asyncio.ensure_future(log.sequencer().run())
    try:
        async with asyncio.timeout(30):
            while (lock := await Vault(log.database).lock()) is None or log.keys.opened(lock.checkpoint).size < 100:
                await asyncio.sleep(0.05)
        for stopped in (first, second):
            assert not stopped.done()
        await log.add(20)
        first.cancel()
        async with asyncio.timeout(30):
            while (await Vault(log.database).lock()).rows < 20:  # type: ignore[union-attr]
                await asyncio.sleep(0.05)
    finally:
        for running in (first, second):
            running.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
    sequencer = log.sequencer()
    await sequencer.open()
    await log.check()


@pytest.mark.parametrize("vault_is_old", [True, False], ids=["vault restored", "storage restored"])
async def test_a_restored_old_copy_is_refused(tmp_path: Path, vault_is_old: bool) -> None:
    files = tmp_path / "log"
    log = await Log.make(tmp_path, FolderStorage(files))
    sequencer = log.sequencer()
    await sequencer.open()
    await log.add(30)
    await sequencer.sequence()
    await log.close()
    shutil.copy(tmp_path / "vault.sqlite", tmp_path / "old.sqlite")
    shutil.copytree(files, tmp_path / "old log")
    log = await Log.make(tmp_path, FolderStorage(files))
    sequencer = log.sequencer()
    await sequencer.open()
    await sequencer.sequence()
    await log.check(sequenced=False)
    await log.close()
    if vault_is_old:
        for rest in ("-wal", "-shm"):
            (tmp_path / f"vault.sqlite{rest}").unlink(missing_ok=True)
        shutil.copy(tmp_path / "old.sqlite", tmp_path / "vault.sqlite")
    else:
        shutil.rmtree(files)
        shutil.copytree(tmp_path / "old log", files)
    log = await Log.make(tmp_path, FolderStorage(files))
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    await refused(log.sequencer().open(), "AUD-11" if vault_is_old else "AUD-13")
    await refused(log.sequencer().run(), "AUD-11" if vault_is_old else "AUD-13")
    assert before == {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    await log.close()


async def test_a_vault_without_its_log_and_a_log_without_its_vault_are_refused(log: Log, tmp_path: Path) -> None:
    sequencer = log.sequencer()
    await sequencer.open()
    await sequencer.sequence()
    (tmp_path / "other").mkdir()
    stranger = await Log.make(tmp_path / "other", log.storage)
    await refused(stranger.sequencer().open(), "AUD-14")
    await stranger.sequencer_with(MemoryStorage()).open()
    await refused(stranger.sequencer().open(), "AUD-14")
    await stranger.close()
    await refused(log.sequencer_with(MemoryStorage()).open(), "AUD-13")


async def test_a_published_fork_is_refused(log: Log) -> None:
    sequencer = log.sequencer()
    await sequencer.open()
    await sequencer.sequence()
    tree = await log.check()
    published = log.storage.get("checkpoint")
    forked = log.keys.sign(Checkpoint(tree.origin, tree.size, tree.origin.encode().ljust(32)[:32]), 0)  # type: ignore[arg-type]
    log.storage.replace("checkpoint", published, forked)
    await refused(log.sequencer().open(), "AUD-12")


@pytest.mark.parametrize("size", [4, 256, 260, 600])
async def test_one_flipped_or_missing_byte_at_the_edge_is_refused(log: Log, size: int) -> None:
    sequencer = log.sequencer(leaves=size)
    await sequencer.open()
    await log.add(3)
    await sequencer.sequence()
    tree = await log.check()
    assert isinstance(log.storage, MemoryStorage)
    good = dict(log.storage.files)
    edge = [one.path for one in (*tiles(tree.size), *bundles(tree.size)) if one.width < 256]
    for path in edge:
        flipped = bytearray(good[path])
        flipped[len(flipped) // 2] ^= 1
        for bad in (bytes(flipped), good[path][:-1], None):
            log.storage.files = {**good, path: bad} if bad is not None else {k: v for k, v in good.items() if k != path}  # type: ignore[dict-item]
            await refused(log.sequencer().open(), "AUD-13")
    log.storage.files = good
    await log.sequencer().open()


async def test_a_tile_that_is_there_with_other_bytes_stops_the_log(log: Log) -> None:
    sequencer = log.sequencer()
    await sequencer.open()
    log.storage.put("tile/0/000.p/4", b"something else")
    await refused(sequencer.sequence(), "AUD-13")


async def test_witnesses_are_asked_before_anything_is_written(log: Log) -> None:
    asked: list[int] = []

    async def seen_more(tree: Checkpoint, _signed: bytes) -> None:
        asked.append(tree.size)
        raise LOG_AHEAD(seen="100", witness="w", size=str(tree.size))

    await refused(log.sequencer(ask_witnesses=seen_more).open(), "AUD-11")
    assert asked == [0]
    assert log.storage.get("checkpoint") is None


async def test_a_clock_that_goes_back_does_not_show(log: Log) -> None:
    sequencer = log.sequencer()
    await sequencer.open()
    await sequencer.sequence()
    lock = await Vault(log.database).lock()
    assert lock is not None
    sequencer._clock = lambda: datetime.fromtimestamp(5, UTC)
    await sequencer.sequence()
    later = await Vault(log.database).lock()
    assert later is not None
    assert later.signed_at_s == lock.signed_at_s


def test_growth_is_constant_until_a_backlog_is_large() -> None:
    pace = Pace(4)
    assert [pace.share(waiting) for waiting in (0, 3, 4, 8)] == [Share(0, 4), Share(3, 1), Share(4, 0), Share(4, 0)]
    assert [pace.share(waiting) for waiting in (9, 16, 17)] == [Share(8, 0), Share(8, 0), Share(12, 0)]
    for waiting in range(3000):
        share = pace.share(waiting)
        assert (share.rows + share.chaff) % 4 == 0
        assert waiting <= 2 * (share.rows + share.chaff)
