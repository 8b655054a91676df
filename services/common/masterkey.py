"""The master key: wraps every other key, so that a database alone opens nothing. AES-256-GCM."""

import base64
import binascii
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.common.errors import Kind, Refused, refusal
from services.common.sealing import KEY_BYTES, NONCE_BYTES, lengthed
from services.common.settings import Settings

_WRONG_MASTER_KEY = refusal(
    "KEY-01",
    Kind.FAILED_PRECONDITION,
    en="The master key is not the one that this installation’s keys were wrapped with.",
    fr="La clé maîtresse n’est pas celle qui a enveloppé les clés de cette installation.",
    remedy_en="Give back the installation’s own, in REGARD_MASTER_KEY_FILE or the data folder.",
    remedy_fr="Remettez celle de l’installation, dans REGARD_MASTER_KEY_FILE ou le dossier de données.",
)

_FORMAT = b"\x01"
_FILE_NAME = "master.key"


class BadMasterKey(Exception):
    """The master key that the settings name is not 32 bytes in base64; the message says where, in both languages."""


class WrongMasterKey(Refused):
    """A key was not wrapped by this master key for this subject (KEY-01)."""

    def __init__(self) -> None:
        super().__init__(_WRONG_MASTER_KEY)


class MasterKey:
    """Wraps keys for a subject; a wrapped key opens only for the subject and key id that it was wrapped for."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes."""
        self._cipher = AESGCM(key)

    def wrap(self, subject: str, key_id: str, key: bytes) -> bytes:
        """One byte of format, a 12-byte random nonce, the ciphertext with its tag."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _FORMAT + nonce + self._cipher.encrypt(nonce, key, lengthed(subject, key_id))

    def unwrap(self, subject: str, key_id: str, wrapped: bytes) -> bytes:
        """The key. Raises WrongMasterKey."""
        head = len(_FORMAT) + NONCE_BYTES
        if not wrapped.startswith(_FORMAT) or len(wrapped) <= head:
            raise WrongMasterKey
        try:
            return self._cipher.decrypt(wrapped[len(_FORMAT) : head], wrapped[head:], lengthed(subject, key_id))
        except InvalidTag:
            raise WrongMasterKey from None


def load_master_key(settings: Settings) -> MasterKey:
    """The key of REGARD_MASTER_KEY, else of REGARD_MASTER_KEY_FILE, else of the data folder, where one is made.

    Raises BadMasterKey, OSError.
    """
    if text := settings.master_key.get_secret_value():
        return MasterKey(_decoded(text.encode(errors="replace"), "REGARD_MASTER_KEY"))
    if settings.master_key_file is not None:
        return MasterKey(_decoded(settings.master_key_file.read_bytes(), "REGARD_MASTER_KEY_FILE"))
    path = settings.keys_folder / _FILE_NAME
    if not path.exists():
        keep_secret(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)))
    return MasterKey(_decoded(path.read_bytes(), str(path)))


def keep_secret(path: Path, secret: bytes) -> None:
    """Writes `secret` to a file that only its owner reads, whole or not at all; one that exists already stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as draft:
        draft.write(secret)
        draft.flush()
        os.fsync(draft.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _decoded(text: bytes, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadMasterKey(f"{where} does not hold 32 bytes in base64. / {where} ne contient pas 32 octets en base64.")
    return key
