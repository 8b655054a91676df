"""How the entries in this folder are run: each fuzzes one parser, by itself or from test_fuzz.py.

    .venv/bin/python -m tests.fuzz.fuzz_note -max_total_time=60

A parser may refuse in the one way that it documents, and whatever it accepts is written back byte for byte. Anything
else ends the run with the input that did it. Arguments are libFuzzer's.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris


def fuzz(one: Callable[[bytes], None], seeds: Iterable[bytes] = ()) -> None:
    """Runs `one` on ever new input, beginning with the seeds."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([*sys.argv, corpus], one)
        atheris.Fuzz()


def mutual(
    parse: Callable[[bytes], object], refusal: type[Exception], write: Callable[[object], bytes] = bytes
) -> Callable[[bytes], None]:
    """A test that `parse` either refuses with `refusal`, or is undone by `write`."""

    def one(data: bytes) -> None:
        try:
            parsed = parse(data)
        except refusal:
            return
        if write(parsed) != data:
            raise AssertionError(f"{data!r} was read as {write(parsed)!r}")

    return one
