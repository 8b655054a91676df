"""Carrying out what events ask for: in order within a partition, partitions side by side; then positions are saved."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from services.common.codec import Codec, Event
from services.common.database import Database
from services.common.ids import Position
from services.common.projection import positions
from services.common.projection.outcome import Applied, Missing, Outcome, decode, holes, passes_by_itself
from services.common.projection.topics import Partition, Placed
from services.common.projection.types import Reaction


@dataclass(slots=True)
class _Course:
    """What became of one partition's events."""

    position: Position
    handled: list[Event] = field(default_factory=list)
    failed: tuple[Placed, Exception] | None = None
    pending: Sequence[Placed] = ()


class Reactions:
    """Calls one reaction with the events it has not handled yet."""

    def __init__(self, reaction: Reaction, database: Database, codec: Codec) -> None:
        self._reaction = reaction
        self._database = database
        self._codec = codec

    async def apply(self, batch: Sequence[Placed], swept: Position | None) -> Outcome:
        """See Applier. A crash before the positions are saved repeats the batch, which does no harm."""
        by_partition: defaultdict[Partition, list[Placed]] = defaultdict(list)
        for placed in batch:
            by_partition[placed.partition].append(placed)
        stored = await self._database.look(lambda tx: positions.stored(tx, self._reaction.name))
        if missing := holes(batch, stored):
            return Missing(missing)
        courses = dict(
            zip(
                by_partition,
                await asyncio.gather(*(self._follow(part, stored[key]) for key, part in by_partition.items())),
                strict=True,
            )
        )
        set_aside = await self._database.write(lambda transaction: self._save(transaction, courses, swept))
        for course in courses.values():
            if course.failed and passes_by_itself(course.failed[1]):
                raise course.failed[1]
        return Applied(
            {partition: course.position for partition, course in courses.items()},
            [event for course in courses.values() for event in course.handled],
            [placed for course in courses.values() for placed in course.pending],
            set_aside,
        )

    async def _follow(self, part: Sequence[Placed], position: Position) -> _Course:
        course = _Course(position)
        decoded = decode(self._codec, part)
        for index, placed in enumerate(part):
            if placed.position <= course.position:
                continue
            try:
                match decoded[placed.position]:
                    case Event() as event:
                        await self._reaction.handle(event)
                        course.handled.append(event)
                    case Exception() as error:
                        raise error
                    case None:
                        pass
            except Exception as error:  # whatever a reaction raises
                course.failed, course.pending = (placed, error), part[index:]
                break
            course.position = placed.position
        return course

    def _save(self, transaction: sa.Connection, courses: dict[Partition, _Course], swept: Position | None) -> int:
        name, set_aside = self._reaction.name, 0
        for course in courses.values():
            if not course.failed or passes_by_itself(course.failed[1]):
                continue
            placed, error = course.failed
            if positions.count_failure(transaction, name, placed, error) >= positions.MOST_ATTEMPTS:
                set_aside += 1
                course.position, course.pending = placed.position, course.pending[1:]
        reached = {partition: course.position for partition, course in courses.items()}
        positions.save(transaction, name, reached)
        if swept is not None and not any(course.pending for course in courses.values()):
            positions.save_swept(transaction, name, swept)
        return set_aside
