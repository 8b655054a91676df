"""What people cost who are there and say nothing: each holds a stream open through the gateway.

Three hundred people in confidential groups of ten, several streams each. Told is what a thousand streams add to the
memory of the services and of the gateway, and to the processor time of idle seconds, heartbeats included.

    python -m tests.load.streams [streams]
"""

import asyncio
import sys

import uvloop
from regard.chat.v1.chat_pb2 import SubscribeRequest

from tests.load.chat import cpu_seconds
from tests.load.company import Company, Member, gathered, product
from tests.load.figures import tell
from tests.load.start import resident_mib
from tests.product import Product

STREAMS = 2_000
ROOMS, MEMBERS = 30, 10
IDLE_S = 30.0
"""Two heartbeats."""


async def listening(member: Member, begun: asyncio.Semaphore) -> None:
    """One stream, until cancelled; an end that the server gives is a failure."""
    first = True
    async for frame in member.chat.Subscribe(SubscribeRequest(), metadata=member.metadata):
        assert not frame.HasField("end"), frame.end.reason
        if first:
            begun.release()
        first = False
    raise AssertionError("a stream ended without a word")


async def idle(started: Product) -> tuple[dict[str, float], float]:
    """Memory in MiB by process, and the share of a core that is used while nobody says anything."""
    before_s = cpu_seconds(started.child.pid)
    await asyncio.sleep(IDLE_S)
    return resident_mib(started), (cpu_seconds(started.child.pid) - before_s) / IDLE_S


async def main(streams: int) -> None:
    """Measures without streams, then with all of them."""
    with product() as started:
        company = await Company.found(started)
        rooms = await company.rooms(ROOMS, MEMBERS)
        members = await gathered(company.signed_in(address) for room in rooms for address in room.members)
        without, quiet = await idle(started)
        begun = asyncio.Semaphore(0)
        listeners = [asyncio.create_task(listening(members[number % len(members)], begun)) for number in range(streams)]
        for _ in range(streams):
            await begun.acquire()
        held, busy = await idle(started)
        for listener in listeners:
            if listener.done():
                listener.result()
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
        await asyncio.gather(*(member.channel.close() for member in members))
        await company.close()
    thousands = streams / 1000
    for name, mib in held.items():
        tell("streams: memory a thousand", (mib - without[name]) / thousands, "MiB", process=name, streams=streams)
    tell("streams: processor a thousand", (busy - quiet) / thousands * 100, "% of a core", streams=streams)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else STREAMS))
