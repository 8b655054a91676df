"""What opens the entries of the log, for whoever may say of each what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.audit.log import records
from services.audit.log.keys import LogKeys
from services.audit.log.seals import Seals
from services.audit.log.vault import Row, Vault
from services.audit.refusals import ERASED_MEANWHILE


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens entry `index`; `group_id` is empty for what is about no group: chaff, tombstones and seals."""

    index: int
    group_id: str
    salt: bytes
    record: bytes


class Openings:
    """Finds them in the vault; chaff opens with the log's keys."""

    def __init__(self, vault: Vault, keys: LogKeys, seals: Seals) -> None:
        self._vault = vault
        self._keys = keys
        self._seals = seals

    async def of(self, first: int, end: int, size: int) -> Sequence[Opening]:
        """Those of the entries from `first` to before `end`, in order, without what was erased.

        Raises Refused: AUD-52 for what was erased with a tombstone that is not among the first `size` entries.
        """
        rows = await self._vault.rows_at(first, end)
        await self._require_tombstones(rows.values(), size)
        return [found for index in range(first, end) if (found := self._opening(index, rows.get(index)))]

    async def sealed(self, size: int) -> Mapping[str, int]:
        """By break-glass of which members are told later: up to which entry seals name its own; -1 for none.

        Seals among the first `size` entries.
        """
        found: dict[str, int] = {}
        for break_glass_id, (up_to_leaf, row) in (await self._seals.covered()).items():
            leaf = await self._vault.leaf_of(row)
            found[break_glass_id] = up_to_leaf if leaf is not None and leaf < size else -1
        return found

    def _opening(self, index: int, row: Row | None) -> Opening | None:
        if row is None:
            return Opening(index, "", self._keys.chaff_salt(index), records.chaff(index))
        if row.salt is None or row.record is None:
            return None
        return Opening(index, row.group_id, row.salt, row.record)

    async def _require_tombstones(self, rows: Iterable[Row], size: int) -> None:
        for number in {row.tombstone for row in rows if row.tombstone is not None}:
            leaf = await self._vault.leaf_of(number)
            if leaf is None or leaf >= size:
                raise ERASED_MEANWHILE(size=str(size))
