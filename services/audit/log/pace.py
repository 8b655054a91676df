"""How much the log grows at a beat, so that its growth tells little of what happens. Pure."""

from dataclasses import dataclass

BEAT_S = 0.25
_SPREAD_BEATS = 2


@dataclass(frozen=True, slots=True)
class Share:
    """What a beat adds: `rows` that stand for records, and `chaff`."""

    rows: int
    chaff: int


@dataclass(frozen=True, slots=True)
class Pace:
    """`leaves` a beat, whatever happens; more only when what waits would take longer than two beats.

    Then it is a whole multiple of them: the log is never later than two beats, and tells of a burst in steps only.
    """

    leaves: int

    def share(self, waiting: int) -> Share:
        """What to add while that many rows wait."""
        steps = max(1, -(-waiting // (self.leaves * _SPREAD_BEATS)))
        rows = min(waiting, steps * self.leaves)
        return Share(rows, steps * self.leaves - rows)
