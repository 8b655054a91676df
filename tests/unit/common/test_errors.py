import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import services
import services.common.eventstore
from services.common import errors
from services.common.errors import Kind, Refusal, Refused, refusal

GREETING = Refusal(
    "TST-01", Kind.NOT_FOUND, "No {what} here.", "Pas de {what} ici.", "Look at {place}.", "Voir {place}."
)


def declared() -> list[Refusal]:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return list(errors.catalogue())


def flaws(one: Refusal) -> Iterator[str]:
    texts = (one.en, one.fr, one.remedy_en, one.remedy_fr)
    if not re.fullmatch(r"[A-Z]{2,3}-\d\d", one.id):
        yield "not an id"
    if errors.placeholders(one.en) != errors.placeholders(one.fr):
        yield "the sentences name different parameters"
    if errors.placeholders(one.remedy_en) != errors.placeholders(one.remedy_fr):
        yield "the remedies name different parameters"
    if not all(name.isidentifier() for name in one.placeholders()):
        yield "parameters are named"
    if one.en == one.fr or one.remedy_en == one.remedy_fr:
        yield "not translated"
    for text in texts:
        if len(text) < 5 or text != text.strip() or text[-1] not in ".?!»}":
            yield f"not a sentence: {text!r}"


def test_every_refusal_of_every_service_is_complete_in_both_languages() -> None:
    found = declared()
    assert len(found) >= 3
    assert [f"{one.id}: {flaw}" for one in found for flaw in flaws(one)] == []


def test_an_incomplete_refusal_would_be_found() -> None:
    bad = Refusal("GR-1", Kind.INTERNAL, "{who} left", "{qui} est parti.", "Ask {0}.", "Ask {0}.")
    assert list(flaws(bad)) == [
        "not an id",
        "the sentences name different parameters",
        "parameters are named",
        "not translated",
        "not a sentence: '{who} left'",
    ]


def test_ids_are_unique_over_all_services() -> None:
    ids = [one.id for one in declared()]
    assert sorted(set(ids)) == ids


@pytest.mark.parametrize("id", ["GRP-7", "grp-07", "G-07", "GRPS-07", "GRP-007", ""])
def test_a_malformed_id_is_not_declared(id: str) -> None:
    with pytest.raises(ValueError, match="looks like"):
        refusal(id, Kind.INTERNAL, en="a", fr="b", remedy_en="c", remedy_fr="d")
    assert id not in {one.id for one in errors.catalogue()}


def test_an_id_is_declared_once() -> None:
    taken = "ES-02"
    with pytest.raises(ValueError, match="twice"):
        refusal(taken, Kind.INTERNAL, en="a", fr="b", remedy_en="c", remedy_fr="d")


def test_a_refusal_speaks_both_languages() -> None:
    refused = GREETING(what="group", place="the list")
    assert refused.sentence("en") == "No group here."
    assert refused.sentence("fr") == "Pas de group ici."
    assert refused.remedy("en") == "Look at the list."
    assert refused.describe("fr") == "Pas de group ici. Voir the list."
    assert dict(refused.params) == {"what": "group", "place": "the list"}


def test_a_missing_parameter_is_found_where_it_is_raised() -> None:
    with pytest.raises(TypeError, match="TST-01 needs place"):
        GREETING(what="group")


def test_a_logged_exception_shows_no_parameter() -> None:
    refused = GREETING(what="Projet Alouette", place="x")
    assert "Alouette" not in f"{refused} {refused!r}"
    assert str(refused) == "TST-01 NOT_FOUND: No {what} here."
    assert isinstance(refused, Refused)


def test_kinds_are_the_codes_of_grpc() -> None:
    import grpc

    codes = {code.name: code.value[0] for code in grpc.StatusCode}
    assert {kind.name: kind.value for kind in Kind}.items() <= codes.items()
    assert codes.keys() - {kind.name for kind in Kind} == {"OK", "UNKNOWN"}


def test_placeholders_are_those_of_the_formatter() -> None:
    assert errors.placeholders("{a} and {b!s} {{c}}") == {"a", "b"}
