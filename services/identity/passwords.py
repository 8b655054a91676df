"""Passwords: argon2id (RFC 9106), computed on threads of their own, so that the event loop never waits for one."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from services.identity.refusals import PASSWORD_TOO_SHORT

MIN_CHARACTERS = 12
_THREADS = 2


class Passwords:
    """Hashes and verifies; at most as many at once as it has threads, the others queue."""

    def __init__(self) -> None:
        # Of the equally strong settings of the OWASP Password Storage Cheat Sheet, the one with 19 MiB: more memory
        # costs more time than it takes from an attacker, where each hash has to be given its pages first.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="argon2")

    async def hash(self, password: str) -> str:
        """The encoded hash, with its salt and parameters. Raises Refused (IDN-09)."""
        check_length(password)
        text = unicodedata.normalize("NFC", password)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, text)

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the hash is the password's; without a hash, False after the same work."""
        text = unicodedata.normalize("NFC", password)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, encoded, text)

    def _verify(self, encoded: str | None, text: str) -> bool:
        if encoded is None:
            self._hasher.hash(text)
            return False
        try:
            return self._hasher.verify(encoded, text)
        except (VerificationError, InvalidHashError):
            return False


def check_length(password: str) -> None:
    """Raises Refused (IDN-09) for a password that is too short."""
    if len(unicodedata.normalize("NFC", password)) < MIN_CHARACTERS:
        raise PASSWORD_TOO_SHORT(minimum=str(MIN_CHARACTERS))
