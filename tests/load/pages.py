"""What a record costs a reader: pages of 20 messages through the whole product, recorded and not, side by side.

Each reader reads a page of a confidential room, whose record is durable before anything is served, then one of a
restricted room, which asks for no record of members, and so on: both kinds meet the same moments. A page is read by a
reader once, since reading it again within the hour is the same access.
"""

import asyncio
import time

import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import ListAccessesRequest
from regard.chat.v1.chat_pb2 import ImportMessagesRequest, ListMessagesRequest
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_RESTRICTED, Level, PageRequest

from tests.load.company import Company, Member, Room, gathered, product
from tests.load.figures import percentile_ms, tell

PAGE = 20
PAGES = 60
READERS = (1, 16)
_ONE_IMPORT = 200


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


async def recorded(company: Company, member: Member, room: Room) -> int:
    """How many accesses the newest page of the ledger shows: none, or enough to know that there are."""
    request = ListAccessesRequest(scope=ListAccessesRequest.SCOPE_GROUP, group_id=room.group_id)
    return len((await member.ledger.ListAccesses(request, metadata=member.metadata)).entries)


async def main() -> None:
    """One reader, then many; readers of their own each."""
    with product() as started:
        company = await Company.found(started)
        people = await company.people(sum(READERS) + 1)
        confidential = await filled(company, people, LEVEL_CONFIDENTIAL)
        restricted = await filled(company, people, LEVEL_RESTRICTED)
        members = await gathered(company.signed_in(address) for address in list(people)[: sum(READERS)])
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
        assert await recorded(company, members[0], confidential) > 0
        await asyncio.gather(*(member.channel.close() for member in members))
        await company.close()


if __name__ == "__main__":
    uvloop.run(main())
