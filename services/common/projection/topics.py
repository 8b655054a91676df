"""Which events a projection or reaction follows, and in which partition each of them is."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.common.contracts import EventFile
from services.common.eventstore import EventStore, Recorded
from services.common.ids import Position, category_of
from services.common.kafka import partition_of

CHUNK = 500


class Partition(NamedTuple):
    """One ordered part of a topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Placed:
    """An event with its partition; `previous`: what comes before it there, None if it was read from the store."""

    partition: Partition
    recorded: Recorded
    previous: Position | None = None

    @property
    def position(self) -> Position:
        """Its place in the whole log."""
        return self.recorded.position


class Topics:
    """The topics that are followed together."""

    def __init__(self, names: Iterable[str], event_files: Iterable[EventFile]) -> None:
        """ValueError if no event file has one of these topics."""
        by_topic = {file.topic: file for file in event_files}
        if unknown := set(names) - by_topic.keys():
            raise ValueError(f"no event file has the topic {', '.join(sorted(unknown))}")
        self.files = tuple(by_topic[name] for name in names)
        self._by_category = {category: file for file in self.files for category in file.categories}
        self.prefixes = tuple(prefix for file in self.files for prefix in file.prefixes)
        self.partitions = tuple(
            Partition(file.topic, number) for file in self.files for number in range(file.partitions)
        )

    def partition(self, stream: str) -> Partition | None:
        """The partition of a stream's events; None if no topic here carries them."""
        file = self._by_category.get(category_of(stream))
        return Partition(file.topic, partition_of(stream, file.partitions)) if file else None

    async def chunks(
        self, store: EventStore, *, after: Position, up_to: Position
    ) -> AsyncIterator[tuple[Sequence[Placed], Position]]:
        """What the event store holds after one position, up to and with another, at most CHUNK events at a time.

        With each chunk: up to which position nothing is left out. Raises StoreUnavailable.
        """
        chunk: list[Placed] = []
        async for recorded in store.read_all(after=after, prefixes=self.prefixes):
            if recorded.position > up_to:
                break
            if partition := self.partition(recorded.stream):
                chunk.append(Placed(partition, recorded))
            if len(chunk) == CHUNK:
                yield chunk, recorded.position
                chunk = []
        yield chunk, up_to
