"""From rows to what a caller is shown."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from regard.common.v1.common_pb2 import Sealed
from regard.feed.v1 import feed_pb2 as api

from services.access import Erased, Grant, Object, Place, Sight
from services.common.ids import stream_name
from services.common.moments import microseconds, moment, timestamp
from services.feed.post import Post
from services.feed.queries import RevisionRow, TextRow


def post_stream(post_id: str) -> str:
    """The stream of a post with its thread."""
    return stream_name("post", post_id)


def place(type_name: str, post_id: str) -> Place:
    """What a text of that post is sealed for, by the event that carries it."""
    return Place(type_name, post_stream(post_id), "body")


def object_of(row: TextRow) -> Object:
    """A post or a comment, as the ledger names it."""
    return Object(
        type="comment" if row.comment_id else "post",
        id=row.comment_id or row.post_id,
        level=row.level,
        author_id=row.author_id,
        parent_id=row.post_id if row.comment_id else "",
        written_at=moment(row.written_at_us),
    )


def is_for(sight: Sight, row: TextRow) -> bool:
    """Whether a post or a comment is for the reader who has this sight of its group."""
    return sight.reads(row.level, moment(row.written_at_us), row.comment_id or row.post_id, row.post_id)


def row_of(
    post: Post,
    comment_id: str,
    mentioned_ids: Sequence[str],
    *,
    written_at: datetime,
    edited_at: datetime | None = None,
) -> TextRow:
    """The row that the view will make of what was just written, without the body: whoever wrote it has that."""
    text = post.texts[comment_id]
    by_emoji: defaultdict[str, list[str]] = defaultdict(list)
    for person_id, emoji in sorted(text.reactions, key=lambda reaction: reaction[::-1]):
        by_emoji[emoji].append(person_id)
    return TextRow(
        post_id=post.id,
        comment_id=comment_id,
        group_id=post.group_id,
        author_id=text.author_id,
        body=None,
        body_type="",
        level=text.level,
        mentioned_ids=[] if text.withdrawn else mentioned_ids,
        written_at_us=microseconds(written_at),
        edited_at_us=microseconds(edited_at) if edited_at else None,
        withdrawn=text.withdrawn,
        erased=False,
        position=0,
        reactions=by_emoji,
        file_ids=() if comment_id or text.withdrawn else post.file_ids,
        comment_count=0 if comment_id else sum(not one.withdrawn for id, one in post.texts.items() if id),
    )


async def opened(grant: Grant, row: TextRow) -> str | Erased | None:
    """The text of what was entered; None once withdrawn or erased."""
    if not row.body:
        return None
    return await grant.open(Sealed.FromString(row.body), place(row.body_type, row.post_id))


async def revision(grant: Grant, row: RevisionRow, post_id: str) -> api.Revision:
    """An earlier text."""
    body = await grant.open(Sealed.FromString(row.body), place(row.body_type, post_id))
    return api.Revision(body=body if isinstance(body, str) else "", at=timestamp(row.written_at_us))


def post(row: TextRow, body: str | Erased | None, reader_id: str, history: Sequence[api.Revision] = ()) -> api.Post:
    """A post as its reader sees it."""
    return api.Post(
        id=row.post_id,
        group_id=row.group_id,
        author_id=row.author_id,
        body=body if isinstance(body, str) else "",
        published_at=timestamp(row.written_at_us),
        edited_at=timestamp(row.edited_at_us),
        withdrawn=row.withdrawn,
        erased=row.erased or isinstance(body, Erased),
        level=row.level,
        mentioned_ids=row.mentioned_ids,
        reactions=reactions(row.reactions, reader_id),
        comment_count=row.comment_count,
        history=history,
        file_ids=row.file_ids,
    )


def comment(row: TextRow, body: str | Erased | None, reader_id: str) -> api.Comment:
    """A comment as its reader sees it."""
    return api.Comment(
        id=row.comment_id,
        post_id=row.post_id,
        author_id=row.author_id,
        body=body if isinstance(body, str) else "",
        added_at=timestamp(row.written_at_us),
        edited_at=timestamp(row.edited_at_us),
        withdrawn=row.withdrawn,
        erased=row.erased or isinstance(body, Erased),
        level=row.level,
        mentioned_ids=row.mentioned_ids,
        reactions=reactions(row.reactions, reader_id),
    )


def reactions(given: Mapping[str, Sequence[str]], reader_id: str) -> list[api.ReactionCount]:
    """Counts by emoji, with the reader's own marked."""
    return [
        api.ReactionCount(emoji=emoji, count=len(people), mine=reader_id in people) for emoji, people in given.items()
    ]
