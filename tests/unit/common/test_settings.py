from pathlib import Path

import pytest

from services.common.settings import BadSettings, Settings, load_settings, misspelt, reference


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("REGARD_")]:
        monkeypatch.delenv(name)


def test_without_variables_everything_is_embedded() -> None:
    settings = load_settings()
    assert (settings.port, settings.data) == (8080, Path("data"))
    assert not settings.eventstore_uri
    assert not settings.kafka_bootstrap
    assert not settings.database_url


def test_variables_are_read_and_arguments_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGARD_PORT", "9001")
    monkeypatch.setenv("REGARD_DATA", "/srv/regard")
    assert load_settings().port == 9001
    assert load_settings(port=0).port == 0
    assert load_settings().data == Path("/srv/regard")


def test_each_service_has_two_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGARD_GROUPS_ADDRESS", "groups:7000")
    monkeypatch.setenv("REGARD_GROUPS_LISTEN", "0.0.0.0:7000")
    settings = load_settings()
    assert settings.address == {"groups": "groups:7000"}
    assert settings.listen == {"groups": "0.0.0.0:7000"}


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eighty"), ("PORT", "70000"), ("LOG_LEVEL", "chatty"), ("METRICS_PORT", "-1")]
)
def test_a_bad_value_gives_one_sentence_in_both_languages(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"REGARD_{name}", value)
    with pytest.raises(BadSettings) as refused:
        load_settings()
    (sentence,) = refused.value.sentences
    assert sentence.startswith(f"REGARD_{name} can't be used: it takes ")
    assert f"/ REGARD_{name} est inutilisable" in sentence


def test_a_variable_of_no_service_is_told_as_a_bad_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGARD_LISTEN", "127.0.0.1:80")
    with pytest.raises(BadSettings, match="REGARD_<NAME>_LISTEN can't be used"):
        load_settings()


def test_the_sentence_tells_no_value_since_it_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGARD_PORT", "hunter2")
    with pytest.raises(BadSettings) as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_secrets_do_not_show_in_a_representation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGARD_MASTER_KEY", "c2VjcmV0")
    assert "c2VjcmV0" not in repr(load_settings())


def test_misspelt_variables_are_named() -> None:
    (sentence,) = misspelt({"REGARD_EVENTSTORE_UR": "", "REGARD_GROUPS_LISTEN": "", "REGARD_PORT": "", "PATH": ""})
    assert "REGARD_EVENTSTORE_URI" in sentence


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_reference_explains_every_variable(language: str) -> None:
    table = reference("fr" if language == "fr" else "en")
    assert len(table.splitlines()) == 2 + len(Settings.model_fields)
    assert "`REGARD_<NAME>_LISTEN`" in table
    assert "SecretStr" not in table
    assert "*****" not in table
