"""Taking accesses out of the ledger, whole, with what proves each, signed: docs/decisions/0011."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass

from regard.audit.v1.audit_pb2 import ExportAccessesResponse, LedgerEntry

from regard_client.verify.export import (
    ACCESSES,
    EVENTS,
    MANIFEST,
    NOTE,
    TABLE,
    Manifest,
    format_manifest,
    receipt_name,
)
from regard_client.verify.tiles import TileNodes
from services.access import Action, Guard, Sight
from services.audit import exported, queries
from services.audit.auditors import Asked, Auditors, wanted
from services.audit.log.receipts import Published, Receipts
from services.audit.log.transparency import TransparencyLog
from services.audit.queries import Key, Page
from services.audit.refusals import EXPORT_TOO_LARGE, NOT_YET_PROVABLE
from services.audit.shown import entry
from services.common.clock import Clock
from services.common.database import Database
from services.common.errors import Refusal
from services.common.rpc import Caller

MOST_ACCESSES = 50_000
"""Of one export: some 400 MB, nearly all of it receipts."""
ACCESSES_PER_FRAME = 50

_PROVABLE_WITHIN_S = 5.0
_LOOK_S = 0.2

Frame = ExportAccessesResponse


class Export:
    """What a search finds, as files."""

    def __init__(
        self, guard: Guard, database: Database, auditors: Auditors, log: TransparencyLog, clock: Clock
    ) -> None:
        self._guard = guard
        self._database = database
        self._auditors = auditors
        self._log = log
        self._clock = clock

    async def frames(self, caller: Caller, asked: Asked, query: Mapping[str, object]) -> AsyncGenerator[Frame, None]:
        """How many accesses there are, then the files, then the manifest. `query`: how it tells what was asked.

        Raises Refused: like a search, AUD-60, and as soon as the caller may no longer search one of the groups.
        """
        sights = await self._auditors.entered(caller, asked, Action.EXPORT_LEDGER)
        count = await self._count(asked, sights)
        yield Frame(accesses=count)
        page = await self._page(asked, sights, None)
        proofs = await self._proofs(page)
        files = _Files()
        yield files.begun()
        while page.lines:
            entries = [entry(line) for line in page.lines]
            yield files.told(entries, await proofs.of(entries))
            sights = await asyncio.gather(*(self._guard.fresh(sight) for sight in sights))
            page = await self._page(asked, sights, page.next) if page.next else Page((), None)
        yield await self._signed(files, caller, query, proofs)

    async def _count(self, asked: Asked, sights: Collection[Sight]) -> int:
        async with self._database.read() as connection:
            count = await queries.count(connection, wanted(asked, sights), MOST_ACCESSES + 1)
        if count > MOST_ACCESSES:
            raise EXPORT_TOO_LARGE(most=str(MOST_ACCESSES))
        return count

    async def _page(self, asked: Asked, sights: Collection[Sight], after: Key | None) -> Page:
        async with self._database.read() as connection:
            return await queries.lines(connection, wanted(asked, sights), after, ACCESSES_PER_FRAME)

    async def _proofs(self, newest: Page) -> _Proofs:
        """What proves accesses, by one published tree: as soon as it has the newest, or after a while as it is."""
        receipts, entries = await self._log.receipts(), [entry(line) for line in newest.lines]
        loop = asyncio.get_running_loop()
        until = loop.time() + _PROVABLE_WITHIN_S
        while True:
            published = await receipts.published()
            proofs = _Proofs(receipts, published, receipts.nodes(published) if published else None)
            if loop.time() > until or NOT_YET_PROVABLE not in (await proofs.of(entries)).values():
                return proofs
            await asyncio.sleep(_LOOK_S)

    async def _signed(self, files: _Files, caller: Caller, query: Mapping[str, object], proofs: _Proofs) -> Frame:
        keys = await self._log.keys()
        said = {
            "kind": "export",
            "log": keys.origin,
            "size": proofs.published.checkpoint.size if proofs.published else 0,
            "at": self._clock().isoformat(),
            "by": caller.person_id,
            "query": query,
        }
        manifest = format_manifest(files.manifest(said))
        return _frame({MANIFEST: manifest, NOTE: keys.sign_export(manifest)})


@dataclass(frozen=True, slots=True)
class _Proofs:
    """Receipts of one published tree."""

    receipts: Receipts
    published: Published | None
    nodes: TileNodes | None

    async def of(self, entries: Sequence[LedgerEntry]) -> Mapping[str, bytes | Refusal]:
        """The receipt of each, or why there is none."""
        if self.published is None or self.nodes is None:
            return {one.access_id: NOT_YET_PROVABLE for one in entries}
        # What members were told of later stands on the stream of its break-glass.
        ledgers = [one.break_glass_id if one.HasField("disclosed_at") else one.group_id for one in entries]
        accesses = [(ledger, one.access_id) for ledger, one in zip(ledgers, entries, strict=True)]
        return await self.receipts.several(self.published, self.nodes, accesses)


class _Files:
    """What was given of the files so far."""

    def __init__(self) -> None:
        self._accesses = 0
        self._unproven: dict[str, str] = {}
        self._sizes = defaultdict[str, int](int)
        self._hashes: defaultdict[str, hashlib._Hash] = defaultdict(hashlib.sha256)

    def begun(self) -> Frame:
        """The beginning of each file that there is in any case."""
        return self._given({ACCESSES: b"", TABLE: exported.header(), EVENTS: b""})

    def told(self, entries: Sequence[LedgerEntry], receipts: Mapping[str, bytes | Refusal]) -> Frame:
        """The accesses in each form, and their receipts."""
        self._accesses += len(entries)
        pieces = {
            ACCESSES: b"".join(map(exported.plain, entries)),
            TABLE: b"".join(map(exported.row, entries)),
            EVENTS: b"".join(map(exported.event, entries)),
        }
        for access_id, receipt in receipts.items():
            if isinstance(receipt, bytes):
                pieces[receipt_name(access_id)] = receipt
            else:
                self._unproven[access_id] = receipt.id
        return self._given(pieces)

    def manifest(self, said: Mapping[str, object]) -> Manifest:
        """All that was given, with what is said of it."""
        files = {name: (size, self._hashes[name].hexdigest()) for name, size in self._sizes.items()}
        return Manifest(said, self._accesses, files, self._unproven)

    def _given(self, pieces: Mapping[str, bytes]) -> Frame:
        for name, data in pieces.items():
            self._sizes[name] += len(data)
            self._hashes[name].update(data)
        return _frame(pieces)


def _frame(pieces: Mapping[str, bytes]) -> Frame:
    return Frame(pieces=[Frame.Piece(name=name, data=data) for name, data in pieces.items()])
