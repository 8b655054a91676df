"""The log of accesses, as a client sees it: verified by a policy, and compared with what the client saw before."""

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from regard_client.errors import RegardError
from regard_client.verify.history import require_growth
from regard_client.verify.notes import Note, parse_note
from regard_client.verify.policy import Policy, Vouched
from regard_client.verify.tiles import CHECKPOINT_PATH, Bundle, Tile, TileNodes, parse_bundle, parse_tile
from regard_client.verify.tree import consistency_proof

_TIMEOUT_S = 10.0
_NOT_FOUND = 404


class LastSeen:
    """The newest checkpoint that was accepted of each log, kept in a folder from one run to the next.

    It is what makes a log that forks or forgets noticed: losing it is harmless, and blinds the client to the past.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, origin: str, policy: Policy) -> Note | None:
        """What was kept of this log, if anything. Raises Unverified for a file that is none.

        A log that begins again with other keys is another log to whoever trusts these: nothing was kept of that.
        """
        try:
            note = parse_note(self._file(origin).read_bytes())
        except FileNotFoundError:
            return None
        keys = {(log.key.name, log.key.key_id) for log in policy.logs}
        return note if any((one.name, one.key_id) in keys for one in note.signatures) else None

    def keep(self, origin: str, note: Note) -> None:
        """Keeps it, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._file(origin)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(bytes(note))
        fresh.replace(file)

    def _file(self, origin: str) -> Path:
        return self._folder / hashlib.sha256(origin.encode()).hexdigest()


class TransparencyLog:
    """A log at an address, which is trusted for nothing: all that comes from it is verified.

    Raises RegardError when the log does not answer, and Unverified, with the evidence, when it is not as it should be.
    """

    def __init__(self, url: str, policy: Policy, seen: LastSeen) -> None:
        self._policy = policy
        self._seen = seen
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/", timeout=_TIMEOUT_S)

    def look(self) -> Vouched:
        """The log's checkpoint now, once the policy accepts it and it contains what was seen before; it is kept."""
        vouched = self._policy.open(self._get(CHECKPOINT_PATH))
        origin, size = vouched.checkpoint.origin, vouched.checkpoint.size
        if last := self._seen.get(origin, self._policy):
            nodes = self.nodes(size)
            require_growth(last, vouched.note, lambda old, new: consistency_proof(old, new, nodes))
        self._seen.keep(origin, vouched.note)
        return vouched

    def nodes(self, size: int) -> TileNodes:
        """The nodes of the log's tree at a size for which there is a checkpoint, to make proofs from."""
        return TileNodes(size, self.tile)

    def tile(self, tile: Tile) -> bytes:
        """A tile's bytes."""
        data, width = self._get_partial(tile)
        return b"".join(parse_tile(data, width)[: tile.width])

    def entries(self, bundle: Bundle) -> tuple[bytes, ...]:
        """The entries of a bundle."""
        data, width = self._get_partial(bundle)
        return parse_bundle(data, width)[: bundle.width]

    def _get_partial(self, place: Tile | Bundle) -> tuple[bytes, int]:
        """The file and its width: the full one, if the partial one has gone. tlog-tiles, section "Partial Tiles"."""
        try:
            return self._get(place.path), place.width
        except RegardError as error:
            if error.kind != "NOT_FOUND" or place == place.full:
                raise
            return self._get(place.full.path), place.full.width

    def _get(self, path: str) -> bytes:
        return _got(self._http, path)

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fetch(url: str) -> bytes:
    """A file of a log, unverified. Raises RegardError."""
    with httpx.Client(timeout=_TIMEOUT_S) as http:
        return _got(http, url)


def _got(http: httpx.Client, path: str) -> bytes:
    try:
        answer = http.get(path)
    except httpx.HTTPError as error:
        raise RegardError(id="", kind="UNAVAILABLE", sentence=f"{path}: {type(error).__name__}") from error
    if answer.status_code == _NOT_FOUND:
        raise RegardError(id="", kind="NOT_FOUND", sentence=f"There is no {path}.")
    if not answer.is_success:
        raise RegardError(id="", kind="UNAVAILABLE", sentence=f"{path}: {answer.status_code}")
    return answer.content
