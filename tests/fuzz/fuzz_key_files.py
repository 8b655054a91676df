"""The files of the master key and of the internal key: used, or refused with a sentence that says nothing of them."""

import base64
import tempfile
from pathlib import Path

import atheris
from joserfc.jwk import ECKey

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.common.masterkey", "services.common.internalkey", "joserfc.jwk"]):
    from services.common.internalkey import BadInternalKey, load_internal_key
    from services.common.masterkey import BadMasterKey, load_master_key
    from services.common.settings import Settings

FILE = Path(tempfile.mkdtemp()) / "key"
SETTINGS = Settings(data=FILE.parent, master_key_file=FILE, internal_key_file=FILE)


def one(data: bytes) -> None:
    FILE.write_bytes(data)
    try:
        load_master_key(SETTINGS)
    except BadMasterKey as refused:
        _assert_silent(data, str(refused))
    try:
        key = load_internal_key(SETTINGS)
    except BadInternalKey as refused:
        _assert_silent(data, str(refused))
    else:
        assert key.curve_name == "P-256" and key.is_private


def _assert_silent(data: bytes, sentence: str) -> None:
    text = data.decode("latin-1").strip()
    assert len(text) < 30 or text not in sentence


if __name__ == "__main__":
    pem = ECKey.generate_key("P-256").as_pem(private=True)
    public = ECKey.generate_key("P-256").as_pem(private=False)
    fuzz(one, [base64.b64encode(bytes(32)), pem, public, ECKey.generate_key("P-384").as_pem(private=True), b"\xff"])
