"""Searching as people type: without accents or case, by beginnings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.words import PrefixIndex, folded, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Éloïse LEFÈVRE", {"eloise", "lefevre"}),
        ("Jean-Noël", {"jean", "noel"}),
        ("Lœtitia Strauß", {"loetitia", "strauss"}),
        ("e\u0301", {"e"}),
        ("Usine n° 4, Saint-Étienne", {"usine", "n", "4", "saint", "etienne"}),
        ("İstanbul", {"istanbul"}),
        ("", set()),
        (" -_- ", set()),
    ],
)
def test_words_are_found_without_accents(text: str, found: set[str]) -> None:
    assert words(text) == found


@given(st.text())
def test_folding_is_done_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


Entries = frozenset[tuple[str, str]]
entries = st.frozensets(st.tuples(st.text("abc", min_size=1, max_size=3), st.sampled_from("123")))


@given(entries, entries, st.text("abc", min_size=1, max_size=2))
def test_the_index_finds_what_begins_so(
    kept: frozenset[tuple[str, str]], gone: frozenset[tuple[str, str]], prefix: str
) -> None:
    index = PrefixIndex()
    index.add(kept)
    index.add(gone - kept)
    index.sort()
    index.remove(gone - kept)
    assert sorted(index.starting(prefix)) == sorted(id for word, id in kept if word.startswith(prefix))
