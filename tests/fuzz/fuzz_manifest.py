"""Manifests of exports."""

import atheris

import regard_client  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["regard_client.verify"]):
    from regard_client.verify.export import format_manifest, parse_manifest
    from regard_client.verify.reasons import Unverified
    from tests.unit.verify.test_export import files

GOOD = files()["manifest.json"]


def one(data: bytes) -> None:
    try:
        manifest = parse_manifest(data)
    except Unverified:
        return
    if format_manifest(manifest) != data:
        raise AssertionError(f"{data!r} does not come back")


if __name__ == "__main__":
    fuzz(one, [GOOD])
