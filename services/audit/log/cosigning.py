"""Having the published checkpoint cosigned, and which one is shown: the cosigned one, as long as it is young.

Specification: https://c2sp.org/tlog-witness@v1.0.0. Witnesses that are away do not stop the log: after a minute the
newest checkpoint is shown without them, and whoever requires them sees that they are missing.
"""

from __future__ import annotations

import asyncio

import prometheus_client

from regard_client.verify import Unverified
from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.notes import Note, parse_note
from regard_client.verify.policy import Policy, Vouched
from regard_client.verify.reasons import WITNESS_AHEAD
from regard_client.verify.tiles import CHECKPOINT_PATH, Tile, TileNodes
from regard_client.verify.tree import Proof, consistency_proof
from regard_client.witness.client import Witnesses
from services.audit.log.storage import Conflict, Storage
from services.audit.log.vault import Vault
from services.audit.refusals import LOG_AHEAD
from services.common.clock import Clock
from services.common.errors import Kind, Refused
from services.common.telemetry import logger

COSIGNED_PATH = "cosigned"
EVERY_S = 0.5
YOUNG_S = 60
"""How long a cosigned checkpoint is shown in place of newer ones that nobody cosigned."""

_LIMIT_S = 2.0

_log = logger(__name__)
_SIZE = prometheus_client.Gauge("regard_log_cosigned_size", "Leaves that enough witnesses have cosigned.")


class Shown:
    """Which checkpoint the world is shown. Without witnesses in the policy, the newest."""

    def __init__(self, storage: Storage, policy: Policy, clock: Clock) -> None:
        self._storage = storage
        self._policy = policy
        self._clock = clock
        self._vouched: tuple[bytes, Vouched | None] = (b"", None)

    async def now(self) -> bytes | None:
        """The checkpoint with its signatures; None before there is one."""
        if self._policy.witnesses:
            cosigned = await asyncio.to_thread(self._storage.get, COSIGNED_PATH)
            if cosigned is not None and self._is_young(cosigned):
                return cosigned
        return await asyncio.to_thread(self._storage.get, CHECKPOINT_PATH)

    def _is_young(self, cosigned: bytes) -> bool:
        if self._vouched[0] != cosigned:
            try:
                self._vouched = cosigned, self._policy.open(cosigned)
            except Unverified:  # by witnesses of another policy
                self._vouched = cosigned, None
        vouched = self._vouched[1]
        return vouched is not None and max(vouched.witnesses.values()) > self._clock().timestamp() - YOUNG_S


class Cosigning:
    """Asks the witnesses twice a second. Several processes may: witnesses cosign what only grows, whoever asks."""

    def __init__(self, storage: Storage, vault: Vault, policy: Policy) -> None:
        self._storage = storage
        self._vault = vault
        self._policy = policy
        self._witnesses = Witnesses(policy, _LIMIT_S)
        self._missing: frozenset[str] = frozenset()

    async def run(self) -> None:
        """For ever. Raises Refused: AUD-11 if a witness has seen more than there is."""
        while self._policy.witnesses:
            try:
                await self.once()
            except Refused as refused:
                if refused.refusal.kind is not Kind.UNAVAILABLE:
                    raise
                _log.warning("the log waits to be cosigned", exc_info=refused)
            await asyncio.sleep(EVERY_S)

    async def once(self) -> int:
        """Has the newest checkpoint cosigned, and keeps it if enough have done so; the size of what is kept."""
        kept = await asyncio.to_thread(self._storage.get, COSIGNED_PATH)
        signed = await asyncio.to_thread(self._storage.get, CHECKPOINT_PATH)
        if signed is None:
            return 0
        note = parse_note(signed)
        size, before = parse_checkpoint(note.text).size, _size_of(kept)
        if size == 0:  # an empty log is nothing to witness
            return 0
        try:
            answer = await self._witnesses.cosign(note, lambda old, new: asyncio.to_thread(self._proof, old, new))
        except Unverified as refused:
            await self._ahead(refused)
            return before
        self._tell(frozenset(answer.missing))
        if size < before or not self._policy.is_quorum(answer.names):
            return before
        try:
            cosigned = bytes(Note(note.text, (*note.signatures, *answer.signatures)))
            await asyncio.to_thread(self._storage.replace, COSIGNED_PATH, kept, cosigned)
        except Conflict:  # another process was quicker
            return before
        _SIZE.set(size)
        return size

    async def _ahead(self, refused: Unverified) -> None:
        """A witness has seen more than what was just published: by another process, or before a restore."""
        lock, seen = await self._vault.lock(), refused.params.get("seen", 0)
        if refused.reason is not WITNESS_AHEAD or not isinstance(seen, int) or lock is None:
            raise refused
        size = parse_checkpoint(parse_note(lock.checkpoint).text).size
        if seen > size:
            raise LOG_AHEAD(seen=str(seen), witness=str(refused.params.get("name")), size=str(size)) from refused

    def _proof(self, old: int, new: int) -> Proof:
        return consistency_proof(old, new, TileNodes(new, lambda tile: read_tile(self._storage, tile)))

    def _tell(self, missing: frozenset[str]) -> None:
        if missing != self._missing:
            self._missing = missing
            _log.warning("witnesses that do not cosign", count=len(missing))


def read_tile(storage: Storage, tile: Tile) -> bytes:
    """A tile's bytes. The full one may have taken the place of a partial one, and begins with it.

    tlog-tiles, section "Partial Tiles". Empty if neither is there: what is made from it then proves nothing.
    """
    data = storage.get(tile.path)
    return data if data is not None else (storage.get(tile.full.path) or b"")[: tile.width * 32]


def _size_of(signed: bytes | None) -> int:
    return parse_checkpoint(parse_note(signed).text).size if signed else 0
