"""Every RPC, called by everyone who has no business calling it, by every way in.

No token, forged and stale ones; a colleague who was never in the group, one who was removed, a guest whose time is
over, an administrator. Each is refused with the id that its row names, gets nothing of the group with it, and cannot
tell whether what they asked for exists.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import repeat
from time import time
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from services.common import contracts
from services.common.contracts import Method
from tests.hostile.calls import Answer, ask, ask_in_json, plain
from tests.hostile.rows import ROWS, SERVED, Row
from tests.hostile.stage import PASSWORD, UNKNOWN, Scene, Stage

pytestmark = [pytest.mark.xdist_group("hostile"), pytest.mark.timeout(300), pytest.mark.slow]

METHODS = {method.full_name: method for method in contracts.methods()}
OUTSIDERS = ("outsider", "removed", "guest", "admin")
Behind = Mapping[str, grpc.aio.Channel]
"""A way to each service by its name, around the gateway."""
PLACES = ("group", "room", "message", "post", "comment", "file", "access")

every_method = pytest.mark.parametrize("name", list(ROWS))


def test_every_method_of_the_contract_has_a_row_and_every_row_a_method() -> None:
    assert ROWS.keys() == METHODS.keys()


def _request(scene: Scene, name: str, *, exists: bool = True) -> Message:
    """The row's request, about the scene or, unless `exists`, about nothing that there is."""
    named = scene.ids if exists else scene.ids | dict.fromkeys(PLACES, UNKNOWN)
    named = named | {
        "password": PASSWORD,
        "auditor_email": scene.people["auditor"].email,
        "refresh_token": "hostile",
        "name": scene.secrets["group"] if exists else "hostile",
        "tomorrow": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    return ParseDict(_filled(ROWS[name].request, named), METHODS[name].request())


def _filled(value: Any, named: Mapping[str, str]) -> Any:
    match value:
        case Mapping():
            return {key: _filled(one, named) for key, one in value.items()}
        case list():
            return [_filled(one, named) for one in value]
        case str() if value.startswith("$"):
            return named[value[1:]]
        case _:
            return value


@asynccontextmanager
async def _doors(stage: Stage) -> AsyncIterator[tuple[grpc.aio.Channel, httpx.AsyncClient, Behind]]:
    """The gateway by gRPC and by JSON, and the services behind it."""
    async with AsyncExitStack() as stack:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(stage.target))
        json_ = await stack.enter_async_context(httpx.AsyncClient(base_url=stage.url, timeout=30))
        services = {method.service for method in METHODS.values()}
        behind = {
            name: await stack.enter_async_context(grpc.aio.insecure_channel(stage.behind[name])) for name in services
        }
        yield channel, json_, behind


async def _everywhere(
    channel: grpc.aio.Channel, json_: httpx.AsyncClient, method: Method, request: Message, tokens: Iterator[str]
) -> Answer:
    """What the caller gets through the gateway; the same refusal by gRPC and by every way of JSON. A token for each."""
    told, answer = await ask(channel, method, request, next(tokens))
    for rule in method.http:
        told_in_json, more = await ask_in_json(json_, method, rule, request, next(tokens))
        assert told_in_json == told, f"{rule.path}: {plain(request)}"
        answer += more
    return told, answer


def _tokens(stage: Stage, person_id: str) -> Iterator[tuple[str, str, str]]:
    """Name of the token, the token, and what the services themselves say to it."""
    forger, now_s = stage.forger, int(time())
    yield "none", "", "RPC-03"
    yield "expired", forger.signed(person_id, iat=now_s - 1200, exp=now_s - 600), "RPC-05"
    yield "foreign issuer", forger.signed(person_id, iss="elsewhere"), "RPC-04"
    yield "wrong audience", forger.signed(person_id, aud="regard-internal"), "RPC-04"
    yield "algorithm none", forger.unsigned(person_id), "RPC-04"
    yield "HS256", forger.by_public_key(person_id)["PEM"], "RPC-04"


@every_method
async def test_without_a_good_token_nothing_is_answered(scene: Scene, name: str) -> None:
    method, row, request = METHODS[name], ROWS[name], _request(scene, name)
    async with _doors(scene.stage) as (channel, json_, behind):
        for token_name, token, id_behind in _tokens(scene.stage, scene.ids["member"]):
            told, answer = await _everywhere(channel, json_, method, request, repeat(token))
            directly, more = await ask(behind[method.service], method, request, token)
            outside, inside = (told.id if told else SERVED), (directly.id if directly else SERVED)
            if method.access.internal:
                # A person's token is none of a service's, whatever else is wrong with it.
                expected = ("GWY-01", "RPC-08" if token else "RPC-03")
            elif method.access.public:
                expected = (row.public, row.public)
            else:
                expected = ("GWY-01", id_behind)
            assert (outside, inside) == expected, token_name
            _assert_nothing_of(scene, answer + more, token_name)


@every_method
async def test_who_does_not_belong_gets_nothing_and_learns_nothing(scene: Scene, name: str) -> None:
    method, row = METHODS[name], ROWS[name]
    if method.access.public:
        pytest.skip("for everyone")
    async with _doors(scene.stage) as (channel, json_, _):
        for caller in OUTSIDERS:
            if caller == row.rightful:
                continue  # as their role says; test_the_rightful_are_served
            found = []
            for exists in (True, False):
                tokens = _good_tokens(scene, caller, row)
                told, answer = await _everywhere(channel, json_, method, _request(scene, name, exists=exists), tokens)
                _assert_nothing_of(scene, answer, caller)
                found.append(told)
            expected = "GWY-04" if method.access.internal else row.outsiders
            assert {told.id if told else SERVED for told in found} == {expected}, caller
            assert len(set(found)) == 1, f"{caller} can tell whether it exists"


def _good_tokens(scene: Scene, caller: str, row: Row) -> Iterator[str]:
    while row.ends_session:
        yield scene.stage.sign_in(scene.people[caller].email)
    yield from repeat(scene.people[caller].token)


async def test_between_services_only_a_service_is_served(scene: Scene) -> None:
    forger, now_s = scene.stage.forger, int(time())
    strange = type(forger.internal).generate_key("P-256")
    hostile = {
        "expired": (forger.service(iat=now_s - 120, exp=now_s - 60), "RPC-05"),
        "good for longer than tokens live": (forger.service(exp=now_s + 86_400), "RPC-08"),
        "for people": (forger.service(aud="regard"), "RPC-08"),
        "for nobody": (forger.service(sub=None), "RPC-08"),
        "by another key": (forger.service(by=strange), "RPC-08"),
        "by the key of people's tokens": (forger.service(by=forger.signing), "RPC-08"),
        "an administrator's": (scene.people["admin"].token, "RPC-08"),
    }
    internal = [name for name in ROWS if METHODS[name].access.internal]
    assert internal
    async with _doors(scene.stage) as (channel, _, behind):
        for name in internal:
            for token_name, (token, id) in hostile.items():
                told, answer = await ask(behind[METHODS[name].service], METHODS[name], _request(scene, name), token)
                assert told, token_name
                assert (told.id, answer) == (id, b""), token_name
            # Not even a service is served from outside.
            outside, _ = await ask(channel, METHODS[name], _request(scene, name), forger.service())
            assert outside and outside.id == "GWY-01"
            assert not METHODS[name].http
        # And a service is no person, whatever it asks for.
        for name, method in METHODS.items():
            if not (method.access.internal or method.access.public):
                told, answer = await ask(behind[method.service], method, _request(scene, name), forger.service())
                assert told and told.id == "RPC-04", name
                assert not answer
                outside, _ = await ask(channel, method, _request(scene, name), forger.service())
                assert outside and outside.id == "GWY-01", name


def test_all_this_changed_nothing(scene: Scene) -> None:
    seen = scene.seen()
    text = json.dumps(seen)
    assert all(scene.secrets[name] in text for name in ("group", "room", "message", "answer", "post", "comment"))
    assert "hostile" not in text
    known = {scene.people[name].id for name in ("moderator", "member", "spare", "leaver")}
    members = seen[f"/v1/groups/{scene.ids['group']}/members"]["members"]
    assert {one["personId"] for one in members} == known


async def test_the_rightful_are_served(stage: Stage) -> None:
    """The same requests are good ones: made by those who may, each is answered. In a group of its own."""
    scene = Scene.of(stage)
    async with _doors(stage) as (channel, _, behind):
        for name, row in ROWS.items():
            method, request = METHODS[name], _request(scene, name)
            if method.access.internal:
                told, _ = await ask(behind[method.service], method, request, stage.forger.service())
            else:
                tokens = _good_tokens(scene, row.rightful or "member", row) if row.rightful != "nobody" else repeat("")
                told, _ = await ask(channel, method, request, next(tokens))
            expected = row.public if method.access.public else SERVED if row.rightful else row.outsiders
            assert (told.id if told else SERVED) == expected, f"{name}: {told} {plain(request)}"


def _assert_nothing_of(scene: Scene, answer: bytes, caller: str) -> None:
    for what, secret in scene.secrets.items():
        assert secret.encode() not in answer, f"{caller} got the {what}"
