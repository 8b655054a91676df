"""Requests to a witness, and its answers."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, mutual

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.addcheckpoint import parse_add_checkpoint
    from regard_client.verify.notes import parse_signatures
    from regard_client.verify.reasons import Unverified
    from tests.unit.verify.logs import Log
    from tests.unit.verify.receipts import COUNCIL, LOG

REQUEST = b"old 0\n\n" + bytes(Log.of(3).note())


def one(data: bytes) -> None:
    mutual(parse_add_checkpoint, Unverified)(data)
    text = data.decode(errors="replace")
    mutual(lambda _: parse_signatures(text), Unverified, lambda lines: "".join(map(str, lines)).encode())(text.encode())


if __name__ == "__main__":
    fuzz(one, [REQUEST, str(COUNCIL.sign("x\n")).encode(), str(LOG.sign("x\n")).encode()])
