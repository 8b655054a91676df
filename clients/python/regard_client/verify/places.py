"""That nothing is missing between the accesses of one group: each has a place, and names what came before it.

A place is a revision of the group's access stream, and an index among the `of` accesses of that event. Revisions have
no gap, so neither have places; and each record carries the commitment of the place before, so that one group has one
history even if all of it were written anew. docs/decisions/0005.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from regard_client.verify.hashing import format_hash
from regard_client.verify.reasons import OTHER_HISTORY, PLACE_MISSING, Unverified, malformed
from regard_client.verify.receipt import Receipt
from regard_client.verify.record import commitment, parse_record


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands in its group, and the commitments that tie it to its neighbours, in base64."""

    group: str
    revision: int
    index: int
    of: int
    previous: str
    commitment: str

    @property
    def next(self) -> tuple[int, int]:
        """Revision and index of what comes after."""
        return (self.revision, self.index + 1) if self.index + 1 < self.of else (self.revision + 1, 0)


def place_of(receipt: Receipt) -> Place | None:
    """Where the record of a receipt stands; None for what belongs to no group, as tombstones. Raises Unverified."""
    match parse_record(receipt.record):
        case {"group": str(group), "revision": int(revision), "index": int(at), "of": int(of), "previous": str(last)}:
            if not (revision >= 0 and 0 <= at < of):
                raise malformed("record", "a place is a revision, and an index among its accesses")
            return Place(group, revision, at, of, last, format_hash(commitment(receipt.salt, receipt.record)))
        case _:
            return None


def require_no_gap(places: Iterable[Place]) -> tuple[Place, Place] | None:
    """First and last of the places of one group, once nothing is missing between them; None if there are none.

    Raises Unverified for the first that is missing, or that comes from another history. The places are those of
    receipts that were verified. That none is missing after the last is for the ledger's head to say.
    """
    ordered = sorted(set(places))
    for one, other in pairwise(ordered):
        if (one.revision, one.index) == (other.revision, other.index):
            raise _other_history(other)
        if one.next != (other.revision, other.index):
            raise PLACE_MISSING(group=one.group, revision=one.next[0], index=one.next[1])
        if other.previous != one.commitment:
            raise _other_history(other)
    return (ordered[0], ordered[-1]) if ordered else None


def _other_history(place: Place) -> Unverified:
    return OTHER_HISTORY(group=place.group, revision=place.revision, index=place.index)
