"""What is done to posts and their threads: each is a command on the post's own stream."""

from collections.abc import Sequence

from regard.feed.v1 import events_pb2 as events

from services.access import Action, Guard, Sight, strangers
from services.common import rpc
from services.common.clock import Clock
from services.common.codec import Codec
from services.common.decider import execute
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore
from services.common.ids import derived_id
from services.feed.post import DECIDER, AddComment, Command, Edit, Post, PublishPost, React, Withdraw
from services.feed.refusals import CANNOT_MENTION, NO_SUCH_POST
from services.feed.rendering import place, post_stream

TOPIC = "regard.feed.events"


class Threads:
    """Publishing, commenting, changing, withdrawing, reacting. Ids come from the command: a repeat finds the same."""

    def __init__(self, store: EventStore, codec: Codec, guard: Guard, clock: Clock) -> None:
        self._store = store
        self._codec = codec
        self._guard = guard
        self._clock = clock

    async def publish(self, group_id: str, body: str, mentioned: Sequence[str]) -> str:
        """Publishes a post; its id."""
        sight = await self._guard.sight(rpc.caller(), group_id, Action.WRITE)
        self._refuse_strangers(sight, mentioned)
        post_id = _id(group_id)
        sealed = await self._guard.seal(sight, body, place(events.PostPublished.DESCRIPTOR.full_name, post_id))
        author_id = sight.caller.person_id
        await self._execute(post_id, PublishPost(post_id, group_id, author_id, sealed, sight.level, tuple(mentioned)))
        return post_id

    async def comment(self, post_id: str, body: str, mentioned: Sequence[str]) -> str:
        """Adds a comment; its id."""
        _, sight = await self._writing(post_id)
        self._refuse_strangers(sight, mentioned)
        comment_id = _id(post_id)
        sealed = await self._guard.seal(sight, body, place(events.CommentAdded.DESCRIPTOR.full_name, post_id))
        author_id = sight.caller.person_id
        await self._execute(post_id, AddComment(comment_id, author_id, sealed, sight.level, tuple(mentioned)))
        return comment_id

    async def edit(self, post_id: str, comment_id: str, body: str, mentioned: Sequence[str]) -> None:
        """Changes a text; `comment_id` is empty for the post's own."""
        post, sight = await self._writing(post_id)
        self._refuse_strangers(sight, mentioned)
        event = events.CommentEdited if comment_id else events.PostEdited
        before = post.texts.get(comment_id)
        sealed = await self._guard.seal(
            sight, body, place(event.DESCRIPTOR.full_name, post_id), replaces=before.level if before else None
        )
        await self._execute(post_id, Edit(comment_id, sight.caller.person_id, sealed, tuple(mentioned)))

    async def withdraw(self, post_id: str, comment_id: str) -> None:
        """Withdraws a text; its author or a moderator."""
        _, sight = await self._writing(post_id)
        await self._execute(post_id, Withdraw(comment_id, sight.caller.person_id, sight.moderates))

    async def react(self, post_id: str, comment_id: str, emoji: str, *, present: bool) -> None:
        """Reacts to a text, or takes the reaction back."""
        _, sight = await self._writing(post_id)
        await self._execute(post_id, React(comment_id, sight.caller.person_id, emoji, present))

    async def _writing(self, post_id: str) -> tuple[Post, Sight]:
        history = await self._store.load(post_stream(post_id))
        post = DECIDER.fold(event.message for event in self._codec.decode_all(history.events))
        if not post.id:
            raise NO_SUCH_POST()
        sight = await in_sight(self._guard, post.group_id, Action.WRITE)
        if not sight.reads(post.level, history.events[0].recorded_at):
            raise NO_SUCH_POST()
        return post, sight

    async def _execute(self, post_id: str, command: Command) -> None:
        stream = post_stream(post_id)
        outcome = await execute(self._store, self._codec, DECIDER, stream, command, rpc.command_context())
        rpc.answer_token(TOPIC, stream, outcome.position)

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
