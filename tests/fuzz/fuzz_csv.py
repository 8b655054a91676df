"""People in CSV."""

from pathlib import Path

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, people

with atheris.instrument_imports(include=["regard_client.importers"]):
    from regard_client.importers.people import read_csv

EXAMPLE = Path(__file__).parents[2] / "examples" / "people.csv"


if __name__ == "__main__":
    fuzz(
        people(read_csv),
        [EXAMPLE.read_bytes(), b'nom;courriel\n"a\nb";c@d\n', b"name\temail\troles\na\tb@c\tauditor\n"],
    )
