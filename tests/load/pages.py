"""What a record costs a reader: pages of 20 messages through the whole product, recorded and not, side by side.

Each reader reads a page of a confidential room, whose record is durable before anything is served, then one of a
restricted room, which asks for no record of members, and so on: both kinds meet the same moments. A page is read by a
reader once, since reading it again within the hour is the same access. Then others read recorded pages alone, while
some ask for the receipt of what they have just read until they get it.
"""

import asyncio
import time

import grpc
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import GetReceiptRequest, ListAccessesRequest
from regard.chat.v1.chat_pb2 import ImportMessagesRequest, ListMessagesRequest
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_RESTRICTED, Level, PageRequest

from tests.load.company import Company, Member, Room, gathered, product
from tests.load.figures import percentile_ms, tell

PAGE = 20
PAGES = 60
READERS = (1, 16)
ALONE = 16
"""Readers of recorded pages alone, beside as many as PROVERS."""
PROVERS = 4
ROOMS = 3
"""Confidential ones, for those to read for a while."""
_ONE_IMPORT = 200
_LOOK_S = 0.05


async def filled(company: Company, people: dict[str, str], level: Level) -> Room:
    """A room with PAGES pages of one author, who is not among the readers."""
    room = await company.room(f"Pages at level {level}", people, level)
    author_id = next(reversed(people.values()))
    written_at = Timestamp(seconds=int(time.time()))
    for first in range(0, PAGES * PAGE, _ONE_IMPORT):
        messages = [
            ImportMessagesRequest.ImportedMessage(
                external_id=str(number), author_id=author_id, body="x" * 200, written_at=written_at
            )
            for number in range(first, first + _ONE_IMPORT)
        ]
        request = ImportMessagesRequest(room_id=room.room_id, source="bench", messages=messages)
        await company.administrator.chat.ImportMessages(request)
    return room


async def read_all(member: Member, rooms: list[Room], took_s: dict[str, list[float]]) -> None:
    """Reads every page of the rooms once, a page of each in turn."""
    tokens = {room.room_id: "" for room in rooms}
    for _ in range(PAGES):
        for room in rooms:
            page = PageRequest(size=PAGE, token=tokens[room.room_id])
            began_s = time.perf_counter()
            answer = await member.chat.ListMessages(
                ListMessagesRequest(room_id=room.room_id, page=page), metadata=member.metadata
            )
            took_s[room.room_id].append(time.perf_counter() - began_s)
            assert len(answer.messages) == PAGE and answer.messages[0].body
            tokens[room.room_id] = answer.page.next_token


async def prove(member: Member, rooms: list[Room], took_s: list[float], stop: asyncio.Event) -> None:
    """Reads a page, and asks for the receipt of that until it is given; again and again."""
    mine = ListAccessesRequest(scope=ListAccessesRequest.SCOPE_BY_ME, page=PageRequest(size=1))
    before = ""
    for room in rooms:
        token = ""
        for _ in range(PAGES):
            if stop.is_set():
                return
            page, began_s = PageRequest(size=PAGE, token=token), time.perf_counter()
            asked = ListMessagesRequest(room_id=room.room_id, page=page)
            token = (await member.chat.ListMessages(asked, metadata=member.metadata)).page.next_token
            while not (newest := (await member.ledger.ListAccesses(mine, metadata=member.metadata)).entries) or (
                newest[0].access_id == before
            ):
                await asyncio.sleep(_LOOK_S)
            before = newest[0].access_id
            receipt = GetReceiptRequest(group_id=newest[0].group_id, access_id=before)
            while not await _given(member, receipt):
                await asyncio.sleep(_LOOK_S)
            took_s.append(time.perf_counter() - began_s)


async def _given(member: Member, receipt: GetReceiptRequest) -> bool:
    try:
        await member.ledger.GetReceipt(receipt, metadata=member.metadata)
    except grpc.aio.AioRpcError as error:
        # It is not in the log yet, or not known there.
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND):
            raise
        return False
    return True


async def alone(members: list[Member], provers: list[Member], rooms: list[Room]) -> None:
    """Recorded pages, as fast as they come, and how long until an access can be proved meanwhile."""
    took_s: dict[str, list[float]] = {room.room_id: [] for room in rooms}
    provable_s, stop = list[float](), asyncio.Event()
    proving = [asyncio.create_task(prove(member, rooms, provable_s, stop)) for member in provers]
    began_s = time.perf_counter()
    await asyncio.gather(*(read_all(member, rooms, took_s) for member in members))
    seconds = time.perf_counter() - began_s
    stop.set()
    await asyncio.gather(*proving)
    latencies_s = [one for some in took_s.values() for one in some]
    tell("pages of 20, recorded, alone", len(latencies_s) / seconds, "1/s", readers=len(members))
    tell("pages of 20, recorded, alone, p99", percentile_ms(latencies_s, 99), "ms", readers=len(members))
    for percent in (50, 99):
        tell(f"until provable through the product, p{percent}", percentile_ms(provable_s, percent), "ms")
    tell("until provable through the product, asked for", len(provable_s), "-")


async def recorded(company: Company, member: Member, room: Room) -> int:
    """How many accesses the newest page of the ledger shows: none, or enough to know that there are."""
    request = ListAccessesRequest(scope=ListAccessesRequest.SCOPE_GROUP, group_id=room.group_id)
    return len((await member.ledger.ListAccesses(request, metadata=member.metadata)).entries)


async def main() -> None:
    """One reader, then many; readers of their own each."""
    with product() as started:
        company = await Company.found(started)
        count = sum(READERS) + ALONE + PROVERS
        people = await company.people(count + 1)
        confidential, *others = [await filled(company, people, LEVEL_CONFIDENTIAL) for _ in range(1 + ROOMS)]
        restricted = await filled(company, people, LEVEL_RESTRICTED)
        members = await gathered(company.signed_in(address) for address in list(people)[:count])
        left = iter(members)
        for readers in READERS:
            took_s: dict[str, list[float]] = {confidential.room_id: [], restricted.room_id: []}
            some, began_s = [next(left) for _ in range(readers)], time.perf_counter()
            await asyncio.gather(*(read_all(member, [confidential, restricted], took_s) for member in some))
            seconds = time.perf_counter() - began_s
            for name, room in (("recorded", confidential), ("unrecorded", restricted)):
                latencies_s = took_s[room.room_id]
                tell(f"pages of 20, {name}", len(latencies_s) / seconds, "1/s", readers=readers)
                tell(f"pages of 20, {name}, p50", percentile_ms(latencies_s, 50), "ms", readers=readers)
                tell(f"pages of 20, {name}, p99", percentile_ms(latencies_s, 99), "ms", readers=readers)
            slower = percentile_ms(took_s[confidential.room_id], 99) / percentile_ms(took_s[restricted.room_id], 99)
            tell("pages of 20, recorded to unrecorded, p99", slower, "-", readers=readers)
        rest = list(left)
        await alone(rest[:ALONE], rest[ALONE:], others)
        assert await recorded(company, members[0], confidential) > 0
        await asyncio.gather(*(member.channel.close() for member in members))
        await company.close()


if __name__ == "__main__":
    uvloop.run(main())
