"""Checkpoints."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, mutual

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.checkpoint import parse_checkpoint
    from regard_client.verify.reasons import Unverified
    from tests.unit.verify.receipts import LOG, receipt


def parse(data: bytes) -> object:
    """A checkpoint is the text of a note, so that it is UTF-8 already."""
    return parse_checkpoint(data.decode(errors="replace"))


def write(parsed: object) -> bytes:
    return str(parsed).encode()


def one(data: bytes) -> None:
    mutual(parse, Unverified, write)(data.decode(errors="replace").encode())


if __name__ == "__main__":
    fuzz(one, [receipt(LOG).checkpoint.text.encode()])
