"""The directory: opened profiles in memory, so that a search by words needs no readable name on any disk.

It is brought up to date from the view before it answers, so it shows all that the view shows.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from regard.identity.v1.events_pb2 import DirectoryRecordKept
from regard.identity.v1.identity_pb2 import Person

from services.common import paging
from services.common.database import Database
from services.identity.keys import PersonKeys
from services.identity.profiles import open_profile, open_record
from services.identity.queries import PersonRow, changed_people
from services.identity.words import PrefixIndex, folded, words

_CHUNK = 200
"""People opened before other calls have their turn."""

ByName = tuple[str, str]
"""Folded name and id: the order of the directory."""


@dataclass(frozen=True, slots=True)
class Known:
    """A person, what the company's directory says of them, and the version of both."""

    person: Person
    record: DirectoryRecordKept.Record | None
    version: int


@dataclass(frozen=True, slots=True)
class _Entry:
    known: Known
    by_name: ByName
    words: frozenset[str]

    @property
    def person(self) -> Person:
        return self.known.person

    @property
    def is_listed(self) -> bool:
        return self.person.active and self.person.HasField("profile")

    def matches(self, wanted: frozenset[str]) -> bool:
        """Whether each of the words begins one of the person's."""
        return all(any(word.startswith(prefix) for word in self.words) for prefix in wanted)

    def word_pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset((word, self.person.id) for word in self.words)


class Directory:
    """Everyone with an account. What it gives is shared: not to be changed."""

    def __init__(self, database: Database, keys: PersonKeys) -> None:
        self._database = database
        self._keys = keys
        self._entries: dict[str, _Entry] = {}
        self._by_name: list[ByName] = []
        self._index = PrefixIndex()
        self._seen: dict[int, int] = {}
        self._turn = asyncio.Lock()

    async def get(self, person_ids: Iterable[str]) -> list[Person]:
        """Those of them that are known, in the order asked for."""
        await self._refresh()
        return [self._entries[id].person for id in person_ids if id in self._entries]

    async def everyone(self) -> list[Known]:
        """Everyone with an account, by id, also those who have left."""
        await self._refresh()
        return [self._entries[id].known for id in sorted(self._entries)]

    async def known(self, person_id: str) -> Known | None:
        """One of them."""
        await self._refresh()
        entry = self._entries.get(person_id)
        return entry.known if entry else None

    async def search(self, query: str, after: str, size: int) -> Sequence[Person]:
        """Active people, by name, after the person `after`, of whom each word of the query begins some word.

        Raises Refused (RPC-20) if there is nobody like `after`, which is empty for the first page.
        """
        await self._refresh()
        if after and after not in self._entries:
            raise paging.MALFORMED_TOKEN()
        last = self._entries[after].by_name if after else ("", "")
        if query.strip():
            names = sorted(name for name in self._matching(words(query)) if name > last)[:size]
        else:
            start = bisect_right(self._by_name, last)
            names = self._by_name[start : start + size]
        return [self._entries[id].person for _, id in names]

    async def former(self, query: str, after: str, size: int) -> Sequence[Person]:
        """The same of people whose access has ended, and who were not erased."""
        await self._refresh()
        if after and after not in self._entries:
            raise paging.MALFORMED_TOKEN()
        last, wanted = self._entries[after].by_name if after else ("", ""), words(query)
        gone = (one for one in self._entries.values() if one.person.HasField("profile") and not one.person.active)
        found = sorted(one.by_name for one in gone if one.by_name > last and one.matches(wanted))
        return [self._entries[id].person for _, id in found[:size]]

    def _matching(self, wanted: frozenset[str]) -> Iterable[ByName]:
        for id in set(self._index.starting(max(wanted, key=len))) if wanted else ():
            entry = self._entries[id]
            if entry.matches(wanted):
                yield entry.by_name

    async def _refresh(self) -> None:
        async with self._turn:
            rows = await self._changed()
            if not rows:
                return
            while rows:
                await self._take(rows)
                rows = await self._changed() if len(rows) == _CHUNK else []
            self._by_name.sort()
            self._index.sort()

    async def _changed(self) -> list[PersonRow]:
        async with self._database.read() as connection:
            return await changed_people(connection, self._seen, _CHUNK)

    async def _take(self, rows: Sequence[PersonRow]) -> None:
        keys = await self._keys.find([row.person_id for row in rows])
        fresh: dict[str, _Entry] = {}
        for row in rows:
            key = keys.get(row.person_id)
            profile = open_profile(key, row.profile)
            person = Person(id=row.person_id, profile=profile, active=row.active, roles=row.roles)
            record = open_record(key, row.record) if row.record else None
            fresh[row.person_id] = _entry(Known(person, record, row.version))
        for row in rows:
            self._seen[row.partition] = max(row.position, self._seen.get(row.partition, 0))
        self._replace(list(fresh.values()))

    def _replace(self, fresh: Sequence[_Entry]) -> None:
        stale = [self._entries[entry.person.id] for entry in fresh if entry.person.id in self._entries]
        self._index.remove(frozenset().union(*(entry.word_pairs() for entry in stale)))
        gone = {entry.by_name for entry in stale}
        self._by_name = [name for name in self._by_name if name not in gone] if gone else self._by_name
        self._entries.update((entry.person.id, entry) for entry in fresh)
        listed = [entry for entry in fresh if entry.is_listed]
        self._index.add(pair for entry in listed for pair in entry.word_pairs())
        self._by_name.extend(entry.by_name for entry in listed)


def _entry(known: Known) -> _Entry:
    person, profile = known.person, known.person.profile
    searched = words(f"{profile.name} {profile.function} {profile.site}")
    return _Entry(known, (folded(profile.name), person.id), searched)
