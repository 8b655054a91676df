"""Where the sealed parts of files lie: in the feed's vault, which survives power loss and must be backed up.

A part is a serialised Sealed, bound to its file and its place in it; nothing here can open one. A part never changes.
Why a database and no folder: docs/decisions/0008-files-in-sealed-parts.md. Times are microseconds since 1970, UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler understands its ON CONFLICT too

from services.common.database import Database
from services.feed.refusals import TOO_MUCH_UNFINISHED

PART_BYTES = 512 * 1024
"""Of every part but the last; the contract says so too."""

MOST_UNFINISHED = 1024
"""Parts of uploads of one person to one group of which no file was made yet: 512 MiB."""

METADATA = sa.MetaData()

UPLOADS = sa.Table(
    "file_uploads",
    METADATA,
    sa.Column("file_id", sa.String(36), primary_key=True),
    sa.Column("group_id", sa.String(36), nullable=False),
    sa.Column("author_id", sa.String(36), nullable=False),
    sa.Column("touched_at_us", sa.BigInteger, nullable=False),
    sa.Column("added", sa.Boolean, nullable=False),  # known to be a file, and no upload under way
)
# Of few rows at any time, however many files there are.
_UNFINISHED = UPLOADS.c.added.is_(False)
sa.Index(
    "file_uploads_unfinished",
    UPLOADS.c.author_id,
    UPLOADS.c.group_id,
    sqlite_where=_UNFINISHED,
    postgresql_where=_UNFINISHED,
)
sa.Index("file_uploads_abandoned", UPLOADS.c.touched_at_us, sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED)
PARTS = sa.Table(
    "file_parts",
    METADATA,
    sa.Column("file_id", sa.ForeignKey("file_uploads.file_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload, or the file that it became."""

    file_id: str
    group_id: str
    author_id: str
    touched_at_us: int
    added: bool


def count_of(size: int) -> int:
    """How many parts a file of `size` bytes has."""
    return -(-size // PART_BYTES)


class Parts:
    """Each method is one transaction."""

    def __init__(self, vault: Database) -> None:
        self._vault = vault

    async def put(self, upload: Upload, part: int, sealed: bytes) -> None:
        """Keeps a part, unless it is there. Raises Refused (FED-10)."""
        row = {
            "file_id": upload.file_id,
            "group_id": upload.group_id,
            "author_id": upload.author_id,
            "touched_at_us": upload.touched_at_us,
            "added": upload.added,
        }
        begun = insert(UPLOADS).values(row)
        touched = begun.on_conflict_do_update(
            index_elements=[UPLOADS.c.file_id], set_={"touched_at_us": upload.touched_at_us}
        )
        one = insert(PARTS).values(file_id=upload.file_id, part=part, sealed=sealed).on_conflict_do_nothing()

        unfinished = (
            sa.select(sa.func.count())
            .select_from(UPLOADS.join(PARTS))
            .where(UPLOADS.c.author_id == upload.author_id, UPLOADS.c.group_id == upload.group_id, _UNFINISHED)
        )

        def work(tx: sa.Connection) -> None:
            tx.execute(touched)
            if tx.execute(one).rowcount and tx.scalars(unfinished).one() > MOST_UNFINISHED:
                raise TOO_MUCH_UNFINISHED()

        await self._vault.write(work)

    async def get(self, file_id: str, part: int) -> bytes | None:
        """A part, sealed; None if there is none."""
        query = sa.select(PARTS.c.sealed).where(PARTS.c.file_id == file_id, PARTS.c.part == part)
        async with self._vault.read() as tx:
            return (await tx.execute(query)).scalar_one_or_none()

    async def count(self, file_id: str) -> int:
        """How many parts are there."""
        query = sa.select(sa.func.count()).where(PARTS.c.file_id == file_id)
        async with self._vault.read() as tx:
            return int((await tx.execute(query)).scalar_one())

    async def touch(self, file_id: str, at_us: int) -> None:
        """Says that the upload is not abandoned."""
        statement = sa.update(UPLOADS).where(UPLOADS.c.file_id == file_id).values(touched_at_us=at_us)
        await self._vault.write(lambda tx: tx.execute(statement))

    async def added(self, file_id: str) -> None:
        """Says that a file was made of it."""
        statement = sa.update(UPLOADS).where(UPLOADS.c.file_id == file_id).values(added=True)
        await self._vault.write(lambda tx: tx.execute(statement))

    async def abandoned(self, before_us: int, limit: int) -> Sequence[Upload]:
        """Some uploads of which no file is known, and to which nothing has come since then."""
        query = sa.select(UPLOADS).where(_UNFINISHED, UPLOADS.c.touched_at_us < before_us).limit(limit)
        async with self._vault.read() as tx:
            return [Upload(**row) for row in (await tx.execute(query)).mappings()]

    async def uploads(self, after: str, limit: int) -> Sequence[Upload]:
        """Some of all uploads, by id."""
        query = sa.select(UPLOADS).where(UPLOADS.c.file_id > after).order_by(UPLOADS.c.file_id).limit(limit)
        async with self._vault.read() as tx:
            return [Upload(**row) for row in (await tx.execute(query)).mappings()]

    async def delete(self, file_id: str) -> None:
        """Deletes an upload with its parts."""

        def work(tx: sa.Connection) -> None:
            tx.execute(sa.delete(PARTS).where(PARTS.c.file_id == file_id))
            tx.execute(sa.delete(UPLOADS).where(UPLOADS.c.file_id == file_id))

        await self._vault.write(work)
