"""Monitoring: the whole log read again, every file compared with the signed root, and every entry explained.

Anybody can monitor that the log only grows and is what it says. To explain entries takes what opens them, which an
auditor has; then each is one of five: open (its record is known), chaff (it stands for nothing), sealed (its record
will be known at a date that is not past), erased (a tombstone says why) or withheld (its group’s rules keep it from
auditors; those who may read the group’s ledger can prove it by a receipt). Their counts add up to the size, or
something is unexplained, which must never be.
"""

import base64
import json
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from regard_client.log import TransparencyLog
from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import Hash, leaf_hash
from regard_client.verify.reasons import Reason, malformed
from regard_client.verify.record import ENTRY_BYTES, Record, entry, parse_record
from regard_client.verify.tiles import WIDTH, Tile, bundles, format_tile
from regard_client.verify.tree import Frontier, root_of

DAMAGED = Reason(
    "MON-01",
    en="The file {path} of the log is not what its entries make.",
    fr="Le fichier {path} du journal n’est pas ce que donnent ses entrées.",
    remedy_en="Keep it, and tell who runs the log and its witnesses.",
    remedy_fr="Gardez-le et prévenez ceux qui exploitent le journal et ses témoins.",
)
OTHER_ROOT = Reason(
    "MON-02",
    en="The {size} entries of the log do not make the root that it signed.",
    fr="Les {size} entrées du journal ne donnent pas la racine qu’il a signée.",
    remedy_en="Keep the checkpoint and the entries, and tell the witnesses.",
    remedy_fr="Gardez le point de contrôle et les entrées, et prévenez les témoins.",
)
NOT_OPENED = Reason(
    "MON-03",
    en="Entry {index} does not open with what was given for it.",
    fr="L’entrée {index} ne s’ouvre pas avec ce qui a été fourni.",
    remedy_en="What the log committed to is not what is shown now. Keep both, and tell the witnesses.",
    remedy_fr="Ce que le journal a engagé n’est pas ce qui est montré. Gardez les deux et prévenez les témoins.",
)


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens entry `index`; without salt and record, it is withheld."""

    index: int
    salt: bytes
    record: bytes

    @property
    def withheld(self) -> bool:
        """Whether it opens nothing, and says only that the entry exists."""
        return not self.salt and not self.record

    def __str__(self) -> str:
        """One line of an openings file: JSON with the salt and the record in base64."""
        salt, record = (base64.b64encode(one).decode() for one in (self.salt, self.record))
        return json.dumps({"index": self.index, "salt": salt, "record": record}) + "\n"


def parse_opening(line: str) -> Opening:
    """The inverse of `str(opening)`. Raises Unverified."""
    try:
        said = json.loads(line)
        index, salt, record = (said[name] for name in ("index", "salt", "record"))
        if type(index) is int:
            return Opening(index, base64.b64decode(salt, validate=True), base64.b64decode(record, validate=True))
    except (ValueError, KeyError, TypeError, RecursionError):  # ValueError: binascii.Error, JSONDecodeError
        pass
    raise malformed("opening", '{"index": n, "salt": base64, "record": base64}')


def format_head(checkpoint: bytes) -> str:
    """The first line of an openings file: the signed checkpoint up to whose size it opens entries."""
    return json.dumps({"checkpoint": base64.b64encode(checkpoint).decode()}) + "\n"


def read_head(file: Path) -> bytes:
    """The signed checkpoint in the first line of an openings file. Raises Unverified, OSError."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        line = lines.readline()
    try:
        return base64.b64decode(json.loads(line)["checkpoint"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise malformed("openings", '{"checkpoint": base64} in its first line') from None


def read_openings(file: Path) -> Iterator[Opening]:
    """The openings in a file, one a line after the first. Raises Unverified, OSError."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        next(lines, None)
        yield from map(parse_opening, lines)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries of a log are what. `unexplained` is 0, or there is an incident."""

    open: int
    chaff: int
    sealed: int
    erased: int
    withheld: int
    unexplained: int


def verified_entries(log: TransparencyLog, checkpoint: Checkpoint) -> Iterator[tuple[int, bytes]]:
    """Every entry with its index, in order. Raises Unverified as soon as a file is wrong, and for the root at the end.

    What was yielded is in the log only once the iterator has ended.
    """
    levels, frontier = _Levels(log), Frontier()
    for bundle in bundles(checkpoint.size):
        for one in log.entries(bundle):
            if len(one) != ENTRY_BYTES or one[0] != 1:
                raise malformed("entry", "0x01 and a commitment of 32 bytes")
            yield frontier.size, one
            leaf = leaf_hash(one)
            frontier.add(leaf)
            levels.add(0, leaf)
    levels.end()
    if frontier.root() != checkpoint.root:
        raise OTHER_ROOT(size=checkpoint.size, evidence={"checkpoint": str(checkpoint).encode()})


def explained_up_to(
    entries: Iterator[tuple[int, bytes]], tree: Checkpoint, openings: Iterable[Opening], now: datetime
) -> Counts:
    """What each of the first entries is that `tree` has; all the others are read too. Raises Unverified."""
    frontier = Frontier()

    def first() -> Iterator[tuple[int, bytes]]:
        while frontier.size < tree.size and (found := next(entries, None)):
            frontier.add(leaf_hash(found[1]))
            yield found

    counts = explain(first(), openings, now)
    deque(entries, maxlen=0)
    if (frontier.size, frontier.root()) != (tree.size, tree.root):
        raise OTHER_ROOT(size=tree.size, evidence={"checkpoint": str(tree).encode()})
    return counts


class _Levels:
    """Compares each tile with what the entries make, as soon as they make it. tlog-tiles, section "Merkle Tree"."""

    def __init__(self, log: TransparencyLog) -> None:
        self._log = log
        self._levels: list[list[Hash]] = []
        self._full: list[int] = []

    def add(self, level: int, one: Hash) -> None:
        if level == len(self._levels):
            self._levels.append([])
            self._full.append(0)
        hashes = self._levels[level]
        hashes.append(one)
        if len(hashes) == WIDTH:
            self._compare(level)
            self.add(level + 1, root_of(hashes))
            self._levels[level] = []
            self._full[level] += 1

    def end(self) -> None:
        for level, hashes in enumerate(self._levels):
            if hashes:
                self._compare(level)

    def _compare(self, level: int) -> None:
        tile = Tile(level, self._full[level], len(self._levels[level]))
        served = self._log.tile(tile)
        if served != format_tile(self._levels[level]):
            raise DAMAGED(path=tile.path, evidence={tile.path: served})


def explain(entries: Iterable[tuple[int, bytes]], openings: Iterable[Opening], now: datetime) -> Counts:
    """What each entry is, by what opens it; `openings` in the order of their entries. Raises Unverified."""
    given = iter(openings)
    opening = next(given, None)
    opened, withheld, closed = 0, 0, list[int]()
    chaff, erased, sealed = 0, list[Run](), list[Run]()
    for index, one in entries:
        if opening is None or opening.index != index:
            closed.append(index)
            continue
        if opening.withheld:
            withheld += 1
        else:
            record = _opened(opening, one)
            opened += 1
            match record["kind"]:
                case "chaff":
                    chaff += 1
                case "tombstone":
                    erased += _runs(record)
                case "sealed" if _until(record) >= now:
                    sealed += _runs(record)
        opening = next(given, None)
    if opening is not None:
        raise NOT_OPENED(index=opening.index, evidence={"record": opening.record})
    gone = _within(closed, erased)
    later = _within(closed, sealed) - gone
    unexplained = len(closed) - len(later) - len(gone)
    return Counts(opened - chaff, chaff, len(later), len(gone), withheld, unexplained)


def _opened(opening: Opening, one: bytes) -> Record:
    """The record of an entry. Chaff names its entry, so that none can be passed off as another."""
    record = parse_record(opening.record)
    misplaced = record["kind"] == "chaff" and record.get("index") != opening.index
    if misplaced or entry(opening.salt, opening.record) != one:
        raise NOT_OPENED(index=opening.index, evidence={"entry": one, "record": opening.record})
    return record


Run = tuple[int, int]
"""First and last of entries in a row."""


def _runs(record: Record) -> list[Run]:
    """The entries that a tombstone or a seal is about."""
    leaves = record.get("leaves")
    runs = [tuple(run) for run in leaves if isinstance(run, list)] if isinstance(leaves, list) else []
    if not isinstance(leaves, list) or len(runs) != len(leaves) or not all(map(_is_run, runs)):
        raise malformed("record", "leaves are runs of first and last")
    return [(run[0], run[1]) for run in runs]


def _is_run(run: tuple[object, ...]) -> bool:
    return [type(one) for one in run] == [int, int]


def _until(record: Record) -> datetime:
    """The date at which sealed entries are opened."""
    try:
        until = datetime.fromisoformat(str(record.get("until")))
    except ValueError:
        raise malformed("record", "a seal ends at a date") from None
    if until.tzinfo is None:
        raise malformed("record", "dates tell their time zone")
    return until


def _within(indexes: Sequence[int], runs: Iterable[Run]) -> set[int]:
    """Those of the indexes, which are in order, that are in one of the runs."""
    return {one for first, last in runs for one in indexes[bisect_left(indexes, first) : bisect_right(indexes, last)]}
