"""Content keys, as the groups service gives them to guards. Nothing outside services/access may import this module.

A key is kept five minutes at most and dropped as soon as its destruction is known. Groups destroys keys before it
says so; a key that was on its way here while that was said is therefore asked for again.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from regard.groups.v1.groups_pb2 import GetContentKeysRequest, GetContentKeysResponse
from regard.groups.v1.groups_pb2_grpc import GroupInternalServiceStub

from services.common.rpc import Peers
from services.common.sealing import DataKey

LABEL = "label"
"""In place of an author: the key of a group's names."""

CACHE_S = 300.0
_REMEMBERED = 50_000
_MOST_AUTHORS = 500

ContentKey = GetContentKeysResponse.ContentKey
FetchKeys = Callable[[str, Sequence[str], bool], Awaitable[Sequence[ContentKey]]]
"""Given a group, authors, and whether to make what is missing: the keys that there are."""


def keys_of(peers: Peers) -> FetchKeys:
    """Asks the groups service."""

    async def fetch(group_id: str, authors: Sequence[str], create: bool) -> Sequence[ContentKey]:
        stub = peers.stub(GroupInternalServiceStub)
        response = await stub.GetContentKeys(GetContentKeysRequest(group_id=group_id, authors=authors, create=create))
        return response.keys

    return fetch


@dataclass(frozen=True, slots=True)
class _Ring:
    keys: Mapping[str, DataKey]
    current: str
    until_s: float


class Keyring:
    """The content keys at hand, by group and author."""

    def __init__(self, fetch: FetchKeys, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._rings: OrderedDict[tuple[str, str], _Ring] = OrderedDict()
        self._drops = 0

    async def prepare(self, group_id: str, authors: Collection[str]) -> None:
        """Brings what is missing of these authors' keys, in one call."""
        missing = sorted(author for author in authors if self._ring(group_id, author) is None)
        for start in range(0, len(missing), _MOST_AUTHORS):
            await self._bring(group_id, missing[start : start + _MOST_AUTHORS], create=False)

    async def key(self, group_id: str, author: str, key_id: str) -> DataKey | None:
        """The key that something was sealed with; None once it is destroyed."""
        ring = self._ring(group_id, author)
        if ring is None or key_id not in ring.keys:
            ring = (await self._bring(group_id, [author], create=False)).get(author)
        return ring.keys.get(key_id) if ring else None

    async def current(self, group_id: str, author: str) -> DataKey | None:
        """The key to seal with now, made if there is none; None if the author's, or the group's, were destroyed."""
        ring = self._ring(group_id, author)
        if ring is None or not ring.current:
            ring = (await self._bring(group_id, [author], create=True)).get(author)
        return ring.keys.get(ring.current) if ring else None

    def drop(self, group_id: str, author: str = "") -> None:
        """Forgets the author's keys in the group, or everyone's."""
        self._drops += 1
        gone = [key for key in self._rings if key[0] == group_id and author in ("", key[1])]
        for key in gone:
            del self._rings[key]

    def _ring(self, group_id: str, author: str) -> _Ring | None:
        ring = self._rings.get((group_id, author))
        return ring if ring and ring.until_s > self._monotonic() else None

    async def _bring(self, group_id: str, authors: Sequence[str], *, create: bool) -> Mapping[str, _Ring]:
        while True:
            drops, until_s = self._drops, self._monotonic() + CACHE_S
            found = await self._fetch(group_id, authors, create)
            if drops == self._drops:
                break
        rings = {}
        for author in authors:
            if keys := [key for key in found if key.author == author]:
                rings[author] = _ring(group_id, keys, until_s)
                self._rings[group_id, author] = rings[author]
                self._rings.move_to_end((group_id, author))
        self._forget()
        return rings

    def _forget(self) -> None:
        """Lets go of what is too old, and of the oldest where there is too much."""
        now_s = self._monotonic()
        while self._rings and (len(self._rings) > _REMEMBERED or next(iter(self._rings.values())).until_s <= now_s):
            self._rings.popitem(last=False)


def _ring(group_id: str, keys: Sequence[ContentKey], until_s: float) -> _Ring:
    return _Ring(
        {key.key_id: DataKey(f"{group_id}/{key.author}", key.key_id, key.key) for key in keys},
        next((key.key_id for key in keys if key.current), ""),
        until_s,
    )
