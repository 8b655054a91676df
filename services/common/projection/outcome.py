"""What may come of applying a batch of events, and which errors pass by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import grpc

from services.common.codec import Codec, Event
from services.common.errors import Kind, Refused
from services.common.ids import Position
from services.common.projection.topics import Partition, Placed

_PASSING = frozenset({Kind.UNAVAILABLE, Kind.DEADLINE_EXCEEDED, Kind.ABORTED, Kind.RESOURCE_EXHAUSTED})
_PASSING_CODES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


@dataclass(frozen=True, slots=True)
class Applied:
    """How a batch ended."""

    positions: Mapping[Partition, Position] = field(default_factory=dict)
    """What is now in the database, for the partitions of the batch."""
    events: Sequence[Event] = ()
    """The events of the batch that are decoded and were not set aside, also those applied by another process before."""
    pending: Sequence[Placed] = ()
    """What failed and is to be tried again, with what follows it in its partition."""
    set_aside: int = 0
    """How many events failed for the last time and were left out."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The batch does not continue what is in the database; nothing was applied."""

    positions: Mapping[Partition, Position]
    """Where each partition with a hole stands."""


Outcome = Applied | Missing


class Applier(Protocol):
    """Applies events that come in order within each partition, and remembers how far it is."""

    async def apply(self, batch: Sequence[Placed], swept: Position | None) -> Outcome:
        """Applies what is not yet applied; `swept`: up to where nothing is missing once it is.

        Raises Refused of a passing kind, or what `passes_by_itself` recognises; the batch is then to be repeated.
        """


def holes(batch: Sequence[Placed], stored: Mapping[Partition, Position]) -> dict[Partition, Position]:
    """The partitions in which an event is missing before one of the batch, with their positions."""
    reached = dict(stored)
    found: dict[Partition, Position] = {}
    for placed in batch:
        position = reached.get(placed.partition, Position(0))
        if placed.previous is not None and placed.previous > position:
            found[placed.partition] = stored.get(placed.partition, Position(0))
        reached[placed.partition] = max(position, placed.position)
    return found


def decode(codec: Codec, batch: Sequence[Placed]) -> dict[Position, Event | Exception | None]:
    """What each position holds: an event, one of an unknown type, or one that is broken."""
    return {placed.position: _decode_one(codec, placed) for placed in batch}


def _decode_one(codec: Codec, placed: Placed) -> Event | Exception | None:
    try:
        return codec.decode(placed.recorded)
    except Exception as error:  # an upcaster's or a parser's: the event is at fault, and is counted as failed
        return error


def passes_by_itself(error: BaseException) -> bool:
    """Whether to wait and try again, as long as it takes, rather than to blame the event."""
    match error:
        case Refused():
            return error.refusal.kind in _PASSING
        case grpc.RpcError():
            code = getattr(error, "code", lambda: None)()
            return code in _PASSING_CODES
        case _:
            return isinstance(error, OSError | TimeoutError)
