"""What opens an entry, as an auditor gets it."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["regard_client.verify", "regard_client.monitor"]):
    from regard_client.monitor import Opening, parse_opening
    from regard_client.verify.reasons import Unverified


def one(data: bytes) -> None:
    try:
        opening = parse_opening(data.decode(errors="replace"))
    except Unverified:
        return
    if parse_opening(str(opening)) != opening:
        raise AssertionError(f"{data!r} does not come back")


if __name__ == "__main__":
    fuzz(one, [str(Opening(3, bytes(32), b"{}")).encode()])
