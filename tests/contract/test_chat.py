"""chat as its callers see it: rooms, messages, and the stream of both."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.events_pb2 import ACTION_IMPORT, ACTION_LIVE, ACTION_READ, Access
from regard.chat.v1 import chat_pb2 as api
from regard.chat.v1 import events_pb2 as events
from regard.chat.v1.chat_pb2_grpc import ChatServiceStub
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, PageRequest
from regard.groups.v1.events_pb2 import MemberRemoved
from regard.groups.v1.rules_pb2 import MEMBER_ROLE_STEWARD, PAST_VISIBILITY_FROM_JOINING
from regard.identity.v1.events_pb2 import PersonDeactivated

from services.chat import messages as sending
from services.chat import subscription
from services.chat.service import build
from services.common import paging
from services.common.eventstore import StoreUnavailable
from services.common.moments import timestamp_of
from tests.contract.content import ADMINISTRATOR, House, Refusal, Stream, open_house, types
from tests.guarded import CODEC, eventually, person

MARKER = "zebra-marker-7319"


class Chat:
    """Chat in a house, by what its callers do."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stub = ChatServiceStub(house.channel)

    async def open(self, who: str, group_id: str, name: str = "General") -> str:
        """A room."""
        request = api.OpenRoomRequest(group_id=group_id, name=name)
        return (await self.house.call(self.stub.OpenRoom, who, request)).room.id  # type: ignore[no-any-return]

    async def send(
        self, who: str, room_id: str, body: str, reply_to: str = "", mentions: tuple[str, ...] = (), **metadata: str
    ) -> str:
        """A message."""
        request = api.SendMessageRequest(room_id=room_id, body=body, reply_to_id=reply_to, mentioned_ids=mentions)
        return (await self.house.call(self.stub.SendMessage, who, request, **metadata)).message_id  # type: ignore[no-any-return]

    async def edit(self, who: str, room_id: str, message_id: str, body: str, mentions: tuple[str, ...] = ()) -> None:
        request = api.EditMessageRequest(room_id=room_id, message_id=message_id, body=body, mentioned_ids=mentions)
        await self.house.call(self.stub.EditMessage, who, request)

    async def withdraw(self, who: str, room_id: str, message_id: str) -> None:
        request = api.WithdrawMessageRequest(room_id=room_id, message_id=message_id)
        await self.house.call(self.stub.WithdrawMessage, who, request)

    async def react(self, who: str, room_id: str, message_id: str, emoji: str, *, present: bool = True) -> None:
        request = api.SetReactionRequest(room_id=room_id, message_id=message_id, emoji=emoji, present=present)
        await self.house.call(self.stub.SetReaction, who, request)

    async def page(self, who: str, room_id: str, size: int = 50, token: str = "", **more: Any) -> Any:
        """A page of a room's messages."""
        request = api.ListMessagesRequest(room_id=room_id, page=PageRequest(size=size, token=token), **more)
        return await self.house.call(self.stub.ListMessages, who, request)

    async def messages(self, who: str, room_id: str) -> list[api.Message]:
        """A room's messages, oldest first."""
        return list(reversed((await self.page(who, room_id, 200)).messages))

    async def bodies(self, who: str, room_id: str) -> list[str]:
        return [message.body for message in await self.messages(who, room_id)]

    async def rooms(self, who: str, group_id: str = "", size: int = 50, token: str = "") -> Any:
        request = api.ListRoomsRequest(group_id=group_id, page=PageRequest(size=size, token=token))
        return await self.house.call(self.stub.ListRooms, who, request)

    async def room(self, who: str, room_id: str) -> api.Room:
        return (await self.house.call(self.stub.GetRoom, who, api.GetRoomRequest(room_id=room_id))).room  # type: ignore[no-any-return]

    async def close(self, who: str, room_id: str) -> None:
        await self.house.call(self.stub.CloseRoom, who, api.CloseRoomRequest(room_id=room_id))

    async def mark(self, who: str, room_id: str, sequence: int) -> None:
        request = api.MarkReadRequest(room_id=room_id, sequence=sequence)
        await self.house.call(self.stub.MarkRead, who, request)

    async def bring(self, room_id: str, *messages: Any, source: str = "mattermost", who: str = ADMINISTRATOR) -> Any:
        """Imports messages."""
        request = api.ImportMessagesRequest(room_id=room_id, source=source, messages=messages)
        return await self.house.call(self.stub.ImportMessages, who, request)

    async def events(self, room_id: str) -> list[Message]:
        """What was recorded of what is said in a room."""
        history = await self.house.store.inner.load(f"talk-{room_id}")
        return [event.message for event in CODEC.decode_all(history.events)]

    @asynccontextmanager
    async def listening(self, who: str, cursor: str = "") -> AsyncIterator[Listening]:
        """A subscription whose first heartbeat has come."""
        async with Stream(self.house, self.stub.Subscribe, who, api.SubscribeRequest(cursor=cursor)) as stream:
            listening = Listening(stream)
            assert (await listening.next()).HasField("heartbeat")
            yield listening


class Listening:
    """A subscription; `cursor` is that of the last frame."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.cursor = ""

    async def next(self) -> Any:
        """The next frame, None at the end."""
        frame = await self._stream.next()
        if frame is not None:
            assert frame.cursor
            self.cursor = frame.cursor
        return frame

    async def news(self) -> Any:
        """The next frame that is no heartbeat."""
        while True:
            frame = await self.next()
            if frame is None or not frame.HasField("heartbeat"):
                return frame

    async def bodies(self, count: int) -> list[str]:
        """The next messages."""
        found: list[str] = []
        while len(found) < count:
            frame = await self.news()
            assert frame is not None and frame.HasField("message"), frame
            found.append(frame.message.body)
        return found


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    async with open_house(tmp_path, build) as house:
        yield Chat(house)


async def refused(call: Any, id: str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await call
    assert refusal.value.id == id
    return refusal.value


def imported(external_id: str, author: str, body: str, **more: Any) -> api.ImportMessagesRequest.ImportedMessage:
    return api.ImportMessagesRequest.ImportedMessage(
        external_id=external_id, author_id=author, body=body, written_at=Timestamp(seconds=1_600_000_000), **more
    )


def reads(accesses: list[Access], action: int = ACTION_READ) -> list[tuple[str, list[tuple[int, int]]]]:
    """Who read which runs of messages, in order."""
    return [
        (one.reader_id, [(objects.first, objects.last) for objects in one.objects])
        for one in accesses
        if one.action == action
    ]


# Rooms


async def test_members_open_rooms_and_others_do_not_know_of_them(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa)
    room_id = await chat.open(awa, group_id, "Pay")
    room = await chat.room(awa, room_id)
    assert (room.name, room.group_id, room.direct, room.closed, room.last_sequence) == (
        "Pay",
        group_id,
        False,
        False,
        0,
    )
    assert not room.HasField("last_at")
    await refused(chat.open(ben, group_id), "ACC-01")
    no_room = await refused(chat.room(ben, room_id), "CHT-01")
    no_such_room = await refused(chat.room(ben, person()), "CHT-01")
    assert no_room.sentence == no_such_room.sentence
    await refused(chat.send(ben, room_id, "hello"), "CHT-01")
    assert list((await chat.rooms(ben)).rooms) == []
    assert list((await chat.rooms(ben, group_id)).rooms) == []


async def test_a_room_that_is_opened_again_with_the_same_key_is_the_same_room(chat: Chat) -> None:
    awa = person()
    group_id = await chat.house.group(awa)
    request = api.OpenRoomRequest(group_id=group_id, name="Once")
    opened = [await chat.house.call(chat.stub.OpenRoom, awa, request, idempotency_key="k") for _ in range(2)]
    assert opened[0] == opened[1]
    assert len((await chat.rooms(awa)).rooms) == 1


async def test_moderators_close_rooms_to_writing(chat: Chat) -> None:
    awa, mod = person(), person()
    group_id = await chat.house.group(awa, moderator=mod)
    room_id = await chat.open(awa, group_id)
    message_id = await chat.send(awa, room_id, "before")
    await refused(chat.close(awa, room_id), "CHT-10")
    await chat.close(mod, room_id)
    await chat.close(mod, room_id)
    await refused(chat.send(awa, room_id, "after"), "CHT-02")
    await refused(chat.edit(awa, room_id, message_id, "after"), "CHT-02")
    await refused(chat.react(awa, room_id, message_id, "+1"), "CHT-02")
    assert (await chat.room(awa, room_id)).closed
    assert await chat.bodies(awa, room_id) == ["before"]
    history = await chat.house.store.inner.load(f"room-{room_id}")
    assert types([event.message for event in CODEC.decode_all(history.events)]) == ["RoomOpened", "RoomClosed"]


async def test_rooms_come_latest_conversation_first_page_by_page_though_they_move(chat: Chat) -> None:
    awa = person()
    group_id, other = await chat.house.group(awa), await chat.house.group(awa)
    ids = []
    for number in range(5):
        ids.append(await chat.open(awa, group_id if number % 2 else other, f"Room {number}"))
        chat.house.clock.move(seconds=1)
    await chat.send(awa, ids[0], "the latest word")
    order = [ids[0], ids[4], ids[3], ids[2], ids[1]]
    assert [room.id for room in (await chat.rooms(awa)).rooms] == order
    assert [room.id for room in (await chat.rooms(awa, group_id)).rooms] == [ids[3], ids[1]]
    first = await chat.rooms(awa, size=2)
    chat.house.clock.move(seconds=1)
    await chat.send(awa, ids[4], "moves up, and is not given again")
    second = await chat.rooms(awa, size=2, token=first.page.next_token)
    third = await chat.rooms(awa, size=2, token=second.page.next_token)
    assert [room.id for page in (first, second, third) for room in page.rooms] == order
    assert third.page.next_token == ""
    assert (await chat.rooms(awa)).rooms[0].id == ids[4]


async def test_who_talks_directly_has_one_conversation(chat: Chat) -> None:
    awa, ben, eve = person(), person(), person()

    async def direct(who: str, *others: str) -> Any:
        request = api.OpenDirectConversationRequest(person_ids=others)
        return (await chat.house.call(chat.stub.OpenDirectConversation, who, request)).room

    room = await direct(awa, ben)
    assert room == await direct(ben, awa) == await direct(awa, awa, ben)
    assert room.direct
    await chat.send(awa, room.id, "only us")
    assert await chat.bodies(ben, room.id) == ["only us"]
    assert [(one.id, one.name, one.direct) for one in (await chat.rooms(ben)).rooms] == [(room.id, "", True)]
    assert (await direct(awa, ben, eve)).id != room.id
    await refused(chat.room(eve, room.id), "CHT-01")
    await refused(direct(awa, awa), "CHT-09")
    assert reads(await chat.house.accesses(room.group_id)) == [(ben, [(1, 1)])]


# Messages


async def test_a_message_sent_twice_with_one_key_is_one_message(chat: Chat) -> None:
    awa = person()
    group_id = await chat.house.group(awa)
    room_id, other = await chat.open(awa, group_id), await chat.open(awa, group_id)
    ids = {await chat.send(awa, room_id, "once", idempotency_key="k") for _ in range(3)}
    assert len(ids) == 1
    # In another room the same key is another message.
    assert await chat.send(awa, other, "elsewhere", idempotency_key="k") not in ids
    assert await chat.bodies(awa, room_id) == ["once"]
    assert await chat.bodies(awa, other) == ["elsewhere"]


async def test_only_its_author_edits_a_message(chat: Chat) -> None:
    awa, mod = person(), person()
    group_id = await chat.house.group(awa, moderator=mod)
    room_id = await chat.open(awa, group_id)
    message_id = await chat.send(awa, room_id, "frist")
    await refused(chat.edit(mod, room_id, message_id, "mine now"), "CHT-04")
    await refused(chat.edit(awa, room_id, person(), "nothing"), "CHT-03")
    chat.house.clock.move(seconds=5)
    await chat.edit(awa, room_id, message_id, "first", (mod,))
    (message,) = await chat.messages(mod, room_id)
    assert (message.body, list(message.mentioned_ids), message.sequence) == ("first", [mod], 1)
    assert (message.edited_at.seconds - message.sent_at.seconds, message.level) == (5, LEVEL_CONFIDENTIAL)


async def test_author_or_moderator_withdraw_a_message_for_good(chat: Chat) -> None:
    awa, ben, mod = person(), person(), person()
    group_id = await chat.house.group(awa, ben, moderator=mod)
    room_id = await chat.open(awa, group_id)
    one, two = [await chat.send(awa, room_id, f"body {number}") for number in range(2)]
    await refused(chat.withdraw(ben, room_id, one), "CHT-05")
    await chat.withdraw(awa, room_id, one)
    await chat.withdraw(mod, room_id, two)
    await chat.withdraw(mod, room_id, two)
    assert [(message.withdrawn, message.body) for message in await chat.messages(ben, room_id)] == [(True, "")] * 2
    await refused(chat.edit(awa, room_id, one, "back"), "CHT-06")
    await refused(chat.react(ben, room_id, one, "+1"), "CHT-06")
    assert types(await chat.events(room_id)) == ["MessageSent", "MessageSent", "MessageWithdrawn", "MessageWithdrawn"]


async def test_files_stand_with_a_message_in_the_history_and_live_until_it_is_withdrawn(chat: Chat) -> None:
    awa, ben = person(), person()
    room_id = await chat.open(awa, await chat.house.group(awa, ben))
    ids = [str(uuid.uuid4()) for _ in range(10)]
    async with chat.listening(ben) as listening:
        request = api.SendMessageRequest(room_id=room_id, body="see", file_ids=ids)
        sent = await chat.house.call(chat.stub.SendMessage, awa, request)
        while not (frame := await listening.news()).HasField("message"):
            pass
        assert frame.message.file_ids == ids
    assert [list(one.file_ids) for one in await chat.messages(ben, room_id)] == [ids]
    await chat.withdraw(awa, room_id, sent.message_id)
    assert [list(one.file_ids) for one in await chat.messages(ben, room_id)] == [[]]
    request.file_ids.append(str(uuid.uuid4()))
    await refused(chat.house.call(chat.stub.SendMessage, awa, request), "RPC-02")


async def test_reactions_are_counted_and_taken_back(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    message_id = await chat.send(awa, room_id, "what do you think?")
    for who in (awa, ben, ben):
        await chat.react(who, room_id, message_id, "+1")
    await chat.react(ben, room_id, message_id, "eyes")
    await chat.react(ben, room_id, message_id, "eyes", present=False)
    await chat.react(ben, room_id, message_id, "eyes", present=False)
    (message,) = await chat.messages(awa, room_id)
    assert [(one.emoji, one.count, one.mine) for one in message.reactions] == [("+1", 2, True)]
    assert types(await chat.events(room_id))[1:] == ["ReactionAdded"] * 3 + ["ReactionRemoved"]


async def test_replies_answer_messages_of_their_room(chat: Chat) -> None:
    awa = person()
    group_id = await chat.house.group(awa)
    room_id, other = await chat.open(awa, group_id), await chat.open(awa, group_id)
    question = await chat.send(awa, room_id, "when?")
    answer = await chat.send(awa, room_id, "at noon", question)
    shown = await chat.messages(awa, room_id)
    assert [(message.id, message.reply_to_id) for message in shown] == [(question, ""), (answer, question)]
    await refused(chat.send(awa, other, "no", question), "CHT-03")
    await refused(chat.send(awa, room_id, "no", person()), "CHT-03")


async def test_those_who_cannot_read_are_not_mentioned(chat: Chat) -> None:
    awa, ben, steward = person(), person(), person()
    group_id = await chat.house.group(awa, ben)
    await chat.house.add(group_id, steward, MEMBER_ROLE_STEWARD)
    room_id = await chat.open(awa, group_id)
    refusal = await refused(chat.send(awa, room_id, "hello", mentions=(ben, person(), steward)), "CHT-07")
    assert refusal.sentence is not None and "2 people" in refusal.sentence
    message_id = await chat.send(awa, room_id, "hello", mentions=(ben,))
    await refused(chat.edit(awa, room_id, message_id, "hello", (person(),)), "CHT-07")
    opened = await chat.house.group(awa, level=LEVEL_OPEN)
    await chat.send(awa, await chat.open(awa, opened), "everyone reads this", mentions=(person(),))


async def test_history_comes_by_page_and_before_a_date_whatever_is_said_meanwhile(chat: Chat) -> None:
    awa = person()
    group_id = await chat.house.group(awa)
    room_id = await chat.open(awa, group_id)
    for number in range(7):
        if number == 4:
            chat.house.clock.move(hours=1)
            noon = timestamp_of(chat.house.clock.now)
        await chat.send(awa, room_id, str(number))
    seen, token = [], ""
    while True:
        page = await chat.page(awa, room_id, 3, token)
        seen += [message.body for message in page.messages]
        token = page.page.next_token
        if not token:
            break
        await chat.send(awa, room_id, "later")
    assert seen == list("6543210")
    earlier = await chat.page(awa, room_id, 3, before=noon)
    assert [message.body for message in earlier.messages] == list("321")
    earliest = await chat.page(awa, room_id, 3, earlier.page.next_token, before=noon)
    assert ([message.body for message in earliest.messages], earliest.page.next_token) == (["0"], "")


async def test_newcomers_see_nothing_from_before_them_where_the_rules_say_so(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, past=PAST_VISIBILITY_FROM_JOINING)
    room_id = await chat.open(awa, group_id)
    old = await chat.send(awa, room_id, "before ben")
    chat.house.clock.move(minutes=1)
    await chat.house.add(group_id, ben)
    new = await chat.send(awa, room_id, "with ben")
    assert await chat.bodies(ben, room_id) == ["with ben"]
    assert reads(await chat.house.accesses(group_id)) == [(ben, [(2, 2)])]
    for call in (
        chat.send(ben, room_id, "what was that?", old),
        chat.react(ben, room_id, old, "+1"),
        chat.withdraw(ben, room_id, old),
    ):
        await refused(call, "CHT-03")
    await chat.send(ben, room_id, "hello", new)
    async with chat.listening(ben) as listening:
        await chat.edit(awa, room_id, old, "before ben, edited")
        await chat.react(awa, room_id, new, "+1")
        assert await listening.bodies(1) == ["with ben"]


async def test_marks_are_their_readers_own(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    for sequence in (3, 5, 4):
        await chat.mark(ben, room_id, sequence)
    assert (await chat.room(ben, room_id)).read_sequence == 4
    assert (await chat.room(awa, room_id)).read_sequence == 0
    assert [room.read_sequence for room in (await chat.rooms(ben)).rooms] == [4]
    # Only the last is kept.
    assert len((await chat.house.store.inner.load(f"room-{room_id}.{ben}")).events) == 1
    await refused(chat.mark(person(), room_id, 1), "CHT-01")


# Records


async def test_reading_is_recorded_once_a_window_for_each_reader_and_never_ones_own(chat: Chat) -> None:
    awa, ben, cy = person(), person(), person()
    group_id = await chat.house.group(awa, ben, cy)
    room_id = await chat.open(awa, group_id)
    for body in ("one", "two"):
        await chat.send(awa, room_id, body)
    await chat.send(ben, room_id, "three")
    for who in (awa, ben, cy, cy):
        await chat.messages(who, room_id)
    accesses = await chat.house.accesses(group_id)
    assert reads(accesses) == [(awa, [(3, 3)]), (ben, [(1, 2)]), (cy, [(1, 3)])]
    assert [sorted(one.author_ids) for one in accesses] == [[ben], [awa], sorted([awa, ben])]
    assert {(one.client, objects.type, *objects.ids) for one in accesses for objects in one.objects} == {
        ("tests", "message", room_id)
    }


@pytest.mark.parametrize("level", [LEVEL_OPEN, LEVEL_RESTRICTED])
async def test_reading_what_is_not_confidential_is_not_recorded_for_members(chat: Chat, level: Any) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben, level=level)
    room_id = await chat.open(awa, group_id)
    async with chat.listening(ben) as listening:
        await chat.send(awa, room_id, "hello")
        assert await listening.bodies(1) == ["hello"]
    assert await chat.bodies(ben, room_id) == ["hello"]
    assert await chat.house.events(group_id) == []
    if level == LEVEL_OPEN:
        assert await chat.bodies(person(), room_id) == ["hello"]
        assert await chat.house.events(group_id) == []


async def test_nothing_is_shown_that_cannot_be_recorded(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    await chat.send(awa, room_id, MARKER)
    chat.house.store.appends_to_lose = 10**6
    for call in (chat.page(ben, room_id), Stream(chat.house, chat.stub.Subscribe, ben, api.SubscribeRequest()).next()):
        refusal = await refused(call, "ACC-09")
        assert MARKER.encode() not in refusal.everything
    chat.house.store.appends_to_lose = 0


async def test_erased_and_deleted_content_is_gone(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    await chat.send(awa, room_id, "of awa")
    await chat.send(ben, room_id, "of ben")
    await chat.house.erase(group_id, awa)
    assert [(one.body, one.erased) for one in await chat.messages(ben, room_id)] == [("", True), ("of ben", False)]
    await refused(chat.send(awa, room_id, "again"), "ACC-12")
    await chat.house.delete(group_id)
    await refused(chat.page(ben, room_id), "CHT-01")
    assert list((await chat.rooms(ben)).rooms) == []


# Imports


async def test_an_import_may_be_repeated(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa)

    async def open() -> Any:
        request = api.ImportRoomRequest(group_id=group_id, external_id="town-square", name="Town square")
        return await chat.house.call(chat.stub.ImportRoom, ADMINISTRATOR, request)

    room, again = await open(), await open()
    assert (room.created, again.created, room.room_id) == (True, False, again.room_id)
    reaction = api.ImportMessagesRequest.ImportedReaction(person_id=awa, emoji="+1")
    batch = [
        imported("1", ben, "from elsewhere", reactions=[reaction]),
        imported("2", awa, "an answer", reply_to_external_id="1"),
        imported("2", awa, "an answer"),
    ]
    assert [(one.imported, one.present) for one in [await chat.bring(room.room_id, *batch) for _ in range(2)]] == [
        (2, 1),
        (0, 3),
    ]
    assert (await chat.bring(room.room_id, batch[0], imported("3", awa, "new"))).imported == 1
    first, second, third = await chat.messages(awa, room.room_id)
    assert (first.author_id, first.body, first.sent_at.seconds) == (ben, "from elsewhere", 1_600_000_000)
    assert (second.reply_to_id, third.body) == (first.id, "new")
    assert [(one.emoji, one.count) for one in first.reactions] == [("+1", 1)]
    assert [one.reader_id for one in await chat.house.accesses(group_id) if one.action == ACTION_IMPORT] == [
        ADMINISTRATOR
    ]
    await refused(chat.bring(room.room_id, batch[0], who=awa), "RPC-07")
    await refused(chat.page(ADMINISTRATOR, room.room_id), "CHT-01")


async def test_an_import_that_was_cut_short_goes_on_and_loses_nothing(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa = person()
    room_id = await chat.open(awa, await chat.house.group(awa))
    batch = [imported(str(number), awa, f"{number} ".ljust(800, ".")) for number in range(6)]
    monkeypatch.setattr(sending, "_MOST_APPEND_BYTES", 3000)
    appends, append = 0, chat.house.store.inner.append

    async def cut_short(stream: str, *arguments: Any) -> Any:
        nonlocal appends
        appends += stream.startswith("talk-")
        if stream.startswith("talk-") and appends > 1:
            raise StoreUnavailable
        return await append(stream, *arguments)

    monkeypatch.setattr(chat.house.store.inner, "append", cut_short)
    await refused(chat.bring(room_id, *batch), "ES-02")
    monkeypatch.setattr(chat.house.store.inner, "append", append)
    assert 0 < len(await chat.events(room_id)) < 6
    await chat.house.write(f"talk-{room_id}", events.ReactionAdded(room_id=room_id, message_id="none"))
    answer = await chat.bring(room_id, *batch)
    assert answer.imported + answer.present == 6
    assert [body.split()[0] for body in await chat.bodies(awa, room_id)] == list("012345")
    assert (await chat.bring(room_id, *batch)).present == 6


# The stream


async def test_each_message_comes_once_and_in_order_across_reconnections(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    one, two = await chat.open(awa, group_id), await chat.open(awa, group_id)
    told: dict[str, list[str]] = {one: [], two: []}
    cursor = ""

    async def listen(count: int) -> None:
        nonlocal cursor
        async with chat.listening(ben, cursor) as listening:
            while count:
                frame = await listening.news()
                told[frame.message.room_id].append(frame.message.body)
                cursor, count = listening.cursor, count - 1

    async with chat.listening(ben) as listening:
        cursor = listening.cursor
    sent = [(one if number % 3 else two, str(number)) for number in range(24)]
    for number, (room_id, body) in enumerate(sent):
        await chat.send(awa, room_id, body)
        if number % 6 == 5:
            await listen(4)  # and two of them remain for the next time
    await listen(24 - 16)
    assert told == {room: [body for where, body in sent if where == room] for room in (one, two)}
    async with chat.listening(ben, cursor) as listening:
        await chat.send(awa, one, "last")
        assert await listening.bodies(1) == ["last"]
    runs = {run for _, all in reads(await chat.house.accesses(group_id)) for run in all}
    assert runs, "what was read while catching up is recorded"


async def test_what_was_missed_is_recorded_as_read_before_it_is_told(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    async with chat.listening(ben) as listening:
        cursor = listening.cursor
    for body in ("one", "two", "three"):
        await chat.send(awa, room_id, body)
    await chat.withdraw(awa, room_id, (await chat.messages(awa, room_id))[1].id)
    async with chat.listening(ben, cursor) as listening:
        assert await listening.bodies(3) == ["one", "three", ""]
        assert reads(await chat.house.accesses(group_id)) == [(ben, [(1, 3)])]
        lives = [one for one in await chat.house.accesses(group_id) if one.action == ACTION_LIVE]
        assert [(one.reader_id, [list(objects.ids) for objects in one.objects]) for one in lives] == [
            (ben, [[group_id]])
        ] * 2
        await chat.send(awa, room_id, "four")
        assert await listening.bodies(1) == ["four"]
    await eventually(lambda: _closed(chat, group_id, 2))
    assert [one.last_position > 0 for one in await chat.house.closed(group_id)] == [False, True]


async def _closed(chat: Chat, group_id: str, count: int) -> bool:
    return len(await chat.house.closed(group_id)) == count


async def test_long_absence_is_caught_up_in_pages(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    rooms = [await chat.open(awa, group_id) for _ in range(3)]
    async with chat.listening(ben) as listening:
        cursor = listening.cursor
    for number in range(11):
        await chat.send(awa, rooms[number % 3], str(number))
    monkeypatch.setattr(subscription, "_CATCH_UP", 2)
    async with chat.listening(ben, cursor) as listening:
        assert await listening.bodies(11) == [str(number) for number in range(11)]
        await chat.send(awa, rooms[0], "now")
        assert await listening.bodies(1) == ["now"]


async def test_changes_are_told_as_the_messages_present_state(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    async with chat.listening(ben) as listening:
        message_id = await chat.send(awa, room_id, "frist")
        assert await listening.bodies(1) == ["frist"]
        await chat.edit(awa, room_id, message_id, "first")
        assert await listening.bodies(1) == ["first"]
        await chat.react(awa, room_id, message_id, "+1")
        assert [one.count for one in (await listening.news()).message.reactions] == [1]
        await chat.withdraw(awa, room_id, message_id)
        frame = await listening.news()
        assert (frame.message.withdrawn, frame.message.body, frame.message.sequence) == (True, "", 1)


async def test_rooms_are_told_with_ones_own_mark(chat: Chat) -> None:
    awa, mod = person(), person()
    group_id = await chat.house.group(awa, moderator=mod)
    async with chat.listening(awa) as listening:
        room_id = await chat.open(mod, group_id, "New")
        frame = await listening.news()
        assert (frame.room.id, frame.room.name, frame.room.closed) == (room_id, "New", False)
        await chat.mark(awa, room_id, 7)
        await chat.close(mod, room_id)
        frame = await listening.news()
        assert (frame.room.id, frame.room.closed, frame.room.read_sequence) == (room_id, True, 7)


async def test_who_is_removed_loses_the_rooms_and_hears_nothing_later(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id, other = await chat.house.group(awa, ben), await chat.house.group(awa, ben)
    rooms = sorted([await chat.open(awa, group_id), await chat.open(awa, group_id)])
    elsewhere = await chat.open(awa, other)
    async with chat.listening(ben) as listening:
        await chat.house.remove(group_id, ben)
        for room_id in (*rooms, elsewhere):
            await chat.send(awa, room_id, "after ben" if room_id != elsewhere else "still here")
        lost = [await listening.news() for _ in rooms]
        assert [(frame.room_lost.room_id, frame.room_lost.group_id) for frame in lost] == [
            (room_id, group_id) for room_id in rooms
        ]
        assert await listening.bodies(1) == ["still here"]
        await chat.send(awa, rooms[0], "after ben")
        await chat.send(awa, elsewhere, "and nothing else")
        assert await listening.bodies(1) == ["and nothing else"]


async def test_rooms_of_a_group_that_is_deleted_are_lost(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    async with chat.listening(ben) as listening:
        await chat.house.delete(group_id)
        assert (await listening.news()).room_lost.room_id == room_id


async def test_who_joins_hears_of_the_rooms_then_of_messages(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa)
    room_id = await chat.open(awa, group_id, "Welcome")
    await chat.send(awa, room_id, "before ben")
    async with chat.listening(ben) as listening:
        await chat.house.add(group_id, ben)
        for number in range(3):
            await chat.send(awa, room_id, str(number))
        assert (await listening.news()).room.name == "Welcome"
        assert await listening.bodies(3) == ["0", "1", "2"]


async def test_nothing_is_missed_by_who_joins_while_the_news_of_it_is_late(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa)
    room_id = await chat.open(awa, group_id, "Welcome")
    await chat.house.call(chat.stub.GetRoom, awa, api.GetRoomRequest(room_id=room_id))
    (view,) = chat.house.service.projections
    async with chat.listening(ben) as listening:
        # As if the events of groups came after those of chat: they are on different topics.
        held: list[Any] = []
        publish = view.committed.publish

        def late(items: Any) -> None:
            held.extend(item for item in items if item.stream.startswith("group-"))
            publish(tuple(item for item in items if not item.stream.startswith("group-")))

        view.committed.publish = late  # type: ignore[method-assign]
        await chat.house.add(group_id, ben)
        await chat.send(awa, room_id, "hello ben")
        await chat.rooms(ben)
        view.committed.publish = publish  # type: ignore[method-assign]
        await eventually(lambda: bool(held))
        publish(tuple(held))
        assert (await listening.news()).room.name == "Welcome"
        assert await listening.bodies(1) == ["hello ben"]
        await chat.send(awa, room_id, "welcome")
        assert await listening.bodies(1) == ["welcome"]


async def test_new_rules_are_recorded_and_lose_neither_rooms_nor_messages(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben, level=LEVEL_OPEN)
    room_id = await chat.open(awa, group_id)
    async with chat.listening(ben) as listening:
        await chat.send(awa, room_id, "open")
        assert (await listening.bodies(1)) == ["open"]
        assert await chat.house.accesses(group_id) == []
        await chat.house.adopt(group_id, 2, level=LEVEL_CONFIDENTIAL)
        for number in range(3):
            await chat.send(awa, room_id, str(number))
        assert await listening.bodies(3) == ["0", "1", "2"]
        (access,) = await chat.house.accesses(group_id)
        assert (access.reader_id, access.action, access.rules_version) == (ben, ACTION_LIVE, 2)


async def test_a_slow_client_is_told_to_resume_and_loses_nothing(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    told: list[str] = []
    async with chat.listening(ben) as listening:
        await chat.send(awa, room_id, "0")
        told += await listening.bodies(1)
        (hub,) = _changes(chat)
        for number in range(1, 4):
            await chat.send(awa, room_id, str(number))
        hub.interrupt()
        while True:
            frame = await listening.news()
            if not frame.HasField("message"):
                break
            told.append(frame.message.body)
        assert frame.end.reason == "CHT-08"
        assert frame.end.sentence.en and frame.end.sentence.fr
        assert await listening.next() is None
    async with chat.listening(ben, listening.cursor) as listening:
        told += await listening.bodies(4 - len(told))
        await chat.send(awa, room_id, "4")
        told += await listening.bodies(1)
    assert told == list("01234")


def _changes(chat: Chat) -> list[Any]:
    return [task.__self__ for task in chat.house.service.tasks if hasattr(getattr(task, "__self__", None), "interrupt")]  # type: ignore[attr-defined]


async def test_the_stream_says_that_it_is_alive_whatever_others_talk_about(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa, ben = person(), person()
    room_id = await chat.open(awa, await chat.house.group(awa))
    monkeypatch.setattr(subscription, "HEARTBEAT_S", 0.3)

    async def talk() -> None:
        while True:
            await chat.send(awa, room_id, "not for ben")

    talking = asyncio.ensure_future(talk())
    try:
        async with chat.listening(ben) as listening:
            cursors = []
            for _ in range(3):
                assert (await listening.next()).HasField("heartbeat")
                cursors.append(listening.cursor)
            # Whoever resumes from here need not go through what is not theirs.
            assert len(set(cursors)) == 3
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)


async def test_who_is_sent_away_hears_nothing_more(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    async with chat.listening(ben) as listening:
        await chat.house.write(f"user-{ben}", PersonDeactivated(person_id=ben))
        refusal = await refused(_drain(listening), "RPC-06")
        assert refusal.code == grpc.StatusCode.UNAUTHENTICATED
    await chat.send(awa, room_id, "without ben")


async def _drain(listening: Listening) -> None:
    while await listening.next() is not None:
        pass


async def test_a_stream_that_cannot_know_ends_and_is_resumed_without_loss(chat: Chat) -> None:
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id)
    async with chat.listening(ben) as listening:
        chat.house.keys.may_answer.clear()
        chat.house.store.cut()
        refusal = await refused(_drain(listening), "ACC-10")
        assert refusal.code == grpc.StatusCode.UNAVAILABLE
    chat.house.store.mend()
    chat.house.keys.may_answer.set()
    await chat.send(awa, room_id, "meanwhile")
    async with chat.listening(ben, listening.cursor) as listening:
        assert await listening.bodies(1) == ["meanwhile"]


@pytest.mark.parametrize(
    "cursor",
    [
        "?",
        "AAAA",
        paging.encode(()),
        paging.encode((0,) * 11),
        paging.encode((0,) * 13),
        paging.encode((*(0,) * 11, "0")),
        paging.encode((*(0,) * 11, 2**63)),
        paging.encode((*(0,) * 11, True)),
    ],
)
async def test_cursors_of_another_making_are_refused(chat: Chat, cursor: str) -> None:
    stream = Stream(chat.house, chat.stub.Subscribe, person(), api.SubscribeRequest(cursor=cursor))
    await refused(stream.next(), "RPC-20")


@pytest.mark.parametrize("token", ["?", "AAAA", paging.encode(("x",)), paging.encode((2**63,)), paging.encode((1, 2))])
async def test_page_tokens_of_another_making_are_refused(chat: Chat, token: str) -> None:
    awa = person()
    room_id = await chat.open(awa, await chat.house.group(awa))
    await refused(chat.page(awa, room_id, token=token), "RPC-20")
    await refused(chat.rooms(awa, token=token), "RPC-20")


# What leaks


async def test_what_is_said_is_nowhere_but_in_answers_to_readers(
    chat: Chat, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    awa, ben = person(), person()
    group_id = await chat.house.group(awa, ben)
    room_id = await chat.open(awa, group_id, MARKER)
    message_id = await chat.send(awa, room_id, MARKER)
    await chat.edit(awa, room_id, message_id, f"{MARKER} again")
    refusals = [
        await refused(chat.send(ben, room_id, MARKER, mentions=(person(),)), "CHT-07"),
        await refused(chat.edit(ben, room_id, message_id, MARKER), "CHT-04"),
        await refused(chat.send(person(), room_id, MARKER), "CHT-01"),
        await refused(chat.send(awa, "no uuid", MARKER), "RPC-02"),
        await refused(chat.send(awa, room_id, MARKER, idempotency_key="\x20"), "RPC-11"),
    ]
    assert not [refusal for refusal in refusals if MARKER.encode() in refusal.everything]
    assert await chat.bodies(ben, room_id) == [f"{MARKER} again"]
    stored = [event async for event in chat.house.store.inner.read_all(prefixes=("room-", "talk-", "access-"))]
    assert len(stored) >= 4
    assert not [event for event in stored if MARKER.encode() in event.data or MARKER in str(dict(event.metadata))]
    files = [path for path in chat.house.kernel.settings.data.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if MARKER.encode() in path.read_bytes()]
    assert MARKER not in caplog.text
    assert MARKER not in "".join(capfd.readouterr())


async def test_a_date_beyond_the_calendar_is_refused(chat: Chat) -> None:
    awa = person()
    room_id = await chat.open(awa, await chat.house.group(awa))
    await refused(chat.page(awa, room_id, before=Timestamp(seconds=10**15)), "RPC-02")


# A copy of one's own


async def test_a_person_gets_all_that_they_wrote_and_it_is_no_access(chat: Chat) -> None:
    awa, ben = person(), person()
    rooms = [await chat.open(awa, await chat.house.group(awa, ben), f"Room {number}") for number in range(2)]
    for number in range(5):
        await chat.send(awa, rooms[number % 2], f"mine {number}")
        await chat.send(ben, rooms[number % 2], f"his {number}")
        chat.house.clock.move(seconds=1)

    async def mine(who: str, size: int = 50, token: str = "") -> Any:
        request = api.ListMyMessagesRequest(page=PageRequest(size=size, token=token))
        return await chat.house.call(chat.stub.ListMyMessages, who, request)

    found, token = list[str](), ""
    while True:
        answer = await mine(awa, 2, token)
        found += [one.body for one in answer.messages]
        if not (token := answer.page.next_token):
            break
    assert found == [f"mine {number}" for number in range(4, -1, -1)]
    assert [one.body for one in (await mine(ben)).messages] == [f"his {number}" for number in range(4, -1, -1)]
    assert (await mine(person())).messages == []
    for room_id in rooms:
        group_id = (await chat.room(awa, room_id)).group_id
        assert await chat.house.accesses(group_id) == []
    gone = (await chat.room(awa, rooms[0])).group_id
    await chat.house.write(f"group-{gone}", MemberRemoved(group_id=gone, person_id=awa, removed_by=ben))
    assert {one.room_id for one in (await mine(awa)).messages} == {rooms[1]}
