"""Consistency tokens, which come back in a header."""

import atheris

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.common.consistency"]):
    from services.common import consistency
    from services.common.errors import Refused


def one(data: bytes) -> None:
    try:
        tokens = consistency.decode(data.decode("latin-1"))
    except Refused:
        return
    for token in tokens:
        assert token.topic and token.stream and token.position > 0
        (again,) = consistency.decode(consistency.encode(token.topic, token.stream, token.position))
        assert (again.topic, again.stream, again.position) == (token.topic, token.stream, token.position)


if __name__ == "__main__":
    first = consistency.encode("regard.chat.events", "room-1", 7).encode()
    fuzz(one, [first, first + b", " + first, b"=,=", b"a"])
