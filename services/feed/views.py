"""What queries read: texts (posts and comments) with their revisions, reactions, mentions, files,
what stands with posts, and who belongs where.

Bodies stay sealed; `body_type` names the event that they were sealed for. Times are microseconds since 1970, UTC. A
post's own text has an empty comment id.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Sealed
from regard.feed.v1 import events_pb2 as feed
from regard.groups.v1 import events_pb2 as groups
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler understands its ON CONFLICT too

from services.access import GroupTables, insert_if
from services.common.codec import Event
from services.common.moments import microseconds
from services.common.projection import Prepared, Statement, parameter
from services.feed.post import written_at

METADATA = sa.MetaData()

TEXTS = sa.Table(
    "feed_texts_v1",
    METADATA,
    sa.Column("post_id", sa.String(36), primary_key=True),
    sa.Column("comment_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), nullable=False),
    sa.Column("author_id", sa.String(36), nullable=False),
    sa.Column("body", sa.LargeBinary),  # Sealed, serialised; null once withdrawn or erased
    sa.Column("body_type", sa.String(200), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("mentioned_ids", sa.JSON, nullable=False),
    sa.Column("written_at_us", sa.BigInteger, nullable=False),
    sa.Column("edited_at_us", sa.BigInteger),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),  # of its first event: the order of lists
    sa.Index("feed_texts_v1_by_group", "group_id", "comment_id", "position"),
    sa.Index("feed_texts_v1_by_author", "group_id", "author_id"),
)
REVISIONS = sa.Table(
    "feed_revisions_v1",
    METADATA,
    sa.Column("post_id", sa.String(36), primary_key=True),
    sa.Column("comment_id", sa.String(36), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("body_type", sa.String(200), nullable=False),
    sa.Column("written_at_us", sa.BigInteger, nullable=False),
)
REACTIONS = sa.Table(
    "feed_reactions_v1",
    METADATA,
    sa.Column("post_id", sa.String(36), primary_key=True),
    sa.Column("comment_id", sa.String(36), primary_key=True),
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("emoji", sa.String(64), primary_key=True),
)
MENTIONS = sa.Table(
    "feed_mentions_v1",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("post_id", sa.String(36), primary_key=True),
    sa.Column("comment_id", sa.String(36), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
FILES = sa.Table(
    "feed_files_v1",
    METADATA,
    sa.Column("file_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), nullable=False),
    sa.Column("author_id", sa.String(36), nullable=False),
    sa.Column("description", sa.LargeBinary),  # Sealed, serialised; null once withdrawn or erased
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("added_at_us", sa.BigInteger, nullable=False),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Index("feed_files_v1_by_group", "group_id", "position"),
)
ATTACHMENTS = sa.Table(
    "feed_attachments_v1",
    METADATA,
    sa.Column("post_id", sa.String(36), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),  # among the post's, from 0
    sa.Column("file_id", sa.String(36), nullable=False),
)
GROUPS = GroupTables("feed", METADATA)

Statements = Sequence[Statement]
Key = tuple[str, str]
"""Post and comment."""


def reduce(event: Event) -> Statements:
    """The statements that bring the tables from before `event` to after it; () for events of no interest."""
    match event.message:
        case feed.PostPublished() as post:
            return (*_written((post.post_id, ""), post, event, group_id=post.group_id), *_attached(post))
        case feed.CommentAdded() as comment:
            return _written((comment.post_id, comment.comment_id), comment, event)
        case feed.PostEdited() as edited:
            return _edited((edited.post_id, ""), edited.body, list(edited.mentioned_ids), event)
        case feed.CommentEdited() as edited:
            return _edited((edited.post_id, edited.comment_id), edited.body, list(edited.mentioned_ids), event)
        case feed.PostWithdrawn() as withdrawn:
            its_files = sa.delete(ATTACHMENTS).where(ATTACHMENTS.c.post_id == withdrawn.post_id)
            return (*_withdrawn((withdrawn.post_id, "")), its_files)
        case feed.CommentWithdrawn() as withdrawn:
            return _withdrawn((withdrawn.post_id, withdrawn.comment_id))
        case feed.ReactionAdded() as added:
            return (_reaction(added),)
        case feed.ReactionRemoved() as removed:
            taken_back = (REACTIONS.c.person_id == removed.person_id, REACTIONS.c.emoji == removed.emoji)
            return (sa.delete(REACTIONS).where(*_of(REACTIONS, (removed.post_id, removed.comment_id)), *taken_back),)
        case feed.FileAdded() as added:
            return (_file(added, event),)
        case feed.FileWithdrawn() as withdrawn:
            its_row = FILES.c.file_id == withdrawn.file_id
            return (sa.update(FILES).where(its_row).values(description=None, withdrawn=True),)
        case groups.GroupDeleted() as deleted:
            return (*GROUPS.reduce(deleted), *_group_gone(deleted.group_id))
        case groups.KeysDestroyed() as destroyed if destroyed.author_id:
            return (*GROUPS.reduce(destroyed), *_author_gone(destroyed.group_id, destroyed.author_id))
        case other:
            return GROUPS.reduce(other)


def _of(table: sa.Table, key: Key) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    post_id, comment_id = key
    return table.c.post_id == post_id, table.c.comment_id == comment_id


def _inserted_text(group: sa.ColumnElement[str]) -> sa.UpdateBase:
    """For values of every column but `erased`, and `group_id` where `group` is another expression."""
    of = {column.name: parameter(column) for column in TEXTS.columns}
    erased = GROUPS.gone(group, of["author_id"])
    row = of | {"group_id": group, "body": sa.case((erased, sa.null()), else_=of["body"]), "erased": erased}
    return insert_if(sa.and_(~GROUPS.gone(group), group.is_not(None)), TEXTS, row)


def _inserted_comment() -> sa.UpdateBase:
    # A comment lies in the group of its post, which precedes it on the stream.
    posts = TEXTS.alias()
    its_post = (posts.c.post_id == parameter(TEXTS.c.post_id), posts.c.comment_id == "")
    return _inserted_text(sa.select(posts.c.group_id).where(*its_post).scalar_subquery())


_POST = Prepared(_inserted_text(parameter(TEXTS.c.group_id)))
_COMMENT = Prepared(_inserted_comment())


def _written(
    key: Key, written: feed.PostPublished | feed.CommentAdded, event: Event, group_id: str | None = None
) -> Statements:
    row: Mapping[str, object] = {
        "post_id": key[0],
        "comment_id": key[1],
        "author_id": written.author_id,
        "body": written.body.SerializeToString(),
        "body_type": event.type,
        "level": written.level,
        "mentioned_ids": list(written.mentioned_ids),
        "written_at_us": microseconds(written_at(written, event.recorded_at)),
        "edited_at_us": None,
        "withdrawn": False,
        "position": event.position,
    }
    text = _POST(group_id=group_id, **row) if group_id else _COMMENT(**row)
    return (text, *(_mention(key, person, event.position) for person in written.mentioned_ids))


def _mention(key: Key, person_id: str, position: int) -> sa.Executable:
    there = sa.exists().where(*_of(TEXTS, key))
    row = {"person_id": person_id, "post_id": key[0], "comment_id": key[1], "position": position}
    return insert_if(there, MENTIONS, row)


def _attached(post: feed.PostPublished) -> Statements:
    # Only to a text that can be read: with what is gone, erased or withdrawn, nothing stands.
    readable = (TEXTS.c.erased.is_(False), TEXTS.c.withdrawn.is_(False))
    there = sa.exists().where(*_of(TEXTS, (post.post_id, "")), *readable)
    rows = [{"post_id": post.post_id, "place": place, "file_id": id} for place, id in enumerate(post.file_ids)]
    return [insert_if(there, ATTACHMENTS, row) for row in rows]


def _edited(key: Key, body: Sealed, mentioned_ids: list[str], event: Event) -> Statements:
    standing = (*_of(TEXTS, key), TEXTS.c.withdrawn.is_(False))
    kept = sa.select(
        TEXTS.c.post_id,
        TEXTS.c.comment_id,
        sa.literal(event.position, sa.BigInteger),
        TEXTS.c.body,
        TEXTS.c.body_type,
        sa.func.coalesce(TEXTS.c.edited_at_us, TEXTS.c.written_at_us),
    ).where(*standing, TEXTS.c.body.is_not(None))
    columns = ["post_id", "comment_id", "position", "body", "body_type", "written_at_us"]
    return (
        insert(REVISIONS).from_select(columns, kept).on_conflict_do_nothing(),
        sa.update(TEXTS)
        .where(*standing)
        .values(
            body=sa.case((TEXTS.c.erased, sa.null()), else_=body.SerializeToString()),
            body_type=event.type,
            mentioned_ids=mentioned_ids,
            edited_at_us=microseconds(event.recorded_at),
        ),
        sa.delete(MENTIONS).where(*_of(MENTIONS, key)),
        *(_mention(key, person, event.position) for person in mentioned_ids),
    )


def _withdrawn(key: Key) -> Statements:
    return (
        sa.update(TEXTS).where(*_of(TEXTS, key)).values(body=None, mentioned_ids=[], withdrawn=True),
        sa.delete(REVISIONS).where(*_of(REVISIONS, key)),
        sa.delete(MENTIONS).where(*_of(MENTIONS, key)),
    )


def _reaction(added: feed.ReactionAdded) -> sa.Executable:
    # Only to a text that is there: those of a group that is gone are not.
    there = sa.exists().where(*_of(TEXTS, (added.post_id, added.comment_id)))
    row = {
        "post_id": added.post_id,
        "comment_id": added.comment_id,
        "person_id": added.person_id,
        "emoji": added.emoji,
    }
    return insert_if(there, REACTIONS, row)


def _inserted_file() -> sa.UpdateBase:
    of = {column.name: parameter(column) for column in FILES.columns}
    erased = GROUPS.gone(of["group_id"], of["author_id"])
    row = of | {"description": sa.case((erased, sa.null()), else_=of["description"]), "erased": erased}
    return insert_if(~GROUPS.gone(of["group_id"]), FILES, row)


_FILE = Prepared(_inserted_file())


def _file(added: feed.FileAdded, event: Event) -> Statement:
    return _FILE(
        file_id=added.file_id,
        group_id=added.group_id,
        author_id=added.author_id,
        description=added.description.SerializeToString(),
        level=added.level,
        size=added.size,
        added_at_us=microseconds(event.recorded_at),
        withdrawn=False,
        position=event.position,
    )


_OF_POSTS = (REVISIONS, REACTIONS, MENTIONS, ATTACHMENTS)


def _group_gone(group_id: str) -> Statements:
    posts = sa.select(TEXTS.c.post_id).where(TEXTS.c.group_id == group_id)
    return (
        *(sa.delete(table).where(table.c.post_id.in_(posts)) for table in _OF_POSTS),
        sa.delete(TEXTS).where(TEXTS.c.group_id == group_id),
        sa.delete(FILES).where(FILES.c.group_id == group_id),
    )


def _author_gone(group_id: str, author_id: str) -> Statements:
    theirs = (TEXTS.c.group_id == group_id, TEXTS.c.author_id == author_id)
    revised = sa.exists().where(
        TEXTS.c.post_id == REVISIONS.c.post_id, TEXTS.c.comment_id == REVISIONS.c.comment_id, *theirs
    )
    posts = sa.select(TEXTS.c.post_id).where(*theirs, TEXTS.c.comment_id == "")
    return (
        sa.delete(REVISIONS).where(revised),
        sa.delete(ATTACHMENTS).where(ATTACHMENTS.c.post_id.in_(posts)),
        sa.update(TEXTS).where(*theirs).values(body=None, erased=True),
        sa.update(FILES)
        .where(FILES.c.group_id == group_id, FILES.c.author_id == author_id)
        .values(description=None, erased=True),
    )
