"""Membership that is never older than the call: each answer rests on a read of the group's stream begun after it.

Calls that come while a read is under way wait for the next one, together: however many there are, a group costs one
read at a time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field

from google.protobuf.message import Message

from services.access.group import GroupPolicy, fold
from services.common.codec import Codec
from services.common.eventstore import EventStore

_REMEMBERED = 10_000

Noticed = Callable[[Message], None]
"""Is told each event of a group's stream, in order, before any policy that contains it is given."""


@dataclass(slots=True)
class _Known:
    policy: GroupPolicy = field(default_factory=GroupPolicy)
    revision: int = -1
    read_at_s: float = float("-inf")
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_read: asyncio.Task[GroupPolicy] | None = None


class Memberships:
    """The folded policies of groups, brought up to date on every question."""

    def __init__(self, store: EventStore, codec: Codec, noticed: Noticed) -> None:
        self._store = store
        self._codec = codec
        self._noticed = noticed
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def policy(self, group_id: str) -> GroupPolicy:
        """The group's policy as the event store's leader knows it now. Raises Refused when it does not answer."""
        known = self._entry(group_id)
        if known.next_read is None:
            # Without the present call's context: the read serves others too, and outlives this call's cancellation.
            known.next_read = asyncio.get_running_loop().create_task(self._read(group_id, known), context=Context())
            known.next_read.add_done_callback(_retrieve)
        return await asyncio.shield(known.next_read)

    def last_known(self, group_id: str) -> tuple[GroupPolicy, float]:
        """The policy as last read, without reading, and how many seconds ago that was (infinite: never)."""
        known = self._known.get(group_id)
        if known is None:
            return GroupPolicy(), float("inf")
        return known.policy, asyncio.get_running_loop().time() - known.read_at_s

    async def _read(self, group_id: str, known: _Known) -> GroupPolicy:
        async with known.reading:
            known.next_read = None  # whoever asks from here on came after this read began, and needs another
            began_s = asyncio.get_running_loop().time()
            history = await self._store.load(f"group-{group_id}", after=known.revision)
            events = self._codec.decode_all(history.events)
            policy = fold(known.policy, ((event.message, event.recorded_at) for event in events))
            for event in events:
                self._noticed(event.message)
            known.policy, known.revision, known.read_at_s = policy, max(history.revision, known.revision), began_s
            return policy

    def _entry(self, group_id: str) -> _Known:
        known = self._known.setdefault(group_id, _Known())
        self._known.move_to_end(group_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known


def _retrieve(task: asyncio.Task[GroupPolicy]) -> None:
    if not task.cancelled():
        task.exception()  # so that a read whose callers all went away is not reported as forgotten
