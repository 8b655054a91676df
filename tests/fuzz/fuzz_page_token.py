"""Page tokens and cursors of streams: anyone may send anything back."""

import atheris

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.common.paging", "services.chat.cursor"]):
    from services.chat.cursor import PARTITIONS, Cursor
    from services.common import paging
    from services.common.errors import Refused

LIKE: tuple[tuple[str | int, ...], ...] = (("",), (0,), (0, 0), (0, ""), ("", 0, ""), (0,) * PARTITIONS)


def one(data: bytes) -> None:
    token = data.decode(errors="replace")
    for like in LIKE:
        try:
            key = paging.decode(token, like)
        except Refused:
            continue
        if key is None:
            assert not token
            continue
        assert list(map(type, key)) == list(map(type, like))
        assert paging.decode(paging.encode(key), like) == key
    try:
        cursor = Cursor.decode(token)
    except Refused:
        return
    if cursor is not None:
        assert Cursor.decode(cursor.encode()) is not None


if __name__ == "__main__":
    fuzz(one, [paging.encode(key).encode() for key in (*LIKE, (1, "2026"), (2**62,))])
