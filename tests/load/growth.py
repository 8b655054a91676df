"""How costs grow: with events in the log (10^4, 10^5; 10^6 if asked), and with groups (10, 100, 1,000 if asked).

For each cost an exponent is told: by which power of the size it grows, by least squares through the logarithms. 1 is
in proportion to the size, 0 is no growth.

    python -m tests.load.growth [most events] [most groups]
"""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import uvloop
from regard.chat.v1.events_pb2 import MessageSent, RoomOpened
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Sealed

from services.audit.views import ledger
from services.chat import queries
from services.chat.views import METADATA, reduce
from services.common import contracts
from services.common.codec import Codec
from services.common.database import Database
from services.common.eventstore import ExpectedState, NewEvent
from services.common.ids import stream_name
from services.common.projection import Projection, rebuild
from services.embedded.eventstore import EmbeddedEventStore
from tests.load import chat
from tests.load.company import Company, Room, gathered, product
from tests.load.eventstore import append_one, measured
from tests.load.figures import exponent, percentile_ms, tell
from tests.load.start import page_works, resident_mib

EVENTS = (10_000, 100_000, 1_000_000)
GROUPS = (10, 100, 1_000)
_ROOMS = 100
_BATCH = 200
_MEMBERS = 10
_PEOPLE = 30
_CODEC = Codec(contracts.event_files())

Costs = defaultdict[str, dict[int, float]]


def _said(rooms: list[str], count: int) -> Iterator[tuple[str, list[NewEvent]]]:
    """Streams with what is said in them, so many events altogether."""
    sealed = Sealed(subject="group/author", key_id="1", nonce=bytes(12), ciphertext=os.urandom(150))
    for start in range(0, count, _BATCH):
        room_id = rooms[start // _BATCH % len(rooms)]
        messages = [
            MessageSent(
                message_id=str(uuid.uuid4()),
                room_id=room_id,
                group_id=room_id,
                author_id=room_id,
                body=sealed,
                level=LEVEL_CONFIDENTIAL,
            )
            for _ in range(min(_BATCH, count - start))
        ]
        yield (
            stream_name("talk", room_id),
            [NewEvent(*_CODEC.encode(message), {"actor": "bench"}, uuid.uuid4()) for message in messages],
        )


async def with_events(most: int, costs: Costs) -> None:
    """One event store that grows."""
    sizes = [size for size in EVENTS if size <= most]
    rooms = [str(uuid.uuid4()) for _ in range(_ROOMS)]
    with tempfile.TemporaryDirectory(prefix="regard-bench-") as name:
        folder = Path(name)
        held = 0
        for size in sizes:
            began_s = time.perf_counter()
            async with EmbeddedEventStore(folder / "eventstore") as node:
                costs["start of the event store"][size] = time.perf_counter() - began_s
                store = node.direct
                if not held:
                    for room_id in rooms:
                        opened = RoomOpened(room_id=room_id, group_id=room_id)
                        event = NewEvent(*_CODEC.encode(opened), {"actor": "bench"}, uuid.uuid4())
                        await store.append(stream_name("room", room_id), [event], ExpectedState.ANY)
                for stream, events in _said(rooms, size - held):
                    await store.append(stream, events, ExpectedState.ANY)
                held = size
                took_s = await measured(append_one, store, [f"bench-{uuid.uuid4()}" for _ in range(32)])
                costs["an append, p50 of 32 writers"][size] = percentile_ms(took_s, 50) / 1000
                for view in (Projection("chat_v1", "chat", ("regard.chat.events",), METADATA, reduce), ledger()):
                    database = Database(f"sqlite+aiosqlite:///{folder}/{view.name}-{size}.sqlite")
                    began_s = time.perf_counter()
                    await rebuild(view, store, _CODEC, database)
                    seconds = time.perf_counter() - began_s
                    costs[f"rebuild of {view.name}"][size] = seconds
                    tell("view rebuilt", size / seconds, "events/s", view=view.name, events=size)
                    if view.name == "chat_v1":
                        costs["a page of 20 from the view, p50"][size] = await _page_s(database, rooms)
                    await database.dispose()


async def _page_s(database: Database, rooms: list[str]) -> float:
    took_s = []
    for number in range(300):
        room_id, began_s = rooms[number % len(rooms)], time.perf_counter()
        await database.look(
            lambda tx, room_id=room_id: queries.messages_before(  # type: ignore[misc]
                tx, room_id, levels=[LEVEL_CONFIDENTIAL], since=None, before_sequence=None, before=None, limit=20
            )
        )
        took_s.append(time.perf_counter() - began_s)
    return percentile_ms(took_s, 50) / 1000


async def with_groups(most: int, costs: Costs) -> None:
    """One product that grows: more groups of the same people, who each belong to a third of them."""
    with product() as started:
        company = await Company.found(started)
        people = list((await company.people(_PEOPLE)).items())
        first = await company.room("Room 0", dict(people[:_MEMBERS]))
        held = 1
        for size in (size for size in GROUPS if size <= most):
            numbers = range(held, size)
            members = {number: [people[(number + turn) % _PEOPLE] for turn in range(_MEMBERS)] for number in numbers}
            await gathered(company.room(f"Room {number}", dict(members[number])) for number in numbers)
            held = size
            assert started.stop() == 0
            began_s = time.perf_counter()
            page_works(started.start_again())
            costs["second start"][size] = time.perf_counter() - began_s
            costs["memory of everything"][size] = sum(resident_mib(started).values())
            costs["a message at all members, p50"][size] = await _talk(company, first, started.child.pid)
        await company.close()


async def _talk(company: Company, room: Room, pid: int) -> float:
    """Seconds until a message of one sender is at all members of a room, half of the times."""
    members = [await company.signed_in(address) for address in room.members]
    talk = chat.Conversation()
    begun = [asyncio.Event() for _ in members]
    names = [address.partition("@")[0] for address in room.members]
    listening = [
        asyncio.create_task(talk.listen(member, name, event))
        for member, name, event in zip(members, names, begun, strict=True)
    ]
    async with asyncio.timeout(120):
        await asyncio.gather(*(event.wait() for event in begun))
    run = await chat.one_sender(talk, (members[0], names[0], room), 3, pid)
    for task in listening:
        task.cancel()
    await asyncio.gather(*(member.channel.close() for member in members))
    return percentile_ms(run.to_all_s, 50) / 1000


def tell_growth(costs: Costs, of: str) -> None:
    """Each cost at each size, and by which power it grows."""
    for name, by_size in costs.items():
        for size, cost in by_size.items():
            tell(f"growth: {name}", cost, "MiB" if "memory" in name else "s", **{of: size})
        if len(by_size) > 1:
            power = exponent(list(by_size), list(by_size.values()))
            tell(f"growth: {name}, exponent", power, "-", of=of, sizes=len(by_size))


async def main(most_events: int, most_groups: int) -> None:
    """Both kinds of growth."""
    by_events, by_groups = Costs(dict), Costs(dict)
    await with_events(most_events, by_events)
    tell_growth(by_events, "events")
    await with_groups(most_groups, by_groups)
    tell_growth(by_groups, "groups")


if __name__ == "__main__":
    asked = [int(argument) for argument in sys.argv[1:]]
    uvloop.run(main(*(asked + [100_000, 100][len(asked) :])))
