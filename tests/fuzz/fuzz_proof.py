"""Proofs in files."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, mutual

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.proof import parse_proof
    from regard_client.verify.reasons import Unverified
    from tests.unit.verify.receipts import LOG, receipt

if __name__ == "__main__":
    fuzz(mutual(parse_proof, Unverified), [bytes(receipt(LOG))])
