"""What an authenticator has to sign: good for five minutes, for one purpose and for one answer.

A challenge says itself that it was made here, so that whoever asks for many of them fills no table.
"""

import hashlib
import hmac
import secrets

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.common.clock import Clock
from services.common.database import Database
from services.common.masterkey import MasterKey
from services.identity.keys import kept_secret
from services.identity.vault import ANSWERED_CHALLENGES

LIFE_S = 300
_KEPT_AS = "passkey-challenges"
_RANDOM_BYTES, _TIME_BYTES = 16, 8


class Challenges:
    """Makes challenges and knows them again."""

    def __init__(self, vault: Database, master_key: MasterKey, clock: Clock) -> None:
        self._vault = vault
        self._master_key = master_key
        self._clock = clock
        self._secret: bytes | None = None

    async def new(self, purpose: str) -> bytes:
        """A challenge for a purpose, which is any text."""
        ends_at_s = self._now_s() + LIFE_S
        told = secrets.token_bytes(_RANDOM_BYTES) + ends_at_s.to_bytes(_TIME_BYTES)
        return told + await self._code(purpose, told)

    async def answered(self, purpose: str, challenge: bytes) -> bool:
        """Whether it was made here for this purpose, has not ended, and is answered for the first time."""
        told, code = challenge[: _RANDOM_BYTES + _TIME_BYTES], challenge[_RANDOM_BYTES + _TIME_BYTES :]
        ends_at_s, now_s = int.from_bytes(told[_RANDOM_BYTES:]), self._now_s()
        if not hmac.compare_digest(code, await self._code(purpose, told)) or ends_at_s < now_s:
            return False
        row = {"challenge_hash": hashlib.sha256(challenge).digest(), "ends_at_s": ends_at_s}
        async with self._vault.begin() as transaction:
            await transaction.execute(sa.delete(ANSWERED_CHALLENGES).where(ANSWERED_CHALLENGES.c.ends_at_s < now_s))
            first = await transaction.execute(insert(ANSWERED_CHALLENGES).values(row).on_conflict_do_nothing())
            return first.rowcount == 1

    async def _code(self, purpose: str, told: bytes) -> bytes:
        if self._secret is None:
            self._secret = await kept_secret(self._vault, self._master_key, _KEPT_AS)
        return hmac.digest(self._secret, purpose.encode() + b"\0" + told, "sha256")

    def _now_s(self) -> int:
        return int(self._clock().timestamp())
