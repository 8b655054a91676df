"""The gRPC face of chat: translate, call, answer."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import grpc
from regard.chat.v1 import chat_pb2 as api
from regard.chat.v1.chat_pb2_grpc import ChatServiceServicer
from regard.common.v1.common_pb2 import PageInfo
from regard.groups.v1.groups_pb2 import OpenDirectGroupRequest
from regard.groups.v1.groups_pb2_grpc import GroupInternalServiceStub

from services.access import Action, Guard, Sight
from services.chat import queries, rendering
from services.chat.changes import Changes
from services.chat.cursor import Cursor
from services.chat.messages import Messages
from services.chat.queries import MessageRow, RoomRow
from services.chat.refusals import ALONE, NO_SUCH_ROOM, NOT_A_MODERATOR
from services.chat.room import CloseRoom, OpenRoom
from services.chat.rooms import Rooms
from services.chat.subscription import Subscription
from services.chat.views import GROUPS
from services.common import moments, paging, rpc
from services.common.database import Database
from services.common.ids import derived_id
from services.common.rpc import Peers

Context = grpc.aio.ServicerContext[object, object]
_DIRECT = "direct"


class ChatApi(ChatServiceServicer):
    """Rooms and messages."""

    def __init__(
        self,
        guard: Guard,
        rooms: Rooms,
        messages: Messages,
        database: Database,
        changes: Changes,
        view: str,
        peers: Peers,
    ) -> None:
        self._guard = guard
        self._rooms = rooms
        self._messages = messages
        self._database = database
        self._changes = changes
        self._view = view
        self._peers = peers

    async def OpenRoom(self, request: api.OpenRoomRequest, context: Context) -> api.OpenRoomResponse:
        sight = await self._guard.sight(rpc.caller(), request.group_id, Action.WRITE)
        command = rpc.command_context()
        room_id = str(derived_id(str(command.command_id), "room"))
        name = await self._rooms.sealed_name(request.group_id, room_id, request.name)
        opened = OpenRoom(room_id, request.group_id, name, sight.caller.person_id)
        await self._rooms.execute(room_id, opened, command)
        return api.OpenRoomResponse(room=api.Room(id=room_id, group_id=request.group_id, name=request.name))

    async def OpenDirectConversation(
        self, request: api.OpenDirectConversationRequest, context: Context
    ) -> api.OpenDirectConversationResponse:
        person_id = rpc.caller().person_id
        people = sorted({person_id, *request.person_ids})
        if len(people) < 2:
            raise ALONE()
        stub = self._peers.stub(GroupInternalServiceStub)
        answer = await stub.OpenDirectGroup(OpenDirectGroupRequest(person_ids=people, opened_by=person_id))
        room_id = derived_id(answer.group_id, _DIRECT)
        await self._rooms.execute(room_id, OpenRoom(room_id, answer.group_id, None, person_id, direct=True))
        return api.OpenDirectConversationResponse(room=api.Room(id=room_id, group_id=answer.group_id, direct=True))

    async def ListRooms(self, request: api.ListRoomsRequest, context: Context) -> api.ListRoomsResponse:
        caller = rpc.caller()
        rows = await self._database.look(
            lambda tx: queries.rooms_of(tx, [request.group_id] if request.group_id else GROUPS.of(tx, caller.person_id))
        )
        sights = await self._guard.sights(caller, {row.group_id for row in rows}, Action.READ)
        size, key = paging.size_of(request.page), paging.decode(request.page.token, (0, ""))
        mine = [row for row in rows if row.group_id in sights and sights[row.group_id].scope.concerns(row.room_id)]
        rows = [row for row in mine if key is None or row.key < key]
        shown = rows[:size]
        more = paging.encode(shown[-1].key) if len(rows) > size else ""
        return api.ListRoomsResponse(rooms=await self._shown(shown), page=PageInfo(next_token=more))

    async def GetRoom(self, request: api.GetRoomRequest, context: Context) -> api.GetRoomResponse:
        _, sight = await self._rooms.sight(request.room_id, Action.READ)
        row = await self._database.look(lambda tx: queries.room(tx, request.room_id))
        if row is None or not sight.scope.concerns(row.room_id):
            raise NO_SUCH_ROOM()
        return api.GetRoomResponse(room=(await self._shown([row]))[0])

    async def CloseRoom(self, request: api.CloseRoomRequest, context: Context) -> api.CloseRoomResponse:
        _, sight = await self._rooms.sight(request.room_id, Action.READ)
        if not sight.moderates:
            raise NOT_A_MODERATOR()
        await self._rooms.execute(request.room_id, CloseRoom(sight.caller.person_id))
        return api.CloseRoomResponse()

    async def SendMessage(self, request: api.SendMessageRequest, context: Context) -> api.SendMessageResponse:
        message_id, sent_at = await self._messages.send(
            request.room_id, request.body, request.reply_to_id, request.mentioned_ids, request.file_ids
        )
        return api.SendMessageResponse(message_id=message_id, sent_at=sent_at)

    async def EditMessage(self, request: api.EditMessageRequest, context: Context) -> api.EditMessageResponse:
        await self._messages.edit(request.room_id, request.message_id, request.body, request.mentioned_ids)
        return api.EditMessageResponse()

    async def WithdrawMessage(
        self, request: api.WithdrawMessageRequest, context: Context
    ) -> api.WithdrawMessageResponse:
        await self._messages.withdraw(request.room_id, request.message_id)
        return api.WithdrawMessageResponse()

    async def SetReaction(self, request: api.SetReactionRequest, context: Context) -> api.SetReactionResponse:
        await self._messages.react(request.room_id, request.message_id, request.emoji, present=request.present)
        return api.SetReactionResponse()

    async def ListMessages(self, request: api.ListMessagesRequest, context: Context) -> api.ListMessagesResponse:
        _, sight = await self._rooms.sight(request.room_id, Action.READ)
        size = paging.size_of(request.page)
        key = paging.decode(request.page.token, (0,))
        rows = await self._database.look(
            lambda tx: queries.messages_before(
                tx,
                request.room_id,
                levels=sight.readable_levels,
                since=sight.since,
                before_sequence=key[0] if key else None,
                before=moments.of(request.before) if request.HasField("before") else None,
                limit=size + 1,
            )
        )
        shown = rows[:size]
        more = paging.encode((shown[-1].sequence,)) if len(rows) > size else ""
        # A break-glass may be about some of a room only: a page of it then holds fewer.
        readable = [row for row in shown if rendering.is_for(sight, row)]
        return api.ListMessagesResponse(messages=await self._read(sight, readable), page=PageInfo(next_token=more))

    async def ListMyMessages(self, request: api.ListMyMessagesRequest, context: Context) -> api.ListMyMessagesResponse:
        caller, size = rpc.caller(), paging.size_of(request.page)
        before = paging.decode(request.page.token, (0, ""))
        mine = await self._database.look(lambda tx: GROUPS.of(tx, caller.person_id))
        sights = await self._guard.sights(caller, mine, Action.READ)
        rows = await self._database.look(
            lambda tx: queries.messages_by(tx, caller.person_id, list(sights), before, size + 1)
        )
        shown = rows[:size]
        by_group: defaultdict[str, list[MessageRow]] = defaultdict(list)
        for row in shown:
            if rendering.is_for(sights[row.group_id], row):
                by_group[row.group_id].append(row)
        read = await asyncio.gather(*(self._read(sights[group_id], some) for group_id, some in by_group.items()))
        by_id = {one.id: one for some in read for one in some}
        more = paging.encode((shown[-1].sent_at_us, shown[-1].message_id)) if len(rows) > size else ""
        messages = [by_id[row.message_id] for row in shown if row.message_id in by_id]
        return api.ListMyMessagesResponse(messages=messages, page=PageInfo(next_token=more))

    async def MarkRead(self, request: api.MarkReadRequest, context: Context) -> api.MarkReadResponse:
        await self._messages.mark_read(request.room_id, request.sequence)
        return api.MarkReadResponse()

    async def Subscribe(self, request: api.SubscribeRequest, context: Context) -> AsyncIterator[api.SubscribeResponse]:
        cursor = Cursor.decode(request.cursor)
        subscription = Subscription(self._guard, self._database, self._changes, self._view, rpc.caller())
        async for frame in subscription.frames(cursor):
            yield frame

    async def ImportMessages(self, request: api.ImportMessagesRequest, context: Context) -> api.ImportMessagesResponse:
        imported, present = await self._messages.import_messages(request)
        return api.ImportMessagesResponse(imported=imported, present=present)

    async def ImportRoom(self, request: api.ImportRoomRequest, context: Context) -> api.ImportRoomResponse:
        sight = await self._guard.sight(rpc.caller(), request.group_id, Action.IMPORT)
        room_id = derived_id(request.group_id, "import", request.external_id)
        name = await self._rooms.sealed_name(request.group_id, room_id, request.name)
        created = await self._rooms.execute(room_id, OpenRoom(room_id, request.group_id, name, sight.caller.person_id))
        return api.ImportRoomResponse(room_id=room_id, created=created)

    async def _read(self, sight: Sight, rows: Sequence[MessageRow]) -> list[api.Message]:
        grant = await self._guard.enter(sight, [rendering.object_of(row) for row in rows])
        shown = []
        for row in rows:
            sealed = rendering.sealed_body(row)
            body = await grant.open(sealed, rendering.place_of(row)) if sealed else None
            shown.append(rendering.message(row, body, sight.caller.person_id))
        return shown

    async def _shown(self, rows: Sequence[RoomRow]) -> list[api.Room]:
        return await rendering.rooms(self._guard, self._database, rows, rpc.caller().person_id)
