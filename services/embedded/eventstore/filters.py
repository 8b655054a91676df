"""Which events of $all a reader wants, as a predicate and as SQL: both must say the same."""

import re
import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Filter:
    """Events whose stream name (or type, if `by_type`) has one of `prefixes`, or matches `pattern` if that is given."""

    by_type: bool = False
    prefixes: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None

    def matches(self, stream: str, type: str) -> bool:
        """Whether the reader wants an event of this type in this stream."""
        text = type if self.by_type else stream
        if self.pattern is not None:
            return self.pattern.search(text) is not None
        return text.startswith(self.prefixes)

    def condition(self) -> tuple[str, tuple[str, ...]]:
        """The same as an SQL condition over `event` and `stream`, and its parameters; needs `prepare`."""
        column = "event.type" if self.by_type else "stream.name"
        if self.pattern is not None:
            return f"{column} REGEXP ?", (self.pattern.pattern,)
        if "" in self.prefixes:
            return "TRUE", ()
        tests = " OR ".join(f"substr({column}, 1, {len(prefix)}) = ?" for prefix in self.prefixes)
        return f"({tests or 'FALSE'})", self.prefixes


EVERYTHING = Filter(prefixes=("",))


def prepare(connection: sqlite3.Connection) -> None:
    """Gives `connection` the REGEXP that `Filter.condition` uses."""
    connection.create_function("regexp", 2, _regexp, deterministic=True)


def _regexp(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None
