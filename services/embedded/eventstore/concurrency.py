"""What becomes of an append: the rules of EventStoreDB for expected revisions and for repeated appends.

At a revision that is past, an append succeeds if its events are exactly those that follow that revision. At the
current revision nothing is compared. At ANY and EXISTS only recently committed ids are known.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.embedded.eventstore.model import (
    ANY,
    EXISTS,
    NO_STREAM,
    Appended,
    Head,
    StreamDeleted,
    WrongRevision,
)


class Place(NamedTuple):
    """Where an event of a stream is."""

    revision: int
    position: int


def settle(
    expected: int,
    ids: Sequence[bytes],
    head: Head,
    *,
    has_metadata: Callable[[], bool],
    recent: Callable[[bytes], Place | None],
    following: Callable[[int, int], Sequence[tuple[bytes, Place]]],
) -> Appended | WrongRevision | StreamDeleted | None:
    """The outcome of appending events with `ids` without writing anything, or None if they are to be written.

    `has_metadata()` tells whether the stream has metadata, `recent(id)` the place of a recently committed event of the
    stream, `following(revision, count)` the ids and places of up to `count` events after `revision`.
    """
    if head.tombstoned:
        return StreamDeleted()
    if expected in (ANY, EXISTS):
        if expected == EXISTS and head.retention.deleted:
            return StreamDeleted()
        if expected == EXISTS and head.last < 0 and not has_metadata():
            return WrongRevision(head.last)
        return _settle_by_recent_ids(ids, head, recent)
    if expected == head.last:
        return None
    if expected < head.last:
        there = following(expected, len(ids))
        if ids and [id for id, _ in there] == list(ids):
            return Appended(*there[-1][1])
        if expected == NO_STREAM and head.retention.deleted:
            return None
    return WrongRevision(head.last)


def _settle_by_recent_ids(
    ids: Sequence[bytes], head: Head, recent: Callable[[bytes], Place | None]
) -> Appended | WrongRevision | None:
    first = recent(ids[0]) if ids else None
    if first is None:
        return None
    place = first
    for id in ids[1:]:
        known = recent(id)
        if known is None:  # the first is a repeat and this one is not
            return WrongRevision(head.last)
        place = known
    return Appended(*place)
