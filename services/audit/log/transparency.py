"""Puts the log together: intake, sequencer, seals and erasing at work, and what is served and proved of it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime

from starlette.applications import Starlette

from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.notes import parse_note
from regard_client.verify.policy import Policy
from services.audit.log.cosigning import Cosigning, Shown
from services.audit.log.erasing import Erasing
from services.audit.log.forgetting import Forgetting, Retention
from services.audit.log.intake import Intake
from services.audit.log.keys import LogKeys, log_keys
from services.audit.log.kinds import Kinds, kinds
from services.audit.log.logcheck import COMPARED, NAME, LogCheck
from services.audit.log.openings import Openings
from services.audit.log.pace import Pace
from services.audit.log.places import Places
from services.audit.log.receipts import Receipts
from services.audit.log.seals import Seals
from services.audit.log.sequencer import Sequencer
from services.audit.log.serving import application
from services.audit.log.storage import FolderStorage, ObjectStorage, Storage
from services.audit.log.vault import METADATA, Vault
from services.audit.log.witnesses import Witnesses
from services.audit.refusals import BAD_LOG_STORAGE
from services.common.check import Check, Checked
from services.common.kernel import Kernel
from services.common.settings import Settings

PREFIX = "/log"


class TransparencyLog:
    """The log of one installation, as one process of audit has it."""

    def __init__(self, settings: Settings, kernel: Kernel) -> None:
        """Raises BadMasterKey, OSError; Refused (AUD-18, AUD-19, AUD-50)."""
        self._kernel = kernel
        self._url = settings.url.rstrip("/") + PREFIX
        self._database = kernel.vault("audit", METADATA)
        self._vault = Vault(self._database)
        self._storage = storage_of(settings)
        self._pace = Pace(settings.log_leaves)
        self._witnesses = Witnesses(settings.log_witnesses_file)
        self._keys: LogKeys | None = None
        self._showing: Shown | None = None
        self._master_key = kernel.master_key
        erasing, retention = Erasing(self._database, kernel.clock), Retention.of(settings)
        self._forgetting = Forgetting(kernel.store, kernel.codec, kernel.database("audit"), erasing, retention)
        self._seals = Seals(self._database, kernel.database("audit"), kernel.clock)

    async def keys(self) -> LogKeys:
        """The log's keys, and with them its name: that of the log that exists, else from the settings."""
        if self._keys is None:
            lock = await self._vault.lock()
            origin = parse_checkpoint(parse_note(lock.checkpoint).text).origin if lock else _origin(self._url)
            self._keys = await log_keys(self._database, self._master_key, origin)
        return self._keys

    async def run(self) -> None:
        """Reads, sequences and erases for ever. Raises Refused for what waiting would not cure."""
        kernel = self._kernel
        keys = await self.keys()
        cosigning = Cosigning(self._storage, self._vault, self._policy(keys))
        sequencer = Sequencer(self._storage, self._vault, keys, self._pace, kernel.clock, self._witnesses.ask)
        tasks = (
            asyncio.create_task(Intake(kernel.store, kernel.codec, self._database).run()),
            asyncio.create_task(sequencer.run()),
            asyncio.create_task(cosigning.run()),
            asyncio.create_task(self._forgetting.run()),
            asyncio.create_task(self._seals.run()),
        )
        try:
            # Not gather, which would cancel them too, and twice: a connection that is being closed may then never be.
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in ended:
            await task

    async def receipts(self) -> Receipts:
        """What makes receipts."""
        keys = await self.keys()
        return Receipts(self._storage, self._shown(keys), self._vault, keys)

    def places(self) -> Places:
        """What the log has read of each group."""
        return Places(self._database)

    async def openings(self) -> Openings:
        """What opens the entries of the log."""
        return Openings(self._vault, await self.keys(), self._seals)

    async def kinds(self, before: datetime, sealed: Collection[str]) -> Kinds:
        """How many entries are what, up to the last that was written before then; `sealed` as `kinds` takes it."""
        return await kinds(self._database, before, sealed)

    async def _checked(self) -> Checked:
        if await self._vault.lock() is None:
            return Checked(0, (), 0, behind=False)
        return await LogCheck(self._storage, self._vault, await self.keys()).run()

    def check(self) -> Check:
        """Verifies all of it, for `regard check`."""
        return Check(NAME, COMPARED, self._checked)

    def http(self) -> Starlette:
        """Serves what anyone may read."""

        async def shown() -> bytes | None:
            return await self._shown(await self.keys()).now()

        return application(self._storage, shown, self.keys, lambda keys: bytes(self._policy(keys)))

    def _shown(self, keys: LogKeys) -> Shown:
        if self._showing is None:
            self._showing = Shown(self._storage, self._policy(keys), self._kernel.clock)
        return self._showing

    def _policy(self, keys: LogKeys) -> Policy:
        return self._witnesses.policy(keys, self._url)


def storage_of(settings: Settings) -> Storage:
    """Where the log's files lie. Raises Refused (AUD-19)."""
    if not settings.log_storage:
        return FolderStorage(settings.data / "log")
    try:
        return ObjectStorage.at(settings.log_storage)
    except ValueError as error:
        raise BAD_LOG_STORAGE() from error


def _origin(url: str) -> str:
    """tlog-tiles: the prefix without scheme and trailing slash."""
    return url.partition("://")[2]
