"""Texts to ciphertexts and back, with the keys at hand. For the guard's own modules: no check is made here."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from regard.common.v1.common_pb2 import Sealed

from services.access import refusals
from services.access.content import Erased
from services.access.keys import LABEL, Keyring
from services.common.sealing import Place, open_sealed, seal


class Texts:
    """Seals and opens with a keyring that it shares with nobody."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def prepare(self, group_id: str, authors: Collection[str]) -> None:
        """Brings the keys of a group's authors in one call, so that opening needs no other."""
        await self._keyring.prepare(group_id, authors)

    async def open(self, sealed: Sealed, place: Place) -> str | Erased:
        """The text, or that it is erased. Raises NotSealedHere if the ciphertext belongs elsewhere."""
        found = await self.open_bytes(sealed, place)
        return found.decode() if isinstance(found, bytes) else found

    async def open_bytes(self, sealed: Sealed, place: Place) -> bytes | Erased:
        """The same for what is no text."""
        group_id, author = split(sealed)
        key = await self._keyring.key(group_id, author, sealed.key_id)
        return open_sealed(key, sealed, place) if key else Erased()

    async def seal(self, group_id: str, author: str, text: str | bytes, place: Place) -> Sealed:
        """The ciphertext with the author's present key. Raises Refused (ACC-12) if there may be none any more."""
        key = await self._keyring.current(group_id, author)
        if key is None:
            raise refusals.AUTHOR_ERASED()
        return seal(key, text.encode() if isinstance(text, str) else text, place)

    async def open_labels(self, labels: Sequence[tuple[Sealed, Place]]) -> list[str | Erased]:
        """The names, in order; an absent one is empty. ValueError for anything else than a name."""
        groups = set()
        for sealed, _ in labels:
            group_id, author = split(sealed)
            if sealed.ciphertext and author != LABEL:
                raise ValueError("only names are opened without a grant")
            groups.add(group_id)
        await asyncio.gather(*(self.prepare(group_id, (LABEL,)) for group_id in groups - {""}))
        return [await self.open(sealed, place) if sealed.ciphertext else "" for sealed, place in labels]


def split(sealed: Sealed) -> tuple[str, str]:
    """The group and the author whose key a ciphertext was made with."""
    group_id, _, author = sealed.subject.partition("/")
    return group_id, author
