"""Content and profiles encrypted with AES-256-GCM (NIST SP 800-38D), bound to the place that they were written for.

The associated data is event type, stream and field path: a ciphertext moved anywhere else does not open.
"""

import secrets
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from regard.common.v1.common_pb2 import Sealed

KEY_BYTES = 32
NONCE_BYTES = 12


class NotSealedHere(Exception):
    """The ciphertext was not made with this key for this place: a defect, or somebody moved or changed it."""


@dataclass(frozen=True)
class Place:
    """Where a ciphertext belongs: full name of the event, stream, and path of the field (`profile`, `body.text`)."""

    type: str
    stream: str
    path: str

    @cached_property
    def associated_data(self) -> bytes:
        """The three, each with its length in bytes before it, so that no two places give the same bytes."""
        return lengthed(self.type, self.stream, self.path)


@dataclass(frozen=True)
class DataKey:
    """A key that content is sealed with: whose it is, which of theirs, and its 32 bytes, which are never shown."""

    subject: str
    key_id: str
    secret: bytes = field(repr=False)

    @cached_property
    def cipher(self) -> AESGCM:
        """What encrypts and decrypts with it."""
        return AESGCM(self.secret)


def new_data_key(subject: str, key_id: str) -> DataKey:
    """A fresh random key."""
    return DataKey(subject, key_id, secrets.token_bytes(KEY_BYTES))


def seal(key: DataKey, plaintext: bytes, place: Place) -> Sealed:
    """The ciphertext of `plaintext`, which opens in `place` only.

    Nonces are random, so a key is good for 2^32 of them (SP 800-38D, 8.3).
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = key.cipher.encrypt(nonce, plaintext, place.associated_data)
    return Sealed(subject=key.subject, key_id=key.key_id, nonce=nonce, ciphertext=ciphertext)


def open_sealed(key: DataKey, sealed: Sealed, place: Place) -> bytes:
    """What was sealed with `key` for `place`. Raises NotSealedHere."""
    if (sealed.subject, sealed.key_id) != (key.subject, key.key_id) or len(sealed.nonce) != NONCE_BYTES:
        raise NotSealedHere
    try:
        return key.cipher.decrypt(sealed.nonce, sealed.ciphertext, place.associated_data)
    except InvalidTag:
        raise NotSealedHere from None


def lengthed(*texts: str) -> bytes:
    """The texts in UTF-8, each after its length in four bytes: different texts never give the same bytes."""
    encoded = [text.encode() for text in texts]
    return b"".join(len(one).to_bytes(4) + one for one in encoded)
