"""SQL reads of the feed's tables."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from regard.common.v1.common_pb2 import Level
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common.moments import microseconds
from services.feed.parts import Upload
from services.feed.views import ATTACHMENTS, FILES, GROUPS, MENTIONS, REACTIONS, REVISIONS, TEXTS

Key = tuple[str, str]
"""Post and comment; the comment is empty for the post's own text."""


@dataclass(frozen=True, slots=True)
class TextRow:
    """A post or a comment; `body` is a serialised Sealed, None once withdrawn or erased."""

    post_id: str
    comment_id: str
    group_id: str
    author_id: str
    body: bytes | None
    body_type: str
    level: Level
    mentioned_ids: Sequence[str]
    written_at_us: int
    edited_at_us: int | None
    withdrawn: bool
    erased: bool
    position: int
    reactions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Who reacted, by emoji."""
    comment_count: int = 0
    file_ids: Sequence[str] = ()
    """Files that stand with a post, in order."""

    @property
    def key(self) -> Key:
        """Which text it is."""
        return self.post_id, self.comment_id


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """An earlier text, sealed."""

    body: bytes
    body_type: str
    written_at_us: int


@dataclass(frozen=True, slots=True)
class Visible:
    """What of a group its reader may see: texts of these levels, written since then."""

    group_id: str
    levels: Collection[Level]
    since: datetime | None

    def condition(self) -> sa.ColumnElement[bool]:
        """The same for SQL."""
        seen = [TEXTS.c.group_id == self.group_id, TEXTS.c.level.in_(self.levels)]
        if self.since is not None:
            seen.append(TEXTS.c.written_at_us >= microseconds(self.since))
        return sa.and_(*seen)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file; `description` is a serialised Sealed, None once withdrawn or erased."""

    file_id: str
    group_id: str
    author_id: str
    description: bytes | None
    level: Level
    size: int
    added_at_us: int
    withdrawn: bool
    erased: bool
    position: int


async def file(tx: AsyncConnection, file_id: str) -> FileRow | None:
    """One file, or None."""
    row = (await tx.execute(sa.select(FILES).where(FILES.c.file_id == file_id))).mappings().one_or_none()
    return FileRow(**row) if row else None


async def files(tx: AsyncConnection, visible: Visible, before: int | None, limit: int) -> list[FileRow]:
    """A group's files, newest first."""
    seen = [FILES.c.group_id == visible.group_id, FILES.c.level.in_(visible.levels)]
    if visible.since is not None:
        seen.append(FILES.c.added_at_us >= microseconds(visible.since))
    if before is not None:
        seen.append(FILES.c.position < before)
    query = sa.select(FILES).where(*seen).order_by(FILES.c.position.desc()).limit(limit)
    return [FileRow(**row) for row in (await tx.execute(query)).mappings()]


async def files_by_id(tx: AsyncConnection, group_id: str, file_ids: Sequence[str]) -> list[FileRow]:
    """Those of these files that are the group's."""
    query = sa.select(FILES).where(FILES.c.file_id.in_(file_ids), FILES.c.group_id == group_id)
    return [FileRow(**row) for row in (await tx.execute(query)).mappings()]


async def standing_files(tx: AsyncConnection, after: str, limit: int) -> list[tuple[str, int]]:
    """Ids and sizes of some of all files that have to be whole, by id."""
    standing = (FILES.c.withdrawn.is_(False), FILES.c.erased.is_(False), FILES.c.file_id > after)
    query = sa.select(FILES.c.file_id, FILES.c.size).where(*standing).order_by(FILES.c.file_id).limit(limit)
    return [(row.file_id, row.size) for row in await tx.execute(query)]


def files_over(tx: sa.Connection, uploads: Sequence[Upload]) -> set[str]:
    """Of these uploads, those of which nothing may be kept any more: withdrawn, or their keys destroyed."""
    withdrawn = sa.select(FILES.c.file_id).where(
        FILES.c.file_id.in_([one.file_id for one in uploads]), FILES.c.withdrawn.is_(True)
    )
    over = set(tx.scalars(withdrawn))
    for group_id, author_id in {(one.group_id, one.author_id) for one in uploads}:
        if tx.scalar(sa.select(sa.or_(GROUPS.gone(group_id), GROUPS.gone(group_id, author_id)))):
            over |= {one.file_id for one in uploads if (one.group_id, one.author_id) == (group_id, author_id)}
    return over


async def post(tx: AsyncConnection, post_id: str) -> TextRow | None:
    """One post, or None."""
    found = await _texts(tx, TEXTS.c.post_id == post_id, TEXTS.c.comment_id == "", order=TEXTS.c.position, limit=1)
    return found[0] if found else None


async def posts(tx: AsyncConnection, visible: Sequence[Visible], before: int | None, limit: int) -> list[TextRow]:
    """Posts of these groups, newest first."""
    if not visible:
        return []
    of = [TEXTS.c.comment_id == "", sa.or_(*(group.condition() for group in visible))]
    if before is not None:
        of.append(TEXTS.c.position < before)
    return await _texts(tx, *of, order=TEXTS.c.position.desc(), limit=limit)


async def texts_by(
    tx: AsyncConnection, author_id: str, visible: Sequence[Visible], before: int | None, limit: int
) -> list[TextRow]:
    """What an author wrote in these groups, newest first."""
    if not visible:
        return []
    of = [TEXTS.c.author_id == author_id, sa.or_(*(group.condition() for group in visible))]
    if before is not None:
        of.append(TEXTS.c.position < before)
    return await _texts(tx, *of, order=TEXTS.c.position.desc(), limit=limit)


async def comments(tx: AsyncConnection, post_id: str, visible: Visible, after: int | None, limit: int) -> list[TextRow]:
    """A post's comments, oldest first."""
    of = [TEXTS.c.post_id == post_id, TEXTS.c.comment_id != "", visible.condition()]
    if after is not None:
        of.append(TEXTS.c.position > after)
    return await _texts(tx, *of, order=TEXTS.c.position, limit=limit)


async def revisions(tx: AsyncConnection, post_id: str) -> list[RevisionRow]:
    """Earlier texts of a post, oldest first."""
    query = (
        sa.select(REVISIONS.c.body, REVISIONS.c.body_type, REVISIONS.c.written_at_us)
        .where(REVISIONS.c.post_id == post_id, REVISIONS.c.comment_id == "")
        .order_by(REVISIONS.c.position)
    )
    return [RevisionRow(**row) for row in (await tx.execute(query)).mappings()]


async def mentions(
    tx: AsyncConnection, person_id: str, visible: Sequence[Visible], before: int | None, limit: int
) -> list[tuple[TextRow, int]]:
    """Texts that mention a person, newest mention first, each with the mention's position."""
    if not visible:
        return []
    same = sa.and_(MENTIONS.c.post_id == TEXTS.c.post_id, MENTIONS.c.comment_id == TEXTS.c.comment_id)
    query = (
        sa.select(TEXTS, MENTIONS.c.position.label("mentioned_at"))
        .join(MENTIONS, same)
        .where(MENTIONS.c.person_id == person_id, sa.or_(*(group.condition() for group in visible)))
        .order_by(MENTIONS.c.position.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(MENTIONS.c.position < before)
    found = []
    for row in (await tx.execute(query)).mappings():
        values = dict(row)
        mentioned_at = int(values.pop("mentioned_at"))
        found.append((TextRow(**values), mentioned_at))
    return found


async def _texts(
    tx: AsyncConnection, *conditions: sa.ColumnElement[bool], order: sa.ColumnElement[int], limit: int
) -> list[TextRow]:
    found = (await tx.execute(sa.select(TEXTS).where(*conditions).order_by(order).limit(limit))).mappings().all()
    post_ids = {row["post_id"] for row in found}
    reactions: defaultdict[Key, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    given = await tx.execute(
        sa.select(REACTIONS).where(REACTIONS.c.post_id.in_(post_ids)).order_by(REACTIONS.c.emoji, REACTIONS.c.person_id)
    )
    for post_id, comment_id, person_id, emoji in given:
        reactions[post_id, comment_id][emoji].append(person_id)
    counting = (
        sa.select(TEXTS.c.post_id, sa.func.count().label("comments"))
        .where(TEXTS.c.post_id.in_(post_ids), TEXTS.c.comment_id != "", TEXTS.c.withdrawn.is_(False))
        .group_by(TEXTS.c.post_id)
    )
    counts: dict[str, int] = {row.post_id: row.comments for row in await tx.execute(counting)}
    attached: defaultdict[str, list[str]] = defaultdict(list)
    standing = sa.select(ATTACHMENTS).where(ATTACHMENTS.c.post_id.in_(post_ids)).order_by(ATTACHMENTS.c.place)
    for row in await tx.execute(standing):
        attached[row.post_id].append(row.file_id)
    return [
        TextRow(
            **row,
            reactions=reactions.get((row["post_id"], row["comment_id"]), {}),
            comment_count=0 if row["comment_id"] else counts.get(row["post_id"], 0),
            file_ids=() if row["comment_id"] else attached.get(row["post_id"], ()),
        )
        for row in found
    ]
