"""What a service declares: which events it follows, and what each of them does."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from services.common import consistency
from services.common.codec import Event
from services.common.live import Live
from services.common.projection.progress import Progress
from services.common.projection.statements import Statement


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A view: tables that events fill.

    `name` ends with a version, as do the names of its tables: what changes shape gets a new version, is filled beside
    the old one and takes its place. `reduce` is pure: an event in, statements out; () for what does not concern it.
    Events come in the order of their stream. Those of different streams come in any order, and in another one when the
    tables are filled anew: what is in the tables in the end must not depend on it.
    """

    name: str
    service: str
    topics: tuple[str, ...]
    metadata: sa.MetaData
    reduce: Callable[[Event], Sequence[Statement]]
    committed: Live[Event] = field(default_factory=Live[Event])
    """What was just committed, for whoever in this process listens."""
    progress: Progress = field(default_factory=Progress)

    async def wait_for(self, tokens: str, deadline_s: float) -> None:
        """Waits until the view shows what the consistency tokens stand for. Raises Refused (PRJ-01, PRJ-02)."""
        await consistency.wait_for(tokens, self.progress, deadline_s)


@dataclass(frozen=True, slots=True, eq=False)
class Reaction:
    """What other services' events make a service do, from the reaction's first start on.

    `handle` may be called again with an event that it handled: its commands take their ids from
    `derived_id(event id, name)`. A Refused of a kind that passes by itself (UNAVAILABLE …) is tried until it does.
    """

    name: str
    topics: tuple[str, ...]
    handle: Callable[[Event], Awaitable[None]]
    progress: Progress = field(default_factory=Progress)
