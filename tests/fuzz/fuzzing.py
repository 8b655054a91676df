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
from typing import Any

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


def people(read: Callable[[str, bytes, Any], list[Any]]) -> Callable[[bytes], None]:
    """A test of a reader of people: it names the line of whatever it doesn't take, and takes nobody twice."""
    from regard_client.importers.report import BadFile, Report

    def one(data: bytes) -> None:
        report = Report()
        try:
            rows = read("people", data, report)
        except BadFile:
            return
        lines = {row.line for row in rows} | {refusal.line for refusal in report.refused}
        assert all(0 < line <= data.count(b"\n") + data.count(b"\r") + 1 for line in lines)
        assert len(lines) == len(rows) + len(report.refused)
        assert len({row.profile.email.casefold() for row in rows}) == len(rows)
        assert all(row.profile.SerializeToString() for row in rows)

    return one


def sendable(history: Any, report: Any) -> None:
    """Demands that whatever a history holds can be sent, and that each refusal is named."""
    for user in history.users.values():
        assert user.profile.SerializeToString()
    for channel in history.channels.values():
        (channel.name + channel.purpose).encode()
        for portion in channel.read():
            for post in portion:
                (post.id + post.reply_to + post.body).encode()
                assert post.body.strip() and post.created_ms > 0 and post.user in history.users
                assert all(who in history.users and emoji.encode() for who, emoji in post.reactions)
    assert all(refusal.line > 0 and refusal.reason.startswith("IMP-") for refusal in report.refused)
