"""Following the event store across losses: each event once, in order."""

from __future__ import annotations

import asyncio

from regard.groups.v1.events_pb2 import GroupArchived

from services.access.following import follow
from services.common.eventstore import Recorded
from tests.guarded import Site, eventually


async def test_each_event_is_handed_over_once_across_losses() -> None:
    site, heard, tells = Site(), list[int](), list[str]()

    async def handle(recorded: Recorded) -> None:
        heard.append(recorded.position)

    await site.write("group-before", GroupArchived())
    following = asyncio.ensure_future(
        follow(
            site.store,  # type: ignore[arg-type]
            ("group-",),
            after=None,
            handle=handle,
            connected=lambda head: tells.append(f"reached at {head}"),
            lost=lambda: tells.append("lost"),
        )
    )
    await eventually(lambda: tells == ["reached at 1"])
    await site.write("group-a", GroupArchived())
    await site.write("user-a", GroupArchived())
    await eventually(lambda: heard == [2])
    site.store.cut()
    await eventually(lambda: "lost" in tells)
    await site.write("group-b", GroupArchived())
    site.store.mend()
    await eventually(lambda: len(heard) == 2)
    await site.write("group-c", GroupArchived())
    await eventually(lambda: len(heard) == 3)
    assert heard == [2, 4, 5]
    assert tells[-1] == "reached at 4"
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
