"""What was just committed, for those who follow the log."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from services.embedded.eventstore.model import Recorded

_KEPT_EVENTS: Final = 4096
_KEPT_BYTES: Final = 16 * 1024 * 1024
_by_position = attrgetter("position")


class Live:
    """The last events of the log, in memory, and a signal at each commit."""

    def __init__(self, position: int) -> None:
        self.position = position
        """The last position given."""
        self.closed = False
        self._floor = position  # every event after it is kept
        self._events: list[Recorded] = []
        self._bytes = 0
        self._news = asyncio.Event()

    def publish(self, events: Sequence[Recorded], position: int) -> None:
        """Adds what was committed, and wakes who waits."""
        self._events.extend(events)
        self._bytes += sum(event.size_bytes for event in events)
        self.position = position
        if len(self._events) > 2 * _KEPT_EVENTS or self._bytes > 2 * _KEPT_BYTES:
            self._forget()
        self.wake()

    def close(self) -> None:
        """Ends every wait."""
        self.closed = True
        self.wake()

    def after(self, position: int) -> list[Recorded] | None:
        """The events after `position`, or None if some of them are no longer kept."""
        if position < self._floor:
            return None
        return self._events[bisect_right(self._events, position, key=_by_position) :]

    async def news(self, position: int) -> None:
        """Waits until there may be something after `position`, or until the end."""
        if self.position <= position and not self.closed:
            await self._news.wait()

    def wake(self) -> None:
        """Lets everyone who waits look again."""
        self._news.set()
        self._news = asyncio.Event()

    def _forget(self) -> None:
        kept_bytes, first = 0, len(self._events)
        while first > 0 and len(self._events) - first < _KEPT_EVENTS and kept_bytes < _KEPT_BYTES:
            first -= 1
            kept_bytes += self._events[first].size_bytes
        if first:
            self._floor = self._events[first - 1].position
            self._events, self._bytes = self._events[first:], kept_bytes
