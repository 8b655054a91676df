"""Paths of tiles, tiles, and bundles of entries."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, mutual

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.reasons import Unverified
    from regard_client.verify.tiles import format_bundle, format_tile, parse_bundle, parse_path, parse_tile


def one(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    mutual(lambda _: parse_path(text).path.encode(), Unverified)(data)
    width = data[0] + 1 if data else 1
    mutual(lambda rest: format_bundle(parse_bundle(rest, width)), Unverified)(data[1:])
    mutual(lambda rest: format_tile(parse_tile(rest, width)), Unverified)(data[1:])


if __name__ == "__main__":
    fuzz(one, [b"tile/0/x001/x234/067.p/255", b"tile/entries/000", b"\1\0\1a\0\2bb", bytes(33)])
