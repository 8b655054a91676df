"""Receipts: what proves that an access is in the log, to be checked without us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from regard.audit.v1.events_pb2 import ReaderKind

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import leaf_hash
from regard_client.verify.notes import parse_note
from regard_client.verify.receipt import Receipt
from regard_client.verify.tiles import TileNodes
from regard_client.verify.tree import inclusion_proof, verify_inclusion
from services.audit.log.cosigning import Shown, read_tile
from services.audit.log.keys import LogKeys
from services.audit.log.records import leaf
from services.audit.log.storage import Storage
from services.audit.log.vault import Row, Vault
from services.audit.refusals import NOT_YET_PROVABLE, RECORD_ERASED
from services.common.errors import Refusal


@dataclass(frozen=True, slots=True)
class Published:
    """A published tree with the note that it was read from."""

    checkpoint: Checkpoint
    signed: bytes


class Receipts:
    """Makes receipts out of the vault and what is published. What comes from the storage is verified first."""

    def __init__(self, storage: Storage, shown: Shown, vault: Vault, keys: LogKeys) -> None:
        self._storage = storage
        self._shown = shown
        self._vault = vault
        self._keys = keys
        self._published: Published | None = None

    async def find(self, group_id: str, access_id: str) -> Row | None:
        """What was written down of an access; None if there is none in that group, or not yet."""
        return await self._vault.find(group_id, access_id)

    async def of(self, row: Row) -> bytes:
        """The receipt for a row, as a file. Raises Refused: AUD-05 while it is not published, AUD-06 when erased."""
        if row.salt is None or row.record is None:
            raise await self._erased(row)
        index = await self._vault.leaf_of(row.number)
        published = await self.published()
        if index is None or published is None or index >= published.checkpoint.size:
            raise NOT_YET_PROVABLE()
        return await asyncio.to_thread(_proven, row, index, published, self.nodes(published))

    async def several(
        self, published: Published, nodes: TileNodes, accesses: Iterable[tuple[str, str]]
    ) -> Mapping[str, bytes | Refusal]:
        """Receipts for the published tree by access, or why there is none: AUD-05, AUD-06.

        `accesses`: the group and the access of each.
        """
        wanted = list(accesses)
        found = await self._vault.find_all([access_id for _, access_id in wanted])
        return await asyncio.to_thread(
            lambda: {one[1]: self._receipt(published, nodes, *found.get(one, (None, None))) for one in wanted}
        )

    def nodes(self, published: Published) -> TileNodes:
        """What proofs for the published tree are made from; keeps what it has read."""
        return TileNodes(published.checkpoint.size, lambda tile: read_tile(self._storage, tile))

    def _receipt(self, published: Published, nodes: TileNodes, row: Row | None, index: int | None) -> bytes | Refusal:
        tree = published.checkpoint
        if row is None or index is None or index >= tree.size:
            return NOT_YET_PROVABLE
        if row.salt is None or row.record is None:
            return RECORD_ERASED
        return _proven(row, index, published, nodes)

    async def published(self) -> Published | None:
        """The tree that is shown; None before there is one. Raises Unverified for one that is not ours."""
        signed = await self._shown.now()
        if signed is None:
            return None
        if self._published is None or self._published.signed != signed:
            self._published = Published(self._keys.opened(signed), signed)
        return self._published

    async def _erased(self, row: Row) -> Exception:
        stone = await self._vault.row(row.tombstone) if row.tombstone is not None else None
        said = json.loads(stone.record) if stone and stone.record else {}
        index = await self._vault.leaf_of(row.tombstone) if row.tombstone is not None else None
        return RECORD_ERASED(reason=str(said.get("reason", "?")), index="?" if index is None else str(index))


def _proven(row: Row, index: int, published: Published, nodes: TileNodes) -> bytes:
    """The receipt of a row that is in the tree and not erased; what comes from the storage is verified first."""
    tree = published.checkpoint
    if row.salt is None or row.record is None:
        raise ValueError("what was erased has no receipt")
    hashes = inclusion_proof(index, tree.size, nodes)
    verify_inclusion(leaf_hash(leaf(row.commitment)), index, tree.size, hashes, tree.root)
    return bytes(Receipt(row.salt, row.record, index, hashes, parse_note(published.signed)))


def reader_of(row: Row) -> tuple[str, int]:
    """Who looked, and in which capacity (a ReaderKind), as the record of an access says; nobody if that is erased."""
    said = json.loads(row.record or b"{}").get("access", {})
    kind = ReaderKind.Value(said.get("reader_kind", "READER_KIND_UNSPECIFIED"))
    return str(said.get("reader_id", "")), kind
