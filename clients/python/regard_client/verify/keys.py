"""Keys that sign checkpoints: the log's and its witnesses'.

Specifications: https://c2sp.org/signed-note@v1.0.0 for vkeys and plain Ed25519 signatures;
https://c2sp.org/tlog-cosignature@v1.1.0-rc.1 for the two timestamped ones. Each type signs another message, so that no
signature can be passed off as one of another type.
"""

import hashlib
import os
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.hashing import MAX_SIZE, format_hash, parse_base64
from regard_client.verify.notes import Signature, is_key_name
from regard_client.verify.reasons import malformed

_TIMESTAMP_BYTES = 8
_SEED_BYTES = 32
_MOST_NAME_BYTES = 255


class Type(IntEnum):
    """Signature types that this package knows. signed-note, section "Signature types"."""

    ED25519 = 0x01
    COSIGNATURE_ED25519 = 0x04
    COSIGNATURE_MLDSA44 = 0x06


_PUBLIC_BYTES = {Type.ED25519: 32, Type.COSIGNATURE_ED25519: 32, Type.COSIGNATURE_MLDSA44: 1312}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name and its type: what a vkey says. signed-note, section "Verifier keys"."""

    name: str
    type: Type
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Tells keys apart, and is no fingerprint. signed-note, section "Signatures"."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_id.hex()}+{format_hash(bytes([self.type]) + self.public)}"

    def verifies(self, text: str, payload: bytes) -> bool:
        """Whether `payload` is this key's signature of the note's text."""
        timed = self.type is not Type.ED25519
        if timed and (len(payload) < _TIMESTAMP_BYTES or timestamp(payload) > MAX_SIZE):
            return False
        signature = payload[_TIMESTAMP_BYTES:] if timed else payload
        try:
            message = _message(self.type, self.name, text, timestamp(payload) if timed else 0)
            if self.type is Type.COSIGNATURE_MLDSA44:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):  # ValueError: a key that is none, a text that is no checkpoint
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name and its type. It never appears in a `repr`."""

    name: str
    type: Type
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str, type: Type) -> "SigningKey":
        """A new key; ValueError if a note can't have a key of this name."""
        if not is_key_name(name) or len(name.encode()) > _MOST_NAME_BYTES:
            raise ValueError(
                f"a key's name is 1 to {_MOST_NAME_BYTES} bytes without spaces and plus signs, not {name!r}"
            )
        return cls(name, type, os.urandom(_SEED_BYTES))

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.type, self._private().public_key().public_bytes_raw())

    def sign(self, text: str, at_s: int = 0) -> Signature:
        """The signature of a note's text. `at_s`: the time that a cosignature states, in seconds since 1970."""
        timed = b"" if self.type is Type.ED25519 else at_s.to_bytes(_TIMESTAMP_BYTES, "big")
        signature = self._private().sign(_message(self.type, self.name, text, at_s))
        return Signature(self.name, self.verifier.key_id, timed + signature)

    def secret(self) -> str:
        """The key as golang.org/x/mod/sumdb/note writes it; the specification has no form for private keys."""
        seed = format_hash(bytes([self.type]) + self.seed)
        return f"PRIVATE+KEY+{self.name}+{self.verifier.key_id.hex()}+{seed}"

    def _private(self) -> Ed25519PrivateKey | MLDSA44PrivateKey:
        if self.type is Type.COSIGNATURE_MLDSA44:
            return MLDSA44PrivateKey.from_seed_bytes(self.seed)
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def timestamp(payload: bytes) -> int:
    """When a cosignature was made, as it says, in seconds since 1970. tlog-cosignature, section "Format"."""
    return int.from_bytes(payload[:_TIMESTAMP_BYTES], "big")


def _message(type_: Type, name: str, text: str, at_s: int) -> bytes:
    """What is signed."""
    match type_:
        case Type.ED25519:
            return text.encode()
        case Type.COSIGNATURE_ED25519:  # section "Ed25519 signed message": extension lines included, name not
            return f"cosignature/v1\ntime {at_s}\n{text}".encode()
        case Type.COSIGNATURE_MLDSA44:  # section "ML-DSA-44 signed message": the whole tree, so start is 0
            tree = parse_checkpoint(text)
            numbers = (0).to_bytes(8, "big") + tree.size.to_bytes(8, "big")
            return (
                b"subtree/v1\n\0"
                + _prefixed(name)
                + at_s.to_bytes(8, "big")
                + _prefixed(tree.origin)
                + numbers
                + tree.root
            )


def _prefixed(name: str) -> bytes:
    """opaque<1..2^8-1>."""
    data = name.encode()
    if not 1 <= len(data) <= _MOST_NAME_BYTES:
        raise malformed("ML-DSA-44 cosignature", "names and origins have 1 to 255 bytes")
    return bytes([len(data)]) + data


def parse_vkey(text: str) -> VerifierKey:
    """The inverse of `str(key)`; Unverified for every other text, and for types that are unknown here."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")  # base64 has pluses of its own
    type_, public = _typed(encoded, "vkey")
    key = VerifierKey(name, type_, public)
    if not is_key_name(name) or len(public) != _PUBLIC_BYTES[type_] or key.key_id.hex() != key_id:
        raise malformed("vkey", "<name>+<key id>+<type and public key>, each agreeing with the others")
    return key


def parse_secret(text: str) -> SigningKey:
    """The inverse of `key.secret()`; Unverified for every other text."""
    name, _, rest = text.removeprefix("PRIVATE+KEY+").partition("+")
    _, _, encoded = rest.partition("+")
    type_, seed = _typed(encoded, "private key")
    key = SigningKey(name, type_, seed)
    if not is_key_name(name) or len(seed) != _SEED_BYTES or key.secret() != text:
        raise malformed("private key", "PRIVATE+KEY+<name>+<key id>+<type and seed>, each agreeing with the others")
    return key


def _typed(encoded: str, what: str) -> tuple[Type, bytes]:
    data = parse_base64(encoded, what)
    if not data or data[0] not in list(Type):
        raise malformed(what, "a signature type of 0x01, 0x04 or 0x06")
    return Type(data[0]), data[1:]
