"""The OpenAPI document as schemathesis understands it, against the running product: requests that keep the document
and requests that break it, with places that exist and places that don't. Whatever comes, the answer is one that the
document announces, never a fault of the server's, and a refusal has its id and its sentence.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.hostile.stage import Scene, Stage
from tests.system.refused import LANGUAGES, told_by_json

pytestmark = [pytest.mark.xdist_group("hostile"), pytest.mark.timeout(600), pytest.mark.slow]

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "api" / "openapi.json").read_text())
SENDABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
STREAMS = re.compile(r":(subscribe|watch|download)$")
CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
)  # fmt: skip
EXAMPLES = 12
"""Per operation and kind of request."""
LIMIT_S = 30


@pytest.fixture(scope="module")
def here(stage: Stage) -> Scene:
    """A group of its own, since what is allowed happens in it."""
    return Scene.of(stage)


def _operations() -> Iterator[Any]:
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations():
        yield found.ok()


OPERATIONS = {f"{one.method.upper()} {one.path}": one for one in _operations()}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_one_that_the_document_announces(here: Scene, seed: int, name: str) -> None:
    for mode in GenerationMode:

        @seeded(seed)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=OPERATIONS[name].as_strategy(generation_mode=mode), exists=st.booleans())
        def called(case: schemathesis.Case, exists: bool) -> None:
            _called(here, case, exists=exists)

        # Nothing can be wrong with a call that takes nothing.
        with contextlib.suppress(Unsatisfiable):
            called()


def _called(here: Scene, case: schemathesis.Case, *, exists: bool) -> None:
    if exists:
        known = {f"{name}Id": here.ids[name] for name in ("group", "room", "message", "post", "comment", "file")}
        case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
    case.headers = {name: value for name, value in case.headers.items() if SENDABLE.fullmatch(str(value))}
    case.headers["Authorization"] = f"Bearer {_token(here, case.path)}"
    if STREAMS.search(case.path):
        _begun(here, case)
        return
    answer = case.call(base_url=here.stage.url, timeout=LIMIT_S)
    if answer.status_code >= 300:
        _assert_told(answer.status_code, answer.headers["content-type"][0], answer.content)
    case.validate_response(answer, checks=list(CHECKS))


def _begun(here: Scene, case: schemathesis.Case) -> None:
    """A stream has no end: its first line has to be one of the document's messages."""
    sent = case.as_transport_kwargs(base_url=here.stage.url)
    with requests.request(**sent, stream=True, timeout=LIMIT_S) as answer:
        if answer.status_code >= 300:
            assert answer.status_code < 500
            _assert_told(answer.status_code, answer.headers["content-type"], answer.content)
        else:
            assert {"cursor", "file"} & json.loads(next(answer.iter_lines())).keys()


def _assert_told(status: int, content_type: str, content: bytes) -> None:
    assert any(_is_told(status, content_type, content, language) for language in LANGUAGES)


def _is_told(status: int, content_type: str, content: bytes, language: str) -> bool:
    try:
        return told_by_json(status, {"content-type": content_type}, content.decode(), language) is not None
    except AssertionError as error:
        if "no sentence in" in str(error):
            return False
        raise


def _token(here: Scene, path: str) -> str:
    """Whose call it is: somebody's who may make it."""
    if path.endswith(":signOut"):
        return here.stage.sign_in(here.people["auditor"].email)
    if path.endswith((":import", ":provision", ":grantRole", ":revokeRole", ":deactivate", ":reactivate")):
        return here.people["admin"].token
    return here.people["auditor" if path.endswith(":search") else "moderator"].token
