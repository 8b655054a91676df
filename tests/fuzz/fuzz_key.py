"""Public and private keys."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, mutual

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.keys import parse_secret, parse_vkey
    from regard_client.verify.reasons import Unverified
    from tests.unit.verify.receipts import LOG, LOG_MLDSA


def one(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    mutual(lambda _: parse_vkey(text), Unverified, lambda key: str(key).encode())(data)
    mutual(lambda _: parse_secret(text).secret(), Unverified, lambda key: str(key).encode())(data)


if __name__ == "__main__":
    fuzz(one, [str(key.verifier).encode() for key in (LOG, LOG_MLDSA)] + [LOG.secret().encode()])
