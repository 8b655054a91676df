"""A witness: its keys, the logs it knows, and the latest checkpoint of each that it cosigned.

Specification: https://c2sp.org/tlog-witness@v1.0.0. What must hold: what a witness cosigned is durable before anybody
is told; between reading the latest checkpoint of a log and writing the next one nobody else writes, in this process or
another. A folder holds all of it:

    keys          the private keys, one a line, for their owner only
    state.sqlite  the latest checkpoint of each log, and requests that show that a log has forked

The two are made together. A folder with only one of them is refused, never completed: a witness that forgot what it saw
would cosign a second history.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from regard_client.verify.addcheckpoint import Signed, Status, authenticate, judge, parse_add_checkpoint
from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.keys import SigningKey, Type, VerifierKey, parse_secret
from regard_client.verify.notes import Note, parse_note
from regard_client.verify.reasons import Reason, Unverified

_TYPES = (Type.COSIGNATURE_ED25519, Type.COSIGNATURE_MLDSA44)
_MOST_EVIDENCE = 100
_BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE latest (origin_hash TEXT PRIMARY KEY, note BLOB NOT NULL) STRICT;
CREATE TABLE evidence (number INTEGER PRIMARY KEY, at_s INTEGER NOT NULL, request BLOB NOT NULL) STRICT;
"""

INCOMPLETE = Reason(
    "WIT-01",
    en="The folder {folder} has lost a part: a witness needs its keys and what it has seen.",
    fr="Le dossier {folder} est incomplet : un témoin a besoin de ses clés et de ce qu’il a vu.",
    remedy_en="Restore the newest copy of the folder. If there is none, start a new witness under another name.",
    remedy_fr="Restaurez la copie la plus récente du dossier. Sinon, lancez un nouveau témoin sous un autre nom.",
)
OTHER_NAME = Reason(
    "WIT-02",
    en="The witness in this folder is called {name}, not {wanted}.",
    fr="Le témoin de ce dossier s’appelle {name}, pas {wanted}.",
    remedy_en="Use that name, or another folder.",
    remedy_fr="Utilisez ce nom, ou un autre dossier.",
)


class Witness:
    """Cosigns what only grows. Safe for threads and for several processes on one folder."""

    def __init__(
        self,
        folder: Path,
        keys: Iterable[SigningKey],
        logs: Iterable[VerifierKey],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = folder / "state.sqlite"
        self._keys = tuple(keys)
        self._logs = tuple(logs)
        self._clock = clock

    @property
    def verifiers(self) -> tuple[VerifierKey, ...]:
        """The public keys, to be put into policies."""
        return tuple(key.verifier for key in self._keys)

    def add_checkpoint(self, body: bytes) -> tuple[Status, bytes]:
        """The status, and the body of the answer: signature lines, or the size for a conflict, or nothing."""
        try:
            request = parse_add_checkpoint(body)
        except Unverified:
            return Status.MALFORMED, b""
        signed = authenticate(request.note, self._logs)
        if isinstance(signed, Status):
            return signed, b""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")  # nobody else writes from before this reads until it has written
            note = _latest(connection, hash_of(signed.checkpoint.origin))
            latest = parse_checkpoint(parse_note(note).text) if note else None
            status = judge(request, signed.checkpoint, latest)
            answer = b""
            if status is Status.COSIGNED:
                answer = self._cosign(connection, signed)
            elif status is Status.INCONSISTENT:
                self._keep(connection, body)
            elif status is Status.CONFLICT:
                answer = f"{latest.size if latest else 0}\n".encode()
            connection.execute("COMMIT")
        return status, answer

    def checkpoint(self, origin_hash: str) -> bytes | None:
        """The latest cosigned checkpoint of the log whose origin has this hash (SHA-256, lower-case hex), if any."""
        with self._connected() as connection:
            return _latest(connection, origin_hash)

    def evidence(self) -> list[bytes]:
        """Requests, signed by a log, that would have rewritten its past and were refused; oldest first."""
        with self._connected() as connection:
            return [request for (request,) in connection.execute("SELECT request FROM evidence ORDER BY number")]

    def _cosign(self, connection: sqlite3.Connection, signed: Signed) -> bytes:
        text, at_s = str(signed.checkpoint), max(1, int(self._clock()))  # a time of zero would say nothing
        cosignatures = tuple(key.sign(text, at_s) for key in self._keys)
        row = (hash_of(signed.checkpoint.origin), bytes(Note(text, (*signed.signatures, *cosignatures))))
        connection.execute("INSERT OR REPLACE INTO latest VALUES (?, ?)", row)
        return "".join(map(str, cosignatures)).encode()

    def _keep(self, connection: sqlite3.Connection, request: bytes) -> None:
        """Keeps the first of them: what shows a fork is not pushed out by what comes later."""
        (count,) = connection.execute("SELECT count(*) FROM evidence").fetchone()
        if count < _MOST_EVIDENCE:
            connection.execute("INSERT INTO evidence (at_s, request) VALUES (?, ?)", (int(self._clock()), request))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection whose commits are on the disk when they return; what was not committed is rolled back."""
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield connection


def hash_of(origin: str) -> str:
    """What a log is called in a monitoring address."""
    return hashlib.sha256(origin.encode()).hexdigest()


def open_witness(folder: Path, name: str, logs: Iterable[VerifierKey]) -> Witness:
    """The witness `name` in `folder`, made if there is none. Raises Unverified (WIT-01, WIT-02), OSError.

    ValueError for a name that no note can have.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, state = folder / "keys", folder / "state.sqlite"
    if not path.exists() and not state.exists():
        _make(path, state, name)
    if not (path.exists() and state.exists()):
        raise INCOMPLETE(folder=folder)
    keys = [parse_secret(line) for line in path.read_text().splitlines()]
    for key in keys:
        if key.name != name:
            raise OTHER_NAME(name=key.name, wanted=name)
    return Witness(folder, keys, logs)


def _make(path: Path, state: Path, name: str) -> None:
    """Keys come last: only a folder where everything was made has them under their name."""
    keys = [SigningKey.generate(name, type_) for type_ in _TYPES]
    with closing(sqlite3.connect(state)) as connection:
        connection.executescript(_SCHEMA)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(f"{key.secret()}\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())


def _latest(connection: sqlite3.Connection, origin_hash: str) -> bytes | None:
    row = connection.execute("SELECT note FROM latest WHERE origin_hash = ?", (origin_hash,)).fetchone()
    return None if row is None else bytes(row[0])
