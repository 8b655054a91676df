"""What an import tells: counts, refused lines, and what was left out on purpose."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from regard_client.errors import RegardError
from regard_client.importers.reasons import Language, Said

AT_ONCE = 8
"""Calls in flight: enough to hide the way to the server and back, few enough for its limits."""
ATTEMPTS = 6

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Progress = Callable[[str, int, int], None]
"""Told the step's name, how much of it is done, and how much there is."""


class BadFile(Exception):
    """The file as a whole cannot be imported; nothing was."""

    def __init__(self, why: Said | str) -> None:
        self._why = why
        super().__init__(self.text("en"))

    def text(self, language: Language) -> str:
        """Why."""
        return self._why if isinstance(self._why, str) else self._why.text(language)


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """A line that was not imported. In an archive `file` names the file, and `line` counts its entries; both from 1."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class Report:
    """The outcome of one run, with reasons in `language`."""

    language: Language = "en"
    created: Counter[str] = field(default_factory=Counter)
    """What is new, by kind."""
    present: Counter[str] = field(default_factory=Counter)
    """What was there already, by kind."""
    refused: list[Refusal] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    """What Regard has no place for, by sentence."""

    def count(self, kind: str, created: bool, how_many: int = 1) -> None:
        """Counts something imported."""
        (self.created if created else self.present)[kind] += how_many

    def note(self, what: Said, how_many: int = 1) -> None:
        """Counts what Regard has no place for."""
        self.notes[what.words(self.language)] += how_many

    def refuse(self, line: int, reason: Said | str, file: str = "") -> None:
        """Names a line that is not imported."""
        self.refused.append(Refusal(file, line, reason if isinstance(reason, str) else reason.text(self.language)))


async def patiently(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """The call's answer, tried again with growing pauses while the server cannot be reached or asks to wait."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return await call()
        except RegardError as error:
            if not (error.unreachable or error.kind == "RESOURCE_EXHAUSTED"):
                raise
            await asyncio.sleep(0.2 * 2**attempt)
    return await call()


async def each(step: str, items: Iterable[Item], do: Callable[[Item], Awaitable[None]], progress: Progress) -> None:
    """Does all items, a few at once, and tells the progress. The first error ends the import: repeating goes on."""
    todo = list(items)
    done = 0
    gate = asyncio.Semaphore(AT_ONCE)
    progress(step, done, len(todo))

    async def one(item: Item) -> None:
        nonlocal done
        async with gate:
            await do(item)
        done += 1
        progress(step, done, len(todo))

    async with asyncio.TaskGroup() as group:
        for item in todo:
            group.create_task(one(item))


def is_text(value: object) -> bool:
    """Whether all of a JSON value can be written as UTF-8: its escapes can also name halves of characters."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def silent(step: str, done: int, total: int) -> None:
    """Tells nobody."""
