"""Long streams kept in memory, so that a command on a group of thousands reads only what is new.

Each load still asks the store for what follows, so it knows all that was written before it began.
"""

from collections import OrderedDict
from collections.abc import Sequence

from services.common.eventstore import Expected, History, NewEvent, Streams
from services.common.ids import Position

SHORT_EVENTS = 200
"""Streams up to this length are read anew each time."""
MOST_EVENTS = 200_000


class RememberedStreams:
    """For streams that only ever grow."""

    def __init__(self, store: Streams, most_events: int = MOST_EVENTS) -> None:
        self._store = store
        self._most_events = most_events
        self._known: OrderedDict[str, History] = OrderedDict()
        self._events = 0

    async def load(self, stream: str, *, after: int = -1) -> History:
        """See Streams."""
        known = self._known.get(stream)
        if known is None or after != -1:
            history = await self._store.load(stream, after=after)
        else:
            fresh = await self._store.load(stream, after=known.revision)
            history = _joined(known, fresh) if fresh.events else known
        if after == -1 and len(history.events) > SHORT_EVENTS:
            self._remember(history)
        return history

    async def append(self, stream: str, events: Sequence[NewEvent], expected: Expected) -> Position:
        """See Streams."""
        return await self._store.append(stream, events, expected)

    def _remember(self, history: History) -> None:
        known = self._known.pop(history.stream, None)
        self._events -= len(known.events) if known else 0
        # Of two loads at once the one that read more is kept.
        kept = max(known, history, key=lambda one: one.revision) if known else history
        self._known[history.stream] = kept
        self._events += len(kept.events)
        while self._events > self._most_events and len(self._known) > 1:
            _, forgotten = self._known.popitem(last=False)
            self._events -= len(forgotten.events)


def _joined(known: History, fresh: History) -> History:
    return History(known.stream, known.events + fresh.events, fresh.revision, fresh.position)
