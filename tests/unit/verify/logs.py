"""A whole log to test with, as files and as what opens its entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from regard_client.monitor import Opening
from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import Hash, leaf_hash
from regard_client.verify.keys import SigningKey
from regard_client.verify.notes import Note
from regard_client.verify.record import entry
from regard_client.verify.tiles import bundles, format_bundle, format_tile, tiles
from regard_client.verify.tree import Nodes, root_of
from tests.unit.verify.receipts import AT_S, LOG, ORIGIN


def opening(place: int, **record: object) -> Opening:
    """What opens entry `place`: an access, if nothing else is said."""
    said = record or {"kind": "access", "revision": place}
    data = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    return Opening(place, hashlib.sha256(b"%d" % place).digest(), data)


class Log:
    """The log of these openings; `sign` says which keys sign its checkpoints."""

    def __init__(self, openings: Sequence[Opening], *sign: SigningKey) -> None:
        self.openings = openings
        self.entries = [entry(one.salt, one.record) for one in openings]
        self.leaves = [leaf_hash(one) for one in self.entries]
        self.sign = sign or (LOG,)
        self._nodes: dict[tuple[int, int], Hash] = {}

    @classmethod
    def of(cls, size: int, *sign: SigningKey, fork_at: int | None = None) -> Log:
        """A log of accesses; with `fork_at`, another one from that entry on."""
        forked = size if fork_at is None else fork_at
        return cls([opening(at) if at < forked else opening(at, kind="access", other=at) for at in range(size)], *sign)

    def note(self, size: int | None = None) -> Note:
        """Its signed checkpoint at a size."""
        size = len(self.leaves) if size is None else size
        text = str(Checkpoint(ORIGIN, size, root_of(self.leaves[:size])))
        return Note(text, tuple(key.sign(text, AT_S) for key in self.sign))

    @property
    def nodes(self) -> Nodes:
        """Its nodes."""

        def node(level: int, index: int) -> Hash:
            if (level, index) not in self._nodes:
                self._nodes[level, index] = root_of(self.leaves[index << level : index + 1 << level])
            return self._nodes[level, index]

        return node

    def write(self, folder: Path, size: int | None = None) -> None:
        """Publishes it at a size, with the partial tiles of that size only."""
        size = len(self.leaves) if size is None else size
        files = {one.path: format_bundle(self.entries[one.index * 256 :][: one.width]) for one in bundles(size)}
        for tile in tiles(size):
            hashes = [self.nodes(8 * tile.level, tile.index * 256 + at) for at in range(tile.width)]
            files[tile.path] = format_tile(hashes)
        files["checkpoint"] = bytes(self.note(size))
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which a folder is served over HTTP."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
