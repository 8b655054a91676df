"""Mattermost's bulk exports."""

import tempfile
from pathlib import Path

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz, sendable

with atheris.instrument_imports(include=["regard_client.importers"]):
    from regard_client.importers.mattermost import read_export
    from regard_client.importers.report import BadFile, Report

EXAMPLE = Path(__file__).parents[2] / "examples" / "mattermost.jsonl"
HEAD = b"".join(EXAMPLE.read_bytes().splitlines(keepends=True)[:6])


def one(data: bytes) -> None:
    """What follows a good beginning, unless there is none."""
    for content in (data, HEAD + data):
        FILE.write_bytes(content)
        report = Report()
        try:
            history = read_export(FILE, report)
        except BadFile:
            continue
        sendable(history, report)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FILE = Path(folder) / "export.jsonl"
        fuzz(one, [EXAMPLE.read_bytes(), *EXAMPLE.read_bytes().splitlines()])
