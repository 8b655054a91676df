"""What is accessed, as the ledger describes it, and what comes out of a ciphertext."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from regard.audit.v1.events_pb2 import Objects
from regard.common.v1.common_pb2 import Level


@dataclass(frozen=True, slots=True)
class Erased:
    """What a ciphertext gives once its key is destroyed: the text is gone, for everyone."""


@dataclass(frozen=True, slots=True)
class Object:
    """Something that is accessed, never its content.

    `level`: at which it was written. Of a run, such as a room's messages, each has `parent_id` (the room) and
    `sequence` (from 1), so that the ledger says "10 to 57". `written_at`: checked against when the reader came.
    """

    type: str
    id: str
    level: Level
    author_id: str = ""
    parent_id: str = ""
    sequence: int = 0
    written_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes two accesses accesses to the same object."""
        return self.type, self.id


def described(objects: Sequence[Object], wanted: Collection[tuple[str, str]]) -> list[Objects]:
    """The wanted ones among the objects that were seen together, in runs where they have a sequence.

    What was seen and is not wanted (one's own, or recorded before) may lie inside a run, and never bounds it.
    """
    plain: dict[str, list[str]] = defaultdict(list)
    rows: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for one in objects:
        if one.sequence:
            rows[one.type, one.parent_id].append(one)
        elif one.key in wanted:
            plain[one.type].append(one.id)
    found = [Objects(type=kind, ids=ids) for kind, ids in plain.items()]
    for (kind, parent_id), row in rows.items():
        for first, last in _runs(sorted(row, key=lambda one: one.sequence), wanted):
            found.append(Objects(type=kind, ids=[parent_id], first=first, last=last))
    return found


def _runs(row: Sequence[Object], wanted: Collection[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    for run in _contiguous(row):
        sequences = [one.sequence for one in run if one.key in wanted]
        if sequences:
            yield sequences[0], sequences[-1]


def _contiguous(row: Sequence[Object]) -> Iterable[list[Object]]:
    run = list(row[:1])
    for before, one in pairwise(row):
        if one.sequence > before.sequence + 1:
            yield run
            run = []
        run.append(one)
    yield run
