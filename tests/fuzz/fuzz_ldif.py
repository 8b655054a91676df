"""People in LDIF."""

from pathlib import Path

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, people

with atheris.instrument_imports(include=["regard_client.importers"]):
    from regard_client.importers.ldif import read_ldif

EXAMPLE = Path(__file__).parents[2] / "examples" / "people.ldif"


if __name__ == "__main__":
    fuzz(people(read_ldif), [EXAMPLE.read_bytes(), b"dn:: YQ==\ncn;lang-fr: a\n b\nmail:< x\n-\n\nchangetype: add\n"])
