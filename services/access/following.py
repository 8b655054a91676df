"""Following the event store for as long as the process runs, across losses of its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from services.common.errors import Refused
from services.common.eventstore import EventStore, Recorded

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


async def follow(
    store: EventStore,
    prefixes: tuple[str, ...],
    *,
    after: int | None,
    handle: Callable[[Recorded], Awaitable[None]],
    connected: Callable[[int], None],
    lost: Callable[[], None],
) -> None:
    """Hands over each event after `after` (None: from now on), in order, again and again from where it was.

    `connected` is called, with the position of the last event there is, whenever the store is reached; `lost` whenever
    it no longer is. Never returns.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            head = await store.head(prefixes)
            position = after = head if after is None else after
            connected(head)
            pause_s = _FIRST_PAUSE_S
            async with aclosing(store.subscribe(after=position, prefixes=prefixes)) as events:
                async for recorded in events:
                    await handle(recorded)
                    after = recorded.position
        except Refused:
            lost()
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
