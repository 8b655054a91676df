"""What is done to messages. They have no invariant on their own stream, so they are appended after their checks,
without loading it; the guard's sight is the check that matters, and it is as fresh as the call.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message
from regard.chat.v1 import events_pb2 as events
from regard.chat.v1.chat_pb2 import ImportMessagesRequest

from services.access import Action, Guard, Place, Sight, strangers
from services.chat import queries
from services.chat.refusals import (
    CANNOT_MENTION,
    MESSAGE_WITHDRAWN,
    NEITHER_AUTHOR_NOR_MODERATOR,
    NO_SUCH_MESSAGE,
    NOT_THE_AUTHOR,
)
from services.chat.rendering import is_for, talk
from services.chat.rooms import TOPIC, Rooms
from services.common import rpc
from services.common.clock import Clock
from services.common.codec import Codec
from services.common.database import Database
from services.common.decider import CommandContext, append_unconditionally
from services.common.eventstore import EventStore
from services.common.ids import derived_id, stream_name

SENT = events.MessageSent.DESCRIPTOR.full_name
EDITED = events.MessageEdited.DESCRIPTOR.full_name

_MOST_APPEND_BYTES = 600_000
"""Below the event store's limit of 1 MiB an append, with room for what each event carries besides its data."""
_ENVELOPE_BYTES = 400


class Messages:
    """Sending, changing, withdrawing, reacting, importing."""

    def __init__(
        self, store: EventStore, codec: Codec, guard: Guard, rooms: Rooms, database: Database, clock: Clock
    ) -> None:
        self._store = store
        self._codec = codec
        self._guard = guard
        self._rooms = rooms
        self._database = database
        self._clock = clock

    async def send(
        self, room_id: str, body: str, reply_to_id: str, mentioned: Sequence[str], file_ids: Sequence[str]
    ) -> tuple[str, datetime]:
        """Sends a message; its id and time. The same idempotency key gives the same message."""
        room, sight = await self._rooms.sight(room_id, Action.WRITE)
        self._refuse_strangers(sight, mentioned)
        if reply_to_id:
            await self._existing(sight, room_id, reply_to_id)
        context = rpc.command_context()
        # A key that is used again in another room is another message.
        message_id = derived_id(room_id, str(context.command_id))
        sealed = await self._guard.seal(sight, body, Place(SENT, talk(room_id), "body"))
        sent = events.MessageSent(
            message_id=message_id,
            room_id=room_id,
            group_id=room.group_id,
            author_id=sight.caller.person_id,
            body=sealed,
            level=sight.level,
            reply_to_id=reply_to_id,
            mentioned_ids=mentioned,
            file_ids=file_ids,
        )
        await self._append(room_id, [sent], context)
        return message_id, self._clock()

    async def edit(self, room_id: str, message_id: str, body: str, mentioned: Sequence[str]) -> None:
        """Changes a message's text; its author only."""
        _, sight = await self._rooms.sight(room_id, Action.WRITE)
        row = await self._existing(sight, room_id, message_id)
        if row.author_id != sight.caller.person_id:
            raise NOT_THE_AUTHOR()
        if row.withdrawn:
            raise MESSAGE_WITHDRAWN()
        self._refuse_strangers(sight, mentioned)
        edited = events.MessageEdited(
            message_id=message_id,
            room_id=room_id,
            body=await self._guard.seal(sight, body, Place(EDITED, talk(room_id), "body"), replaces=row.level),
            mentioned_ids=mentioned,
            edited_by=sight.caller.person_id,
        )
        await self._append(room_id, [edited], rpc.command_context())

    async def withdraw(self, room_id: str, message_id: str) -> None:
        """Withdraws a message; its author or a moderator. Twice is once."""
        _, sight = await self._rooms.sight(room_id, Action.WRITE)
        row = await self._existing(sight, room_id, message_id)
        if row.author_id != sight.caller.person_id and not sight.moderates:
            raise NEITHER_AUTHOR_NOR_MODERATOR()
        if not row.withdrawn:
            withdrawn = events.MessageWithdrawn(
                message_id=message_id, room_id=room_id, withdrawn_by=sight.caller.person_id
            )
            await self._append(room_id, [withdrawn], rpc.command_context())

    async def react(self, room_id: str, message_id: str, emoji: str, *, present: bool) -> None:
        """Reacts to a message, or takes the reaction back. Twice is once."""
        _, sight = await self._rooms.sight(room_id, Action.WRITE)
        row = await self._existing(sight, room_id, message_id)
        if row.withdrawn:
            raise MESSAGE_WITHDRAWN()
        person_id = sight.caller.person_id
        if (person_id in row.reactions.get(emoji, ())) == present:
            return
        kind = events.ReactionAdded if present else events.ReactionRemoved
        event = kind(message_id=message_id, room_id=room_id, person_id=person_id, emoji=emoji)
        await self._append(room_id, [event], rpc.command_context())

    async def mark_read(self, room_id: str, sequence: int) -> None:
        """Marks how far the caller has read: on a stream of its own, of which only the last mark is kept."""
        _, sight = await self._rooms.sight(room_id, Action.READ)
        person_id = sight.caller.person_id
        stream = stream_name("room", f"{room_id}.{person_id}")
        if not await self._database.look(lambda tx: queries.marks_of(tx, person_id, [room_id])):
            await self._store.set_retention(stream, max_count=1)
        mark = events.ReadUpTo(room_id=room_id, person_id=person_id, sequence=sequence)
        position = await append_unconditionally(self._store, self._codec, stream, [mark], rpc.command_context())
        rpc.answer_token(TOPIC, stream, position)

    async def import_messages(self, request: ImportMessagesRequest) -> tuple[int, int]:
        """Brings in messages of another tool: how many are new, and how many were there already."""
        _, sight = await self._rooms.sight(request.room_id, Action.IMPORT)

        def id_of(external_id: str) -> str:
            return derived_id(request.room_id, request.source, external_id)

        wanted: dict[str, ImportMessagesRequest.ImportedMessage] = {}
        for message in request.messages:
            wanted.setdefault(id_of(message.external_id), message)
        known = await self._database.look(lambda tx: queries.present(tx, wanted))
        new = [
            await self._imported(sight, id_of, request, message_id, message)
            for message_id, message in wanted.items()
            if message_id not in known
        ]
        for chunk in _chunks(new):
            # The command's id is made from the messages: whoever sends these again appends the same events, and what
            # is left of an import that was cut short is another command.
            ids = [event.message_id for event in chunk if isinstance(event, events.MessageSent)]
            context = replace(rpc.command_context(), command_id=UUID(derived_id(request.room_id, "import", *ids)))
            await self._append(request.room_id, chunk, context)
        return len(new), len(request.messages) - len(new)

    async def _imported(
        self,
        sight: Sight,
        id_of: Callable[[str], str],
        request: ImportMessagesRequest,
        message_id: str,
        message: ImportMessagesRequest.ImportedMessage,
    ) -> list[Message]:
        place = Place(SENT, talk(request.room_id), "body")
        sent = events.MessageSent(
            message_id=message_id,
            room_id=request.room_id,
            group_id=sight.group_id,
            author_id=message.author_id,
            body=await self._guard.seal(sight, message.body, place, author=message.author_id),
            level=sight.level,
            reply_to_id=id_of(message.reply_to_external_id) if message.reply_to_external_id else "",
            written_at=message.written_at,
            imported_from=request.source,
        )
        reactions = [
            events.ReactionAdded(
                message_id=message_id, room_id=request.room_id, person_id=reaction.person_id, emoji=reaction.emoji
            )
            for reaction in message.reactions
        ]
        return [sent, *reactions]

    async def _existing(self, sight: Sight, room_id: str, message_id: str) -> queries.MessageRow:
        row = await self._database.look(lambda tx: queries.message(tx, room_id, message_id))
        if row is None or not is_for(sight, row):
            raise NO_SUCH_MESSAGE()
        return row

    def _refuse_strangers(self, sight: Sight, mentioned: Sequence[str]) -> None:
        if some := strangers(sight.policy, mentioned, self._clock()):
            raise CANNOT_MENTION(count=str(len(some)))

    async def _append(self, room_id: str, messages: Sequence[Message], context: CommandContext) -> None:
        stream = talk(room_id)
        position = await append_unconditionally(self._store, self._codec, stream, messages, context)
        rpc.answer_token(TOPIC, stream, position)


def _chunks(new: Sequence[list[Message]]) -> Iterator[list[Message]]:
    """The messages, each with its reactions, in as few appends as their size allows."""
    chunk: list[Message] = []
    size = 0
    for together in new:
        bytes_more = sum(event.ByteSize() + _ENVELOPE_BYTES for event in together)
        if chunk and size + bytes_more > _MOST_APPEND_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk += together
        size += bytes_more
    if chunk:
        yield chunk
