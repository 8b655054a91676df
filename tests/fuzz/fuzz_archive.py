"""Archives, of which no byte may lie."""

import tempfile
from pathlib import Path

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz
from tests.unit.client.slack import export

with atheris.instrument_imports(include=["regard_client.importers.archive", "zipfile"]):
    from regard_client.importers.archive import BadMember, opened
    from regard_client.importers.report import BadFile


def one(data: bytes) -> None:
    FILE.write_bytes(data)
    try:
        with opened(FILE) as archive:
            for name in archive.names:
                assert ".." not in name.split("/") and not name.startswith("/") and name.isprintable(), name
                try:
                    archive.read(name)
                except BadMember:
                    continue
    except BadFile:
        return


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FILE = Path(folder) / "export.zip"
        good = export(FILE, {"hall/2017-12-01.json": b"[]", "caf\u00e9": b"", "folder/": b""}).read_bytes()
        fuzz(one, [good, good[:-30], good.replace(b"hall/", b"../..")])
