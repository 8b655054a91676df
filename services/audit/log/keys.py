"""The log's keys: two that sign its checkpoints, and one that the salts of its chaff are made from."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from regard_client.verify.checkpoint import Checkpoint, open_checkpoint
from regard_client.verify.export import statement
from regard_client.verify.keys import SigningKey, Type, VerifierKey
from regard_client.verify.notes import Note
from services.audit.log import records
from services.audit.log.vault import SECRETS
from services.common.database import Database
from services.common.masterkey import MasterKey

_SUBJECT = "transparency-log"
_NAMES = ("ed25519", "mldsa44", "chaff")
_SECRET_BYTES = 32


@dataclass(frozen=True)
class LogKeys:
    """The keys of the log `origin`, which is also the name of the two that sign."""

    origin: str
    ed25519: SigningKey
    mldsa44: SigningKey
    chaff: bytes

    @cached_property
    def verifiers(self) -> tuple[VerifierKey, VerifierKey]:
        """Their public halves: Ed25519, which every tool reads, then ML-DSA-44."""
        return self.ed25519.verifier, self.mldsa44.verifier

    def sign(self, checkpoint: Checkpoint, at_s: int) -> bytes:
        """The checkpoint as it is published, with a signature of each key."""
        text = str(checkpoint)
        return bytes(Note(text, (self.ed25519.sign(text), self.mldsa44.sign(text, at_s))))

    def sign_export(self, manifest: bytes) -> bytes:
        """A signed note about an export, by the key that every tool reads: `regard_client.verify.export`."""
        text = statement(self.origin, manifest)
        return bytes(Note(text, (self.ed25519.sign(text),)))

    def opened(self, published: bytes) -> Checkpoint:
        """A checkpoint that this log signed with both keys. Raises Unverified for anything else."""
        for key in self.verifiers:
            checkpoint, _ = open_checkpoint(published, self.origin, (key,))
        return checkpoint

    def chaff_commitment(self, index: int) -> records.Commitment:
        """What leaf `index` is committed to by if it stands for nothing."""
        return records.committed(self.chaff_salt(index), records.chaff(index))

    def chaff_salt(self, index: int) -> bytes:
        """What opens that leaf, and no other."""
        return hmac.digest(self.chaff, index.to_bytes(8, "big"), "sha256")


async def log_keys(database: Database, master_key: MasterKey, origin: str) -> LogKeys:
    """The keys in the vault, made and durable if there are none. Raises WrongMasterKey."""
    fresh = {name: secrets.token_bytes(_SECRET_BYTES) for name in _NAMES}
    rows = [{"name": name, "wrapped": master_key.wrap(_SUBJECT, name, fresh[name])} for name in _NAMES]
    async with database.begin() as transaction:
        await transaction.execute(insert(SECRETS).on_conflict_do_nothing(), rows)
        kept = (await transaction.execute(sa.select(SECRETS.c.name, SECRETS.c.wrapped))).all()
    seeds = {row.name: master_key.unwrap(_SUBJECT, row.name, row.wrapped) for row in kept}
    return LogKeys(
        origin,
        SigningKey(origin, Type.ED25519, seeds["ed25519"]),
        SigningKey(origin, Type.COSIGNATURE_MLDSA44, seeds["mldsa44"]),
        seeds["chaff"],
    )
