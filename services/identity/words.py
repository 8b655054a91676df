"""Words as people search them: without case or accents, by their beginning."""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Set
from itertools import islice

_WORD = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})
"""Letters that Unicode does not decompose."""


def folded(text: str) -> str:
    """The text without case and accents: `Éloïse` gives `eloise`."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_LETTERS)


def words(text: str) -> frozenset[str]:
    """The folded words of a text: `Jean-Noël` gives `jean` and `noel`."""
    return frozenset(_WORD.findall(folded(text)))


class PrefixIndex:
    """Who has a word that begins with some letters."""

    def __init__(self) -> None:
        self._entries: list[tuple[str, str]] = []

    def add(self, entries: Iterable[tuple[str, str]]) -> None:
        """Adds pairs of word and id; call `sort` when all are added."""
        self._entries.extend(entries)

    def remove(self, entries: Set[tuple[str, str]]) -> None:
        """Takes pairs out again."""
        if entries:
            self._entries = [entry for entry in self._entries if entry not in entries]

    def sort(self) -> None:
        """Makes what was added findable."""
        self._entries.sort()

    def starting(self, prefix: str) -> Iterator[str]:
        """The ids with a word that begins with `prefix`; one comes once for each such word."""
        for word, id in islice(self._entries, bisect_left(self._entries, (prefix, "")), None):
            if not word.startswith(prefix):
                return
            yield id
