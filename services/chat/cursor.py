"""Where a subscription stands: the position reached in each partition of chat's topic."""

import sqlalchemy as sa

from services.chat.rooms import TOPIC
from services.common import contracts, paging
from services.common.kafka import partition_of
from services.common.projection import positions

PARTITIONS = next(file.partitions for file in contracts.event_files() if file.topic == TOPIC)


class Cursor:
    """Moves forward only."""

    def __init__(self, reached: list[int]) -> None:
        self._reached = reached

    @classmethod
    def start(cls) -> "Cursor":
        """Before everything."""
        return cls([0] * PARTITIONS)

    def copy(self) -> "Cursor":
        """Where it stands now."""
        return Cursor(list(self._reached))

    @classmethod
    def decode(cls, token: str) -> "Cursor | None":
        """The cursor in a token; None for an empty one. Raises Refused (RPC-20)."""
        key = paging.decode(token, (0,) * PARTITIONS)
        return cls(list(key)) if key else None

    @classmethod
    def reached(cls, tx: sa.Connection, view: str) -> "Cursor":
        """What the tables hold in this transaction."""
        stored, swept = positions.stored(tx, view), positions.swept(tx, view)
        by_number = {partition.number: position for partition, position in stored.items() if partition.topic == TOPIC}
        return cls([max(by_number.get(number, 0), swept) for number in range(PARTITIONS)])

    def encode(self) -> str:
        """The token."""
        return paging.encode_numbers(self._reached)

    def passed(self, stream: str, position: int) -> bool:
        """Whether that change of that stream was told already."""
        return position <= self.of(stream)

    def move(self, stream: str, position: int) -> None:
        """Notes that everything in that stream's partition up to there was told, or is not for this reader."""
        at = partition_of(stream, PARTITIONS)
        self._reached[at] = max(self._reached[at], position)

    def cover(self, other: "Cursor") -> None:
        """Moves every partition at least as far as `other`."""
        self._reached = [max(mine, theirs) for mine, theirs in zip(self._reached, other._reached, strict=True)]

    def of(self, stream: str) -> int:
        """The position up to which that stream was told."""
        return self._reached[partition_of(stream, PARTITIONS)]
