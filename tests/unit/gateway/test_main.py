"""The gateway alone, told by its environment."""

import json

import pytest

from services.common import contracts
from services.common.errors import Refused
from services.gateway.__main__ import main

NAMES = sorted({method.service for method in contracts.methods()} | {"audit_http", "identity_http", "page"})


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, name in enumerate(NAMES):
        monkeypatch.setenv(f"REGARD_{name.upper()}_ADDRESS", f"{name}.regard:{5000 + number}")


@pytest.mark.usefixtures("addresses")
def test_the_configuration_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["config"])
    clusters = json.loads(capsys.readouterr().out)["static_resources"]["clusters"]
    assert sorted(cluster["name"] for cluster in clusters) == NAMES


@pytest.mark.usefixtures("addresses")
@pytest.mark.parametrize("bad", ["", "chat", "chat:", ":1", "chat:x"])
def test_a_bad_address_is_named(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("REGARD_CHAT_ADDRESS", bad)
    with pytest.raises(Refused) as refused:
        main(["config"])
    assert refused.value.sentence("en") == "REGARD_CHAT_ADDRESS doesn’t say where that service is."
