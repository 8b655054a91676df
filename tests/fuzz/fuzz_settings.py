"""Variables of the environment: usable settings, or sentences that name the variable and never its value."""

import os

import atheris

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.common.settings"]):
    from services.common.settings import BadSettings, Settings, load_settings, misspelt

NAMES = [f"REGARD_{name.upper()}" for name in Settings.model_fields]


def one(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    for name in [one for one in os.environ if one.startswith("REGARD_")]:
        del os.environ[name]
    written = {}
    for _ in range(provider.ConsumeIntInRange(1, 4)):
        name = NAMES[provider.ConsumeIntInRange(0, len(NAMES) - 1)]
        written[name] = os.fsdecode(provider.ConsumeBytes(40).replace(b"\0", b""))
    os.environ.update(written)
    misspelt(os.environ)
    try:
        load_settings()
    except BadSettings as refused:
        _assert_discreet(refused, written)


def _assert_discreet(refused: BadSettings, written: dict[str, str]) -> None:
    for sentence in refused.sentences:
        assert any(name in sentence for name in (*written, "REGARD_<NAME>_"))
    assert not any(len(value) > 12 and value in str(refused) for value in written.values())


if __name__ == "__main__":
    fuzz(one, [bytes([number]) * 3 + b"127.0.0.1:80,1,true" for number in range(40)])
