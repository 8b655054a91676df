"""Trust policies."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, mutual

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.policy import parse_policy
    from regard_client.verify.reasons import Unverified
    from tests.unit.verify.receipts import POLICY


def one(data: bytes) -> None:
    """Comments and spaces are not kept, so that it is the policy that must come back."""
    try:
        policy = parse_policy(data)
    except Unverified:
        return
    mutual(parse_policy, Unverified)(bytes(policy))


if __name__ == "__main__":
    fuzz(one, [bytes(POLICY), b"quorum none\n"])
