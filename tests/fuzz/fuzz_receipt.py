"""Receipts: as files, and as what verifies."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, mutual

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.reasons import Unverified
    from regard_client.verify.receipt import parse_receipt, verify_receipt
    from tests.unit.verify.receipts import COUNCIL, LOG, POLICY, receipt

GOOD = bytes(receipt(LOG, COUNCIL))


def one(data: bytes) -> None:
    mutual(parse_receipt, Unverified)(data)
    try:
        verify_receipt(data, POLICY)
    except Unverified:
        return
    if data != GOOD:
        raise AssertionError("something else than what was signed has verified")


if __name__ == "__main__":
    fuzz(one, [GOOD])
