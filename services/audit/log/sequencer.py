"""Makes the log grow, one batch after the other, so that there is never more than one history.

The order of writes is Sunlight's (internal/ctlog, sequencePool): stage the files, compare and swap the signed
checkpoint in the lock, write the files, publish the checkpoint. Whatever fails on the way, the lock says how far the
log has come, and opening finishes what it says with the code that sequencing uses. What is not as it should be is
refused, never repaired.

What is trusted: the vault says which tree may be built on; whoever writes there could fork the log. The storage is not
trusted: what comes from there must lead to the root in the lock, and the worst that it can do is to stop the log.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import prometheus_client

from regard_client.verify import Unverified
from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import EMPTY_ROOT
from regard_client.verify.tiles import CHECKPOINT_PATH
from services.audit.log.growth import Edge, Files, edge_of, edge_places, grown
from services.audit.log.keys import LogKeys
from services.audit.log.pace import BEAT_S, Pace
from services.audit.log.records import leaf
from services.audit.log.staging import pack, staging_path, unpack
from services.audit.log.storage import Conflict, Storage
from services.audit.log.vault import Lock, Overtaken, Vault
from services.audit.refusals import LOG_AHEAD, LOG_DAMAGED, LOG_FORKED, LOG_NOT_OURS
from services.common.clock import Clock
from services.common.errors import Kind, Refused
from services.common.telemetry import logger

MOST_ROWS = 4096
"""In one batch; more waits for the next."""

_STANDING_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 5.0

_log = logger(__name__)
_SIZE = prometheus_client.Gauge("regard_log_size", "Leaves of the published log.")
_ROWS = prometheus_client.Counter("regard_log_rows", "Records that were sequenced.")
_REOPENED = prometheus_client.Counter("regard_log_reopened", "Times that the log was opened again.")

AskWitnesses = Callable[[Checkpoint, bytes], Awaitable[None]]
"""Asks those who sign our checkpoints what they have seen. Raises Refused: AUD-11 if it is more than this one."""


@dataclass(frozen=True, slots=True)
class _Open:
    """The log as this process left it, equal to what is durable as long as nothing failed."""

    lock: Lock
    edge: Edge


class Sequencer:
    """One task owns it: it calls `open`, then `sequence` as often as it likes, and `open` again after any exception."""

    def __init__(
        self,
        storage: Storage,
        vault: Vault,
        keys: LogKeys,
        pace: Pace,
        clock: Clock,
        ask_witnesses: AskWitnesses | None = None,
    ) -> None:
        self._storage = storage
        self._vault = vault
        self._keys = keys
        self._pace = pace
        self._clock = clock
        self._ask_witnesses = ask_witnesses
        self._state: _Open | None = None
        self._partial: defaultdict[str, list[str]] = defaultdict(list)  # published partial files by their full one
        self._staged: set[str] = set()  # files that may be there, and are not needed once the checkpoint is published

    @property
    def size(self) -> int:
        """Leaves of the published log; 0 while it is not open."""
        return self._state.edge.size if self._state else 0

    async def run(self) -> None:
        """Sequences for ever. Raises Refused only for what waiting would not cure."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self.open()
                pause_s = _FIRST_PAUSE_S
                await self._beat()
            except Overtaken:
                _log.warning("another process sequences the log")
                await self._stand_by()
            except Refused as refused:
                if refused.refusal.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("the log waits", exc_info=refused)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            _REOPENED.inc()

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self.sequence()
            due_s = max(due_s + BEAT_S, loop.time())
            await asyncio.sleep(due_s - loop.time())

    async def _stand_by(self) -> None:
        """Waits until whoever sequences has stopped: then the lock stands still."""
        seen = None
        while (now := await self._vault.lock()) != seen:
            seen = now
            await asyncio.sleep(_STANDING_S)

    async def open(self) -> None:
        """Finds the log as the lock says it is, finishing what was begun; makes it if there never was one.

        Raises Refused: AUD-10 and others that pass by themselves, AUD-11 to AUD-14 for doubts; Overtaken.
        """
        self._state = None
        # In this order: between the two, another process can only bring the lock further ahead.
        published = await asyncio.to_thread(self._storage.get, CHECKPOINT_PATH)
        lock = await self._vault.lock() or await self._created(published)
        try:
            self._state = await self._opened(published, lock)
        except Refused as refused:
            if refused.refusal.kind is Kind.DATA_LOSS and await self._moved(published, lock):
                raise Overtaken from refused
            raise
        _SIZE.set(self._state.edge.size)

    async def _moved(self, published: bytes | None, lock: Lock) -> bool:
        """Whether another process is at work: then what was read piece by piece need not fit together."""
        now = await asyncio.to_thread(self._storage.get, CHECKPOINT_PATH)
        return (now, await self._vault.lock()) != (published, lock)

    async def _created(self, published: bytes | None) -> Lock:
        if published is not None:
            raise LOG_NOT_OURS()
        at_s = self._now_s(0)
        lock = Lock(self._keys.sign(Checkpoint(self._keys.origin, 0, EMPTY_ROOT), at_s), signed_at_s=at_s)
        await self._vault.create(lock)
        return lock

    async def _opened(self, published: bytes | None, lock: Lock) -> _Open:
        tree = self._checkpoint(lock.checkpoint)
        seen = self._checkpoint(published) if published is not None else None
        if seen is None and tree.size:
            raise LOG_DAMAGED(path=CHECKPOINT_PATH)
        if seen and seen.size > tree.size:
            raise LOG_AHEAD(seen=str(seen.size), witness=CHECKPOINT_PATH, size=str(tree.size))
        if seen and seen.size == tree.size and seen.root != tree.root:
            raise LOG_FORKED(size=str(tree.size))
        if self._ask_witnesses:
            await self._ask_witnesses(tree, lock.checkpoint)
        if seen is None or seen.size < tree.size:
            await self._publish(await self._files_of(lock), lock, published)
        return _Open(lock, await self._edge(tree))

    def _checkpoint(self, signed: bytes) -> Checkpoint:
        try:
            return self._keys.opened(signed)
        except Unverified as error:
            raise LOG_NOT_OURS() from error

    async def _files_of(self, lock: Lock) -> Files:
        """The files that were staged for the tree in the lock."""
        if not lock.staged:  # the empty tree has none
            return {}
        staged = await asyncio.to_thread(self._storage.get, lock.staged)
        try:
            return unpack(staged or b"\0")
        except ValueError as error:
            raise LOG_DAMAGED(path=lock.staged) from error

    async def _edge(self, tree: Checkpoint) -> Edge:
        """The right edge out of the storage, once it is seen to lead to the root, and its leaves to what they are."""
        partial, bundle = edge_places(tree.size)
        paths = [one.path for one in (*partial, *([bundle] if bundle else ()))]
        found = await asyncio.to_thread(lambda: [self._storage.get(path) for path in paths])
        files = {path: data for path, data in zip(paths, found, strict=True) if data is not None}
        if missing := [path for path in paths if path not in files]:
            raise LOG_DAMAGED(path=missing[0])
        try:
            edge = edge_of(tree.size, files)
        except ValueError as error:  # Unverified is one
            raise LOG_DAMAGED(path=paths[-1]) from error
        if edge.root() != tree.root:
            raise LOG_DAMAGED(path=paths[0] if paths else CHECKPOINT_PATH)
        first = tree.size - len(edge.entries)
        rows = await self._vault.rows_at(first, tree.size)
        for index, entry in enumerate(edge.entries, start=first):
            row = rows.get(index)
            if entry != leaf(row.commitment if row else self._keys.chaff_commitment(index)):
                raise LOG_DAMAGED(path=paths[-1])
        return edge

    async def sequence(self) -> int:
        """Adds a batch: rows in their order, then chaff. Returns how many rows are published by it, once they are.

        Raises Refused, Overtaken; then the log must be opened again, which finds out what was done.
        """
        if self._state is None:
            raise AssertionError("the log is not open")
        old, self._state = self._state, None
        waiting = await self._vault.waiting(old.lock.rows, MOST_ROWS)
        share = self._pace.share(len(waiting))
        chaff = range(old.edge.size + share.rows, old.edge.size + share.rows + share.chaff)
        leaves = [leaf(one) for one in (*waiting[: share.rows], *map(self._keys.chaff_commitment, chaff))]
        edge, files = await asyncio.to_thread(grown, old.edge, leaves)
        lock = await self._staged_lock(old, edge, files, share.rows)
        await self._vault.advance(old.lock, lock, old.edge.size)
        await self._publish(files, lock, old.lock.checkpoint)
        self._state = _Open(lock, edge)
        await self._tidy(files)
        _SIZE.set(edge.size)
        _ROWS.inc(share.rows)
        return share.rows

    async def _staged_lock(self, old: _Open, edge: Edge, files: Files, rows: int) -> Lock:
        """The lock to swap for the old one, once all that it stands for is durable."""
        root = edge.root()
        path = staging_path(old.edge.size, edge.size, root)
        self._staged.add(path)
        await asyncio.to_thread(self._put, {path: pack(files)})
        at_s = self._now_s(old.lock.signed_at_s)
        signed = self._keys.sign(Checkpoint(self._keys.origin, edge.size, root), at_s)
        return Lock(signed, old.lock.rows + rows, at_s, path)

    async def _publish(self, files: Files, lock: Lock, published: bytes | None) -> None:
        """Writes what the lock stands for, then its checkpoint: the same when sequencing and when opening."""
        await asyncio.to_thread(self._put, files)
        try:
            await asyncio.to_thread(self._storage.replace, CHECKPOINT_PATH, published, lock.checkpoint)
        except Conflict as conflict:
            # Another process published this tree, or one that it built on it; opening finds out which.
            raise Overtaken from conflict

    def _put(self, files: Files) -> None:
        for path, data in files.items():
            try:
                self._storage.put(path, data)
            except Conflict as conflict:
                raise LOG_DAMAGED(path=path) from conflict

    async def _tidy(self, files: Files) -> None:
        """Removes what nobody needs any more; failing at that is no harm."""
        done: list[str] = []
        for path in files:
            full, dot, _ = path.partition(".p/")
            if dot:
                self._partial[full].append(path)
            else:
                done += self._partial.pop(full, [])
        try:
            await asyncio.to_thread(self._delete, (*done, *self._staged))
        except Refused as refused:
            _log.warning("old files of the log stay", exc_info=refused)
            return
        self._staged.clear()

    def _delete(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._storage.delete(path)

    def _now_s(self, last_s: int) -> int:
        """The time that is stated: never before the last one, whatever the clock does."""
        return max(last_s, int(self._clock().timestamp()))
