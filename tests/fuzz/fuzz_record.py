"""Records."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.reasons import Unverified
    from regard_client.verify.record import parse_record
    from tests.unit.verify.receipts import RECORD


def one(data: bytes) -> None:
    try:
        record = parse_record(data)
    except Unverified:
        return
    if not isinstance(record["kind"], str):
        raise AssertionError("a record has a kind")


if __name__ == "__main__":
    fuzz(one, [RECORD])
