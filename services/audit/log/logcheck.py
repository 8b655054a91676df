"""Whether the whole published log is what was signed, and every leaf of it is explained: for `regard check`.

A leaf is explained if it opens to its record, if its record was erased and a tombstone's row says so, or if it opens as
chaff. Read from the storage alone, by the verifier's code, with no part of what writes the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from regard_client.verify import Unverified
from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import Hash, leaf_hash
from regard_client.verify.record import entry
from regard_client.verify.tiles import CHECKPOINT_PATH, Bundle, Tile, bundles, format_tile, parse_bundle, tiles
from regard_client.verify.tree import Frontier, root_of
from services.audit.log.cosigning import read_tile
from services.audit.log.keys import LogKeys
from services.audit.log.storage import Storage
from services.audit.log.vault import Row, Vault
from services.common.check import Checked, Difference, Kind
from services.common.errors import Language

NAME = "log"
COMPARED: Mapping[Language, str] = {"en": "entries, each explained", "fr": "entrées, chacune expliquée"}


class LogCheck:
    """One reading of the whole log; it may grow meanwhile."""

    def __init__(self, storage: Storage, vault: Vault, keys: LogKeys) -> None:
        self._storage = storage
        self._vault = vault
        self._keys = keys
        self._differences: list[Difference] = []
        self._levels: list[list[Hash]] = []
        self._tree = Frontier()

    async def run(self) -> Checked:
        """What was found; `behind`: rows wait to become leaves."""
        signed = await asyncio.to_thread(self._storage.get, CHECKPOINT_PATH)
        try:
            tree = self._keys.opened(signed or b"")
        except Unverified:
            self._differ(CHECKPOINT_PATH, "different" if signed else "missing")
            return Checked(0, tuple(self._differences), 0, behind=False)
        for bundle in bundles(tree.size):
            entries = await asyncio.to_thread(self._entries, bundle)
            await self._explain(bundle, entries)
            await asyncio.to_thread(self._grow, tree, bundle, entries)
        if self._tree.root() != tree.root:
            self._differ(CHECKPOINT_PATH, "different")
        lock = await self._vault.lock()
        waiting = await self._vault.waiting(lock.rows if lock else 0, 1)
        return Checked(tree.size, tuple(self._differences), 0, behind=bool(waiting))

    def _entries(self, bundle: Bundle) -> tuple[bytes, ...]:
        """The bundle's entries; empty ones where they cannot be had."""
        for place in (bundle, bundle.full):  # the full one may have taken its place
            if (data := self._storage.get(place.path)) is not None:
                try:
                    return parse_bundle(data, place.width)[: bundle.width]
                except Unverified:
                    self._differ(place.path, "different")
                    return (b"",) * bundle.width
        self._differ(bundle.path, "missing")
        return (b"",) * bundle.width

    async def _explain(self, bundle: Bundle, entries: tuple[bytes, ...]) -> None:
        first = bundle.index * 256
        rows = await self._vault.rows_at(first, first + bundle.width)
        for index, found in enumerate(entries, start=first):
            if found and not self._is_explained(index, found, rows.get(index)):
                self._differ(str(index), "unexpected")

    def _is_explained(self, index: int, found: bytes, row: Row | None) -> bool:
        if row is None:
            return found == b"\x01" + self._keys.chaff_commitment(index)
        if row.salt is None or row.record is None:
            return row.tombstone is not None and found == b"\x01" + row.commitment
        return found == entry(row.salt, row.record)

    def _grow(self, tree: Checkpoint, bundle: Bundle, entries: tuple[bytes, ...]) -> None:
        """Adds the leaves, and compares every tile that they complete."""
        new = [leaf_hash(one) for one in entries]
        for one in new:
            self._tree.add(one)
        is_last = self._tree.size == tree.size
        for level in range(64):
            if len(self._levels) == level:
                self._levels.append([])
            self._levels[level] += new
            hashes, new = self._levels[level], []
            if len(hashes) == 256:
                self._compare(Tile(level, (self._tree.size >> 8 * (level + 1)) - 1), hashes)
                new, self._levels[level] = [root_of(hashes)], []
            if not new:
                break
        if is_last:
            for tile in tiles(tree.size):
                if tile.width < 256:
                    self._compare(tile, self._levels[tile.level])

    def _compare(self, tile: Tile, hashes: list[Hash]) -> None:
        found = read_tile(self._storage, tile)
        if found != format_tile(hashes):
            self._differ(tile.path, "different" if found else "missing")

    def _differ(self, what: str, kind: Kind) -> None:
        self._differences.append(Difference(NAME, (what,), kind))
