"""Content keys: one per group and author, one per group for its names, each wrapped by the master key.

They lie in a vault, outside the event store: destroying a group's rows here makes all that it held unreadable
everywhere. A group that was destroyed is remembered, so that it never gets a key again. Of an author who was erased a
row without a key stays in each group, with the same effect.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common.clock import Clock
from services.common.database import Database
from services.common.ids import new_id
from services.common.masterkey import MasterKey
from services.common.sealing import DataKey, new_data_key

LABEL = "label"
"""In place of an author: the key of a group's name and purpose, and of its rooms' names."""

METADATA = sa.MetaData()

# A row for each group that ever had a key: making and destroying keys both lock it, so that neither overtakes the other
KEYED_GROUPS = sa.Table(
    "keyed_groups",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("destroyed", sa.Boolean, nullable=False),
)
CONTENT_KEYS = sa.Table(
    "content_keys",
    METADATA,
    sa.Column("group_id", sa.String(36), primary_key=True),
    sa.Column("author", sa.String(36), primary_key=True),
    sa.Column("key_id", sa.String(36), nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)

_THERE = CONTENT_KEYS.c.key_id != ""
_AT_ONCE = 500


class ContentKeys:
    """Makes, finds and destroys content keys. A key that was given out is never replaced, only destroyed."""

    def __init__(self, vault: Database, master_key: MasterKey, clock: Clock) -> None:
        self._vault = vault
        self._master_key = master_key
        self._clock = clock

    async def check(self) -> None:
        """Tells of a wrong master key at the start, and not to those who read. Raises WrongMasterKey (KEY-01)."""
        async with self._vault.read() as connection:
            self._unwrapped(await connection.execute(sa.select(CONTENT_KEYS).where(_THERE).limit(1)))

    async def find(self, group_id: str, authors: Collection[str]) -> dict[str, DataKey]:
        """The keys of those authors who have one."""
        chosen = sa.select(CONTENT_KEYS).where(
            CONTENT_KEYS.c.group_id == group_id, CONTENT_KEYS.c.author.in_(list(authors)), _THERE
        )
        async with self._vault.read() as connection:
            return self._unwrapped(await connection.execute(chosen)).get(group_id, {})

    async def of_labels(self, group_ids: Collection[str]) -> dict[str, DataKey]:
        """The label keys of many groups; without those whose keys were destroyed."""
        wanted, found = list(group_ids), dict[str, DataKey]()
        async with self._vault.read() as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                chosen = sa.select(CONTENT_KEYS).where(
                    CONTENT_KEYS.c.author == LABEL, CONTENT_KEYS.c.group_id.in_(wanted[start : start + _AT_ONCE])
                )
                keys = self._unwrapped(await connection.execute(chosen))
                found |= {group_id: of_group[LABEL] for group_id, of_group in keys.items()}
        return found

    async def ensure(self, group_id: str, authors: Collection[str]) -> dict[str, DataKey]:
        """The keys of all of them, made and durable where there was none.

        Nothing for a group that was destroyed, nor for authors who were erased.
        """
        found = await self.find(group_id, authors)
        missing = set(authors) - found.keys()
        if not missing:
            return found
        rows = [self._fresh(group_id, author) for author in sorted(missing)]
        async with self._vault.begin() as transaction:
            if await self._locked(transaction, group_id):
                return {}
            await transaction.execute(insert(CONTENT_KEYS).on_conflict_do_nothing(), rows)
        return await self.find(group_id, authors)

    async def held(self, subjects: Collection[str]) -> dict[str, DataKey | None]:
        """The keys as `check_keys` asks for them: None where a group's or an author's were destroyed."""
        authors: defaultdict[str, set[str]] = defaultdict(set)
        for subject in subjects:
            group_id, _, author = subject.partition("/")
            authors[group_id].add(author)
        found: dict[str, DataKey | None] = {}
        for group_id, some in authors.items():
            keys = await self.find(group_id, some)
            if missing := some - keys.keys():
                gone = missing if await self._gone(group_id) else await self._erased(group_id, missing)
                found |= {f"{group_id}/{author}": None for author in gone}
            found |= {f"{group_id}/{author}": key for author, key in keys.items()}
        return found

    async def of_groups(self, group_ids: Collection[str]) -> list[str]:
        """The subjects of all keys that these groups have."""
        return await self._subjects(CONTENT_KEYS.c.group_id, group_ids)

    async def of_authors(self, authors: Collection[str]) -> list[str]:
        """The subjects of all keys that these authors have."""
        return await self._subjects(CONTENT_KEYS.c.author, authors)

    async def destroy(self, group_id: str) -> None:
        """Makes every key of the group disappear for ever; returns once that is durable."""
        async with self._vault.begin() as transaction:
            await self._locked(transaction, group_id)
            destroyed = sa.update(KEYED_GROUPS).where(KEYED_GROUPS.c.group_id == group_id).values(destroyed=True)
            await transaction.execute(destroyed)
            await transaction.execute(sa.delete(CONTENT_KEYS).where(CONTENT_KEYS.c.group_id == group_id))
        await self._vault.forget_deleted()

    async def erase(self, authors: Collection[str]) -> list[tuple[str, str]]:
        """Makes every key of these authors disappear for ever; returns once that is durable.

        Gives all groups that had one, each with the author: also those whose keys disappeared before.
        """
        theirs = CONTENT_KEYS.c.author.in_(list(authors))
        async with self._vault.begin() as transaction:
            await transaction.execute(sa.update(CONTENT_KEYS).where(theirs, _THERE).values(key_id="", wrapped=b""))
            had = await transaction.execute(sa.select(CONTENT_KEYS.c.group_id, CONTENT_KEYS.c.author).where(theirs))
            found = [(group_id, author) for group_id, author in had]
        await self._vault.forget_deleted()
        return found

    async def _subjects(self, column: sa.Column[str], wanted: Collection[str]) -> list[str]:
        """Of the keys with one of these in the column."""
        those, found = list(wanted), list[str]()
        async with self._vault.read() as connection:
            for start in range(0, len(those), _AT_ONCE):
                chosen = sa.select(CONTENT_KEYS.c.group_id, CONTENT_KEYS.c.author).where(
                    column.in_(those[start : start + _AT_ONCE]), _THERE
                )
                found += [f"{group_id}/{author}" for group_id, author in await connection.execute(chosen)]
        return found

    async def _erased(self, group_id: str, authors: Collection[str]) -> set[str]:
        """Those of them who were erased."""
        chosen = sa.select(CONTENT_KEYS.c.author).where(
            CONTENT_KEYS.c.group_id == group_id, CONTENT_KEYS.c.author.in_(list(authors)), ~_THERE
        )
        async with self._vault.read() as connection:
            return set(await connection.scalars(chosen))

    async def _gone(self, group_id: str) -> bool:
        chosen = sa.select(KEYED_GROUPS.c.destroyed).where(KEYED_GROUPS.c.group_id == group_id)
        async with self._vault.read() as connection:
            return bool(await connection.scalar(chosen))

    async def _locked(self, transaction: AsyncConnection, group_id: str) -> bool:
        """Whether the group's keys were destroyed; nobody else changes that until the transaction ends."""
        row = insert(KEYED_GROUPS).values(group_id=group_id, destroyed=False)
        locking = row.on_conflict_do_update(index_elements=["group_id"], set_={"group_id": row.excluded.group_id})
        return bool((await transaction.execute(locking.returning(KEYED_GROUPS.c.destroyed))).scalar_one())

    def _fresh(self, group_id: str, author: str) -> dict[str, object]:
        key = new_data_key(f"{group_id}/{author}", new_id(self._clock))
        wrapped = self._master_key.wrap(key.subject, key.key_id, key.secret)
        return {"group_id": group_id, "author": author, "key_id": key.key_id, "wrapped": wrapped}

    def _unwrapped(self, rows: Iterable[sa.Row[str, str, str, bytes]]) -> dict[str, dict[str, DataKey]]:
        found: defaultdict[str, dict[str, DataKey]] = defaultdict(dict)
        for group_id, author, key_id, wrapped in rows:
            subject = f"{group_id}/{author}"
            found[group_id][author] = DataKey(subject, key_id, self._master_key.unwrap(subject, key_id, wrapped))
        return found
