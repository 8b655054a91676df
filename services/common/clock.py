"""Time: passed in wherever it is needed, never taken."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the present moment, with its time zone (UTC)."""


def system_clock() -> datetime:
    """The machine's present moment in UTC."""
    return datetime.now(UTC)
