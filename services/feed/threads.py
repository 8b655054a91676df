"""What is done to posts and their threads: each is a command on the post's own stream."""

from collections.abc import Sequence
from datetime import datetime

from regard.feed.v1 import events_pb2 as events

from services.access import Action, Guard, Sight, strangers
from services.common import rpc
from services.common.clock import Clock
from services.common.codec import Codec
from services.common.decider import execute
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore
from services.common.ids import derived_id
from services.feed.post import DECIDER, AddComment, Command, Edit, Post, PublishPost, React, Withdraw, written_at
from services.feed.queries import TextRow
from services.feed.refusals import CANNOT_MENTION, NO_SUCH_POST
from services.feed.rendering import place, post_stream, row_of

TOPIC = "regard.feed.events"


class Threads:
    """Publishing, commenting, changing, withdrawing, reacting. Ids come from the command: a repeat finds the same."""

    def __init__(self, store: EventStore, codec: Codec, guard: Guard, clock: Clock) -> None:
        self._store = store
        self._codec = codec
        self._guard = guard
        self._clock = clock

    async def publish(self, group_id: str, body: str, mentioned: Sequence[str], file_ids: Sequence[str]) -> TextRow:
        """Publishes a post; the row that it becomes."""
        sight = await self._guard.sight(rpc.caller(), group_id, Action.WRITE)
        self._refuse_strangers(sight, mentioned)
        post_id = _id(group_id)
        sealed = await self._guard.seal(sight, body, place(events.PostPublished.DESCRIPTOR.full_name, post_id))
        author_id = sight.caller.person_id
        command = PublishPost(post_id, group_id, author_id, sealed, sight.level, tuple(mentioned), tuple(file_ids))
        post, at = await self._execute(post_id, command)
        return row_of(post, "", mentioned, written_at=at)

    async def comment(self, post_id: str, body: str, mentioned: Sequence[str]) -> TextRow:
        """Adds a comment; the row that it becomes."""
        _, _, sight = await self._writing(post_id)
        self._refuse_strangers(sight, mentioned)
        comment_id = _id(post_id)
        sealed = await self._guard.seal(sight, body, place(events.CommentAdded.DESCRIPTOR.full_name, post_id))
        command = AddComment(comment_id, sight.caller.person_id, sealed, sight.level, tuple(mentioned))
        post, at = await self._execute(post_id, command)
        return row_of(post, comment_id, mentioned, written_at=at)

    async def edit(self, post_id: str, comment_id: str, body: str, mentioned: Sequence[str]) -> TextRow:
        """Changes a text, the post's own if `comment_id` is empty; the row that it becomes."""
        thread, times, sight = await self._writing(post_id)
        self._refuse_strangers(sight, mentioned)
        event = events.CommentEdited if comment_id else events.PostEdited
        before = thread.texts.get(comment_id)
        sealed = await self._guard.seal(
            sight, body, place(event.DESCRIPTOR.full_name, post_id), replaces=before.level if before else None
        )
        post, at = await self._execute(post_id, Edit(comment_id, sight.caller.person_id, sealed, tuple(mentioned)))
        return row_of(post, comment_id, mentioned, written_at=times.get(comment_id, at), edited_at=at)

    async def withdraw(self, post_id: str, comment_id: str) -> None:
        """Withdraws a text; its author or a moderator."""
        _, _, sight = await self._writing(post_id)
        await self._execute(post_id, Withdraw(comment_id, sight.caller.person_id, sight.moderates))

    async def react(self, post_id: str, comment_id: str, emoji: str, *, present: bool) -> None:
        """Reacts to a text, or takes the reaction back."""
        _, _, sight = await self._writing(post_id)
        await self._execute(post_id, React(comment_id, sight.caller.person_id, emoji, present))

    async def _writing(self, post_id: str) -> tuple[Post, dict[str, datetime], Sight]:
        """The post, when each of its texts was written, and the caller's right to write there."""
        history = self._codec.decode_all((await self._store.load(post_stream(post_id))).events)
        post = DECIDER.fold(event.message for event in history)
        if not post.id:
            raise NO_SUCH_POST()
        sight = await in_sight(self._guard, post.group_id, Action.WRITE)
        times = {
            getattr(event.message, "comment_id", ""): written_at(event.message, event.recorded_at)
            for event in history
            if isinstance(event.message, events.PostPublished | events.CommentAdded)
        }
        if not sight.reads(post.level, times[""], post.id):
            raise NO_SUCH_POST()
        return post, times, sight

    async def _execute(self, post_id: str, command: Command) -> tuple[Post, datetime]:
        """The post after the command, and when it was carried out: by this clock, unless it was before."""
        stream = post_stream(post_id)
        outcome = await execute(self._store, self._codec, DECIDER, stream, command, rpc.command_context())
        rpc.answer_token(TOPIC, stream, outcome.position)
        return outcome.state, outcome.recorded_at or self._clock()

    def _refuse_strangers(self, sight: Sight, mentioned: Sequence[str]) -> None:
        if some := strangers(sight.policy, mentioned, self._clock()):
            raise CANNOT_MENTION(count=str(len(some)))


async def in_sight(guard: Guard, group_id: str, action: Action) -> Sight:
    """The caller's sight of a post's group. A post out of sight is as unknown as one that never was."""
    try:
        return await guard.sight(rpc.caller(), group_id, action)
    except Refused as refused:
        if refused.refusal.kind is Kind.NOT_FOUND:
            raise NO_SUCH_POST() from None
        raise


def _id(where: str) -> str:
    """Of what the present command writes in that group or thread: a key that is used again elsewhere is another id."""
    return derived_id(where, str(rpc.command_context().command_id))
