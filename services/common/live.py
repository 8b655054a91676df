"""A hub inside one process: whoever listens gets what is published from now on, in order.

A listener that does not keep up is told so, never served with a hole in the middle.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Behind(Exception):
    """This listener was too slow and missed items: it must read from its last position and listen anew."""


class Listener(AsyncIterator[tuple[Item, ...]], Generic[Item]):
    """Gives what was published, in the tuples in which it was published; for one task."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[tuple[Item, ...]] = deque()
        self._count = 0
        self._behind = False
        self._arrived = asyncio.Event()

    def offer(self, items: tuple[Item, ...]) -> None:
        """Takes the items, or marks this listener as behind and frees what it holds."""
        if not self._behind and self._count + len(items) > self._capacity and self._waiting:
            self.interrupt()
        if not self._behind:
            self._waiting.append(items)
            self._count += len(items)
            self._arrived.set()

    @property
    def idle(self) -> bool:
        """Whether everything was taken, and nothing missed."""
        return not self._waiting and not self._behind

    def interrupt(self) -> None:
        """Marks this listener as behind, and frees what it holds."""
        self._behind = True
        self._waiting.clear()
        self._arrived.set()

    async def __anext__(self) -> tuple[Item, ...]:
        """The next tuple, however long it takes. Raises Behind."""
        while not self._waiting and not self._behind:
            self._arrived.clear()
            await self._arrived.wait()
        if self._behind:
            raise Behind
        items = self._waiting.popleft()
        self._count -= len(items)
        return items


class Live(Generic[Item]):
    """The hub; `capacity` is how many items may wait for one listener."""

    def __init__(self, capacity: int = 1000) -> None:
        self._capacity = capacity
        self._listeners: set[Listener[Item]] = set()

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[Listener[Item]]:
        """Listens from this moment until the block ends."""
        listener = Listener[Item](self._capacity)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def interrupt(self) -> None:
        """Tells every listener that it is behind: something was missed before it came here."""
        for listener in self._listeners:
            listener.interrupt()

    def publish(self, items: tuple[Item, ...]) -> None:
        """Hands the items to every listener at once, without waiting for any."""
        if items:
            for listener in self._listeners:
                listener.offer(items)
