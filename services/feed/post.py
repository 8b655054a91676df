"""A post with its thread: who wrote what in it, and what was withdrawn.

Stream: post-<id>. Texts are sealed; nothing here needs to read them. A post stays at the level it was written at, and
so does each comment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from google.protobuf.message import Message
from regard.common.v1.common_pb2 import LEVEL_UNSPECIFIED, Level, Sealed
from regard.feed.v1.events_pb2 import (
    CommentAdded,
    CommentEdited,
    CommentWithdrawn,
    PostEdited,
    PostPublished,
    PostWithdrawn,
    ReactionAdded,
    ReactionRemoved,
)

from services.common import moments
from services.common.decider import Decider
from services.feed.refusals import (
    NEITHER_AUTHOR_NOR_MODERATOR,
    NO_SUCH_COMMENT,
    NO_SUCH_POST,
    NOT_THE_AUTHOR,
    WITHDRAWN,
)


@dataclass(frozen=True, slots=True)
class Text:
    """A post's or comment's text, as far as decisions go. `reactions`: (person, emoji)."""

    author_id: str
    level: Level
    withdrawn: bool = False
    reactions: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Post:
    """What decisions need to know; `texts` by comment id, the post's own under the empty id."""

    id: str = ""
    group_id: str = ""
    texts: Mapping[str, Text] = field(default_factory=lambda: MappingProxyType({}))
    file_ids: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """At which the post was written."""
        return self.texts[""].level if self.texts else LEVEL_UNSPECIFIED


@dataclass(frozen=True, slots=True)
class PublishPost:
    """Publish a post."""

    post_id: str
    group_id: str
    author_id: str
    body: Sealed
    level: Level
    mentioned_ids: tuple[str, ...] = ()
    file_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AddComment:
    """Add a comment."""

    comment_id: str
    author_id: str
    body: Sealed
    level: Level
    mentioned_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """Change a text; `comment_id` is empty for the post's own."""

    comment_id: str
    by: str
    body: Sealed
    mentioned_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Withdraw a text; `moderates`: whether `by` moderates the group now."""

    comment_id: str
    by: str
    moderates: bool


@dataclass(frozen=True, slots=True)
class React:
    """React to a text, or take the reaction back."""

    comment_id: str
    by: str
    emoji: str
    present: bool


Command = PublishPost | AddComment | Edit | Withdraw | React


def decide(command: Command, post: Post) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused."""
    match command:
        case PublishPost() if post.id:
            return ()
        case PublishPost():
            return (
                PostPublished(
                    post_id=command.post_id,
                    group_id=command.group_id,
                    author_id=command.author_id,
                    body=command.body,
                    level=command.level,
                    mentioned_ids=command.mentioned_ids,
                    file_ids=command.file_ids,
                ),
            )
        case _ if not post.id:
            raise NO_SUCH_POST()
        case AddComment(comment_id=comment_id) if comment_id in post.texts:
            return ()
        case AddComment() if post.texts[""].withdrawn:
            raise WITHDRAWN()
        case AddComment():
            return (
                CommentAdded(
                    post_id=post.id,
                    comment_id=command.comment_id,
                    author_id=command.author_id,
                    body=command.body,
                    level=command.level,
                    mentioned_ids=command.mentioned_ids,
                ),
            )
        case Edit():
            return _edit(command, post)
        case Withdraw():
            return _withdraw(command, post)
        case React():
            return _react(command, post)


def _text(post: Post, comment_id: str) -> Text:
    if comment_id not in post.texts:
        raise NO_SUCH_COMMENT()
    return post.texts[comment_id]


def _edit(command: Edit, post: Post) -> tuple[Message, ...]:
    text = _text(post, command.comment_id)
    if text.author_id != command.by:
        raise NOT_THE_AUTHOR()
    if text.withdrawn:
        raise WITHDRAWN()
    if command.comment_id:
        return (
            CommentEdited(
                post_id=post.id,
                comment_id=command.comment_id,
                body=command.body,
                mentioned_ids=command.mentioned_ids,
                edited_by=command.by,
            ),
        )
    return (PostEdited(post_id=post.id, body=command.body, mentioned_ids=command.mentioned_ids, edited_by=command.by),)


def _withdraw(command: Withdraw, post: Post) -> tuple[Message, ...]:
    text = _text(post, command.comment_id)
    if text.author_id != command.by and not command.moderates:
        raise NEITHER_AUTHOR_NOR_MODERATOR()
    if text.withdrawn:
        return ()
    if command.comment_id:
        return (CommentWithdrawn(post_id=post.id, comment_id=command.comment_id, withdrawn_by=command.by),)
    return (PostWithdrawn(post_id=post.id, withdrawn_by=command.by),)


def _react(command: React, post: Post) -> tuple[Message, ...]:
    text = _text(post, command.comment_id)
    if ((command.by, command.emoji) in text.reactions) == command.present:
        return ()
    if text.withdrawn:
        raise WITHDRAWN()
    kind = ReactionAdded if command.present else ReactionRemoved
    return (kind(post_id=post.id, comment_id=command.comment_id, person_id=command.by, emoji=command.emoji),)


def written_at(written: PostPublished | CommentAdded, recorded_at: datetime) -> datetime:
    """When a text was written: as an import says, else when it was recorded."""
    return moments.of(written.written_at) if written.HasField("written_at") else recorded_at


def evolve(post: Post, event: Message) -> Post:
    """The post after `event`."""
    match event:
        case PostPublished():
            own = MappingProxyType({"": Text(event.author_id, event.level)})
            return Post(event.post_id, event.group_id, own, tuple(event.file_ids))
        case CommentAdded():
            return _with(post, event.comment_id, Text(event.author_id, event.level))
        case PostWithdrawn() if "" in post.texts:
            return _with(post, "", replace(post.texts[""], withdrawn=True))
        case CommentWithdrawn() if event.comment_id in post.texts:
            return _with(post, event.comment_id, replace(post.texts[event.comment_id], withdrawn=True))
        case ReactionAdded() if event.comment_id in post.texts:
            text = post.texts[event.comment_id]
            added = text.reactions | {(event.person_id, event.emoji)}
            return _with(post, event.comment_id, replace(text, reactions=added))
        case ReactionRemoved() if event.comment_id in post.texts:
            text = post.texts[event.comment_id]
            left = text.reactions - {(event.person_id, event.emoji)}
            return _with(post, event.comment_id, replace(text, reactions=left))
        case _:
            return post


def _with(post: Post, comment_id: str, text: Text) -> Post:
    return replace(post, texts=MappingProxyType({**post.texts, comment_id: text}))


DECIDER: Decider[Command, Post] = Decider("post", Post(), decide, evolve)
