"""The log with genuine witnesses: what they cosign is shown, and a log restored from an old copy does not start."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.notes import parse_note
from regard_client.verify.policy import Policy
from regard_client.witness.server import application
from regard_client.witness.state import open_witness
from services.audit.log.cosigning import YOUNG_S, Cosigning, Shown
from services.audit.log.storage import FolderStorage
from services.audit.log.vault import Vault
from services.audit.log.witnesses import Witnesses
from services.common.errors import Refused
from services.common.http import serve_http
from tests.product import free_port
from tests.transparency import Log

WITNESSES = ("w0", "w1")
AWAY = "w2"


class Seen:
    """A log, two witnesses of it, and a third that is away; two of three must have signed."""

    def __init__(self, log: Log, asked: Witnesses, policy: Policy) -> None:
        self.log = log
        self.asked = asked
        self.policy = policy
        self.now_s = datetime.now(UTC).timestamp()
        self.cosigning = Cosigning(log.storage, Vault(log.database), policy)
        self.shown = Shown(log.storage, policy, lambda: datetime.fromtimestamp(self.now_s, UTC))

    async def grow(self, batches: int = 1) -> None:
        """Sequences."""
        sequencer = self.log.sequencer(ask_witnesses=self.asked.ask)
        await sequencer.open()
        for _ in range(batches):
            await sequencer.sequence()

    async def size(self) -> int:
        """Of the tree that is shown."""
        return parse_checkpoint(parse_note(await self.shown.now() or b"").text).size


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[Seen]:
    log = await Log.make(tmp_path, FolderStorage(tmp_path / "log"))
    async with AsyncExitStack() as stack:
        lines = []
        for name in (*WITNESSES, AWAY):
            witness = open_witness(tmp_path / name, f"{name}.example", log.keys.verifiers)
            port = free_port()
            if name != AWAY:
                port = (await stack.enter_async_context(serve_http(application(witness), "127.0.0.1"))).port
            lines.append(f"witness {name} {witness.verifiers[0]} http://127.0.0.1:{port}")
        (tmp_path / "witnesses").write_text("\n".join([*lines, "group g 2 w0 w1 w2", "quorum g", ""]))
        asked = Witnesses(tmp_path / "witnesses")
        yield Seen(log, asked, asked.policy(log.keys, ""))
        await log.close()


async def test_what_enough_witnesses_cosigned_is_shown_while_it_is_young(seen: Seen) -> None:
    await seen.grow(2)
    assert await seen.size() == 8
    assert await seen.cosigning.once() == 8
    await seen.grow(3)
    assert await seen.size() == 8
    vouched = seen.policy.open(await seen.shown.now() or b"")
    assert set(vouched.witnesses) == set(WITNESSES)
    assert vouched.unknown == ()
    assert await seen.cosigning.once() == await seen.size() == 20
    await seen.grow()
    seen.now_s += YOUNG_S + 5
    assert await seen.size() == 24
    assert await Cosigning(seen.log.storage, Vault(seen.log.database), seen.policy).once() == 24


async def test_growth_over_many_tiles_is_cosigned(seen: Seen) -> None:
    for rows in (3, 600, 2, 1000):
        await seen.log.add(rows)
        await seen.grow(20)
        size = await seen.cosigning.once()
        assert size == await seen.size() == (await seen.log.check(sequenced=False)).size


async def test_without_a_quorum_the_newest_is_shown(seen: Seen, tmp_path: Path) -> None:
    await seen.grow()
    text = (tmp_path / "witnesses").read_text().replace("group g 2", "group g 3")
    (tmp_path / "witnesses").write_text(text)
    policy = Witnesses(tmp_path / "witnesses").policy(seen.log.keys, "")
    assert await Cosigning(seen.log.storage, Vault(seen.log.database), policy).once() == 0
    await seen.grow()
    assert await seen.size() == 8


async def test_everything_restored_from_an_old_copy_is_refused_by_what_witnesses_saw(
    seen: Seen, tmp_path: Path
) -> None:
    await seen.grow(2)
    await seen.cosigning.once()
    with (
        closing(sqlite3.connect(tmp_path / "vault.sqlite")) as now,
        closing(sqlite3.connect(tmp_path / "old.sqlite")) as old,
    ):
        now.backup(old)
    shutil.copytree(tmp_path / "log", tmp_path / "old log")
    await seen.grow(2)
    await seen.cosigning.once()
    await seen.log.close()
    for rest in ("-wal", "-shm"):
        (tmp_path / f"vault.sqlite{rest}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "old.sqlite", tmp_path / "vault.sqlite")
    shutil.rmtree(tmp_path / "log")
    shutil.copytree(tmp_path / "old log", tmp_path / "log")
    log = await Log.make(tmp_path, FolderStorage(tmp_path / "log"))
    with pytest.raises(Refused) as caught:
        await log.sequencer(ask_witnesses=seen.asked.ask).open()
    assert caught.value.refusal.id == "AUD-11"
    with pytest.raises(Refused) as caught:
        await Cosigning(log.storage, Vault(log.database), seen.policy).once()
    assert caught.value.refusal.id == "AUD-11"
    # Nobody but the witnesses can tell: the copies agree with one another.
    await log.sequencer().open()
    await log.close()
