"""Conversation through the whole product: gateway, guard, event store, relay, Kafka, view, streams. Recording is on.

ROOMS rooms of MEMBERS people, each of whom listens on a connection of their own. Of SENDERS people, each sends the
next message when the answer has come and they see the last one themselves. With one sender, the next goes out when all
members have the last. Counted is what arrives at members; latency is from the call of SendMessage to each arrival.

    python -m tests.load.chat [seconds]
"""

import asyncio
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from regard.chat.v1.chat_pb2 import SendMessageRequest, SubscribeRequest

from tests.load.company import Company, Member, Room, gathered, processes, product
from tests.load.figures import percentile_ms, tell
from tests.product import Product

ROOMS = 10
MEMBERS = 10
SENDERS = 16
SECONDS = 10.0
RUNS = 3
_LIMIT_S = 30.0
_TEXT = " The sensor holds: three days without a stop, and the line has not been slower for it."


@dataclass(slots=True)
class Sent:
    """A message on its way: `mine` when its sender sees it, `all` when everyone does."""

    began_s: float
    missing: int
    latencies_s: list[float] = field(default_factory=list)
    mine: asyncio.Event = field(default_factory=asyncio.Event)
    all: asyncio.Event = field(default_factory=asyncio.Event)


class Conversation:
    """Everyone who listens, and what is on its way to them."""

    def __init__(self) -> None:
        self._on_its_way: dict[str, Sent] = {}
        self._sent = 0
        self.twice = 0

    async def listen(self, member: Member, name: str, begun: asyncio.Event) -> None:
        """Takes what arrives at a member, until cancelled."""
        seen: set[str] = set()
        async for frame in member.chat.Subscribe(SubscribeRequest(), metadata=member.metadata):
            begun.set()
            if frame.HasField("message"):
                number = frame.message.body.partition(" ")[0]
                self.twice += number in seen
                seen.add(number)
                self._arrived(number, name)
            assert not frame.HasField("end"), frame.end.reason

    def _arrived(self, number: str, name: str) -> None:
        sent = self._on_its_way[number]
        sent.latencies_s.append(time.perf_counter() - sent.began_s)
        if number.endswith(name):
            sent.mine.set()
        sent.missing -= 1
        if not sent.missing:
            sent.all.set()
            del self._on_its_way[number]

    async def send(self, member: Member, name: str, room: Room) -> Sent:
        """Sends one message; returns when it is answered."""
        self._sent += 1
        number = f"{self._sent}.{name}"
        sent = self._on_its_way[number] = Sent(time.perf_counter(), len(room.members))
        request = SendMessageRequest(room_id=room.room_id, body=number + _TEXT)
        await member.chat.SendMessage(request, metadata=member.metadata)
        return sent

    async def settled(self) -> None:
        """Waits until everything sent has arrived everywhere."""
        async with asyncio.timeout(_LIMIT_S):
            for sent in list(self._on_its_way.values()):
                await sent.all.wait()


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run."""

    seconds: float
    messages: int
    latencies_s: list[float]
    to_all_s: list[float]
    server_cpu_s: float


async def many_senders(talk: Conversation, speakers: list[tuple[Member, str, Room]], seconds: float, pid: int) -> Run:
    """Everyone speaks at once for so long."""
    ends_s = time.perf_counter() + seconds
    sent: list[Sent] = []

    async def speak(member: Member, name: str, room: Room) -> None:
        while time.perf_counter() < ends_s:
            one = await talk.send(member, name, room)
            await one.mine.wait()
            sent.append(one)

    cpu_s, began_s = cpu_seconds(pid), time.perf_counter()
    async with asyncio.timeout(seconds + _LIMIT_S):
        await asyncio.gather(*(speak(*speaker) for speaker in speakers))
    await talk.settled()
    took_s = time.perf_counter() - began_s
    return _run(took_s, sent, cpu_seconds(pid) - cpu_s)


async def one_sender(talk: Conversation, speaker: tuple[Member, str, Room], seconds: float, pid: int) -> Run:
    """One person speaks, and waits each time until everyone has it."""
    cpu_s, began_s = cpu_seconds(pid), time.perf_counter()
    sent: list[Sent] = []
    while time.perf_counter() - began_s < seconds:
        one = await talk.send(*speaker)
        async with asyncio.timeout(_LIMIT_S):
            await one.all.wait()
        sent.append(one)
    return _run(time.perf_counter() - began_s, sent, cpu_seconds(pid) - cpu_s)


def _run(seconds: float, sent: list[Sent], server_cpu_s: float) -> Run:
    latencies = [latency for one in sent for latency in one.latencies_s]
    return Run(seconds, len(sent), latencies, [max(one.latencies_s) for one in sent], server_cpu_s)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have used so far."""
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in processes(pid)]
    return sum(int(stat[11]) + int(stat[12]) for stat in fields) / os.sysconf("SC_CLK_TCK")


async def prepared(started: Product) -> tuple[Company, list[tuple[Member, str, Room]]]:
    """The company, and everyone in it with their rooms: the first of each room, then the second, and so on."""
    company = await Company.found(started)
    rooms = await company.rooms(ROOMS, MEMBERS)
    addresses = [address for room in rooms for address in room.members]
    signed_in = await gathered(company.signed_in(address) for address in addresses)
    by_address = dict(zip(addresses, signed_in, strict=True))
    turns = [(room.members[turn], room) for turn in range(MEMBERS) for room in rooms]
    return company, [(by_address[address], address.partition("@")[0], room) for address, room in turns]


async def main(seconds: float) -> None:
    """Measures RUNS times, and tells the median run by messages a second."""
    with product() as started:
        company, everyone = await prepared(started)
        talk = Conversation()
        begun = defaultdict[str, asyncio.Event](asyncio.Event)
        listening = [asyncio.create_task(talk.listen(member, name, begun[name])) for member, name, _ in everyone]
        async with asyncio.timeout(_LIMIT_S):
            await asyncio.gather(*(event.wait() for event in list(begun.values())))
        pid = started.child.pid
        await many_senders(talk, everyone[:SENDERS], 2, pid)
        runs = [await many_senders(talk, everyone[:SENDERS], seconds, pid) for _ in range(RUNS)]
        alone = [await one_sender(talk, everyone[0], seconds / 2, pid) for _ in range(RUNS)]
        for task in listening:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*(member.channel.close() for member, _, _ in everyone))
        await company.close()
    assert not talk.twice, f"{talk.twice} messages came twice"
    _tell(sorted(runs, key=lambda run: run.messages / run.seconds)[RUNS // 2], SENDERS)
    _tell(sorted(alone, key=lambda run: run.messages / run.seconds)[RUNS // 2], 1)


def _tell(run: Run, senders: int) -> None:
    parameters = {"rooms": ROOMS, "members": MEMBERS, "senders": senders}
    tell("chat: messages", run.messages / run.seconds, "1/s", **parameters)
    tell("chat: deliveries", len(run.latencies_s) / run.seconds, "1/s", **parameters)
    tell("chat: at a member, p50", percentile_ms(run.latencies_s, 50), "ms", **parameters)
    tell("chat: at a member, p99", percentile_ms(run.latencies_s, 99), "ms", **parameters)
    tell("chat: at all members, p50", percentile_ms(run.to_all_s, 50), "ms", **parameters)
    tell("chat: server's processor time a message", run.server_cpu_s / run.messages * 1000, "ms", **parameters)


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
