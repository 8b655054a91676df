"""Group commit: what is asked while one transaction is being written goes into the next.

A thread owns the journal. Operations are carried out in the order in which they were submitted.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Final

from services.common.telemetry import logger
from services.embedded.eventstore import refusals
from services.embedded.eventstore.journal import Batch, Journal
from services.embedded.eventstore.model import Append, Expired, Operation, Outcome, Unwritten

_log = logger(__name__)

_BATCH_OPERATIONS: Final = 1000
_BATCH_BYTES: Final = 8 * 1024 * 1024
_GATHER_S: Final = 0.001
"""How long a batch waits for more, if the one before it was shared: a commit costs more than that."""

Settled = Callable[[Outcome], None]
_Submission = tuple[Operation, float, Settled]


class GroupCommit:
    """Submits operations to `journal`; `publish` hears of each batch on the event loop, before the submitters do."""

    def __init__(self, journal: Journal, publish: Callable[[Batch], None]) -> None:
        self._journal = journal
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Submission | None] = SimpleQueue()
        self._broken = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="eventstore-journal", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation, deadline: float, settled: Settled) -> None:
        """Calls `settled` on the event loop once the operation is durable or refused.

        `deadline` is a `time.monotonic()`; an operation whose turn comes later is not carried out.
        """
        if self._closing:
            settled(Unwritten(full=False))
        else:
            self._queue.put((operation, deadline, settled))

    async def outcome(self, operation: Operation, deadline: float) -> Outcome:
        """The same for one caller that waits."""
        answer: asyncio.Future[Outcome] = self._loop.create_future()

        def settled(outcome: Outcome) -> None:
            if not answer.done():
                answer.set_result(outcome)

        self.submit(operation, deadline, settled)
        return await answer

    async def close(self) -> None:
        """Carries out what was submitted, refuses what comes after, and ends the thread."""
        self._closing = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        batch: list[_Submission] = []
        while batch := self._next_batch(gather=len(batch) > 1):
            now = time.monotonic()
            live = [submission for submission in batch if submission[1] > now]
            written = self._commit([operation for operation, _, _ in live])
            outcomes = dict(zip(map(id, live), written.outcomes, strict=True))
            settled = [(done, outcomes.get(id(s), Expired())) for s in batch for _, _, done in (s,)]
            self._loop.call_soon_threadsafe(self._deliver, written, settled)

    def _next_batch(self, *, gather: bool) -> list[_Submission]:
        """At least one submission, and what else waits; empty at the end."""
        first = self._queue.get()
        if gather:
            time.sleep(_GATHER_S)
        batch: list[_Submission] = []
        size_bytes = 0
        while first is not None:
            batch.append(first)
            if isinstance(first[0], Append):
                size_bytes += sum(len(event.data) + len(event.metadata) for event in first[0].events)
            if len(batch) >= _BATCH_OPERATIONS or size_bytes >= _BATCH_BYTES or self._queue.empty():
                return batch
            first = self._queue.get()
        if batch:
            self._queue.put(None)  # for the next time
        return batch

    def _commit(self, operations: Sequence[Operation]) -> Batch:
        failed = Unwritten(full=False)
        if not self._broken:
            try:
                return self._journal.commit(operations)
            except sqlite3.Error as error:
                failed = Unwritten(full=error.sqlite_errorcode == sqlite3.SQLITE_FULL)
                # After a failed sync nobody knows what the disk holds: only a new start finds out.
                self._broken = error.sqlite_errorcode in _UNTRUSTWORTHY
                reason = refusals.DISK_FULL if failed.full else refusals.WRITE_FAILED
                _log.error("not written", count=len(operations), error=error.sqlite_errorname, error_id=reason.id)
            except Exception as error:
                # The thread must live on, or every later caller would wait for ever.
                _log.error("not written", count=len(operations), exc_info=error)
        return Batch((failed,) * len(operations), (), self._journal.position)

    def _deliver(self, batch: Batch, settled: Sequence[tuple[Settled, Outcome]]) -> None:
        self._publish(batch)
        for done, outcome in settled:
            done(outcome)


_UNTRUSTWORTHY: Final = frozenset(
    {sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
)
