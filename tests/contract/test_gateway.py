"""A genuine Envoy, called by genuine clients: gRPC, gRPC-Web, JSON; and by those who mean harm."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import time

import grpc
import httpx
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2, status_pb2
from joserfc.jwk import ECKey
from regard.chat.v1 import chat_pb2, chat_pb2_grpc
from regard.groups.v1 import groups_pb2

from tests.contract.edge import PERSON, ROOM, Behind, gateway_with_services
from tests.grpcweb import WebChannel, WebRpcError

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "/regard.chat.v1.ChatService"
KEYS = "/regard.groups.v1.GroupInternalService/GetContentKeys"
ORIGIN = "https://intranet.example"
MESSAGES = f"/v1/rooms/{ROOM}/messages"
TOO_LARGE = 3 * 1024 * 1024
SOON_S = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    folder = tmp_path_factory.mktemp("gateway")
    async with gateway_with_services(folder, origins=ORIGIN, access_log=True) as behind:
        yield behind


@pytest.fixture
def edge(shared: Behind) -> Behind:
    shared.chat.seen.clear()
    for event in (shared.chat.go_on, shared.chat.cancelled, shared.chat.silent):
        event.clear()
    return shared


@dataclass(frozen=True)
class Told:
    """What a caller learns of a refusal, whichever way it called."""

    id: str
    code: int
    languages: frozenset[str]


def told(status: status_pb2.Status) -> Told:
    info, words = error_details_pb2.ErrorInfo(), set()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(error_details_pb2.LocalizedMessage.DESCRIPTOR):
            localized = error_details_pb2.LocalizedMessage()
            detail.Unpack(localized)
            assert localized.message
            words.add(localized.locale)
    assert info.domain == "regard"
    assert info.metadata["remedy"]
    return Told(info.reason, status.code, frozenset(words))


BOTH = frozenset({"fr", "en"})


async def by_json(http: httpx.AsyncClient, verb: str, path: str, **request: object) -> tuple[int, Told]:
    response = await http.request(verb, path, **request)  # type: ignore[arg-type]
    assert response.headers["content-type"] == "application/json", response.text
    body = response.json()
    assert body["requestId"] == response.headers.get("x-request-id")
    info, *words = body["details"]
    assert info["reason"] == body["id"]
    assert info["metadata"]["remedy"]
    assert body["message"] == " / ".join(word["message"] for word in words)
    return response.status_code, Told(body["id"], body["code"], frozenset(word["locale"] for word in words))


async def by_grpc(
    channel: grpc.aio.Channel, path: str, request: bytes, metadata: tuple[tuple[str, str], ...], timeout: float = SOON_S
) -> Told:
    call = channel.unary_unary(path)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(request, metadata=metadata, timeout=timeout)
    details = dict(failed.value.trailing_metadata() or ()).get("grpc-status-details-bin")
    assert isinstance(details, bytes), failed.value
    status = status_pb2.Status.FromString(details)
    assert (failed.value.code().value[0], failed.value.details()) == (status.code, status.message)
    return told(status)


async def by_web(channel: WebChannel, path: str, request: chat_pb2.SendMessageRequest) -> Told:
    with pytest.raises(WebRpcError) as failed:
        await channel.unary(path, request, chat_pb2.SendMessageResponse)
    status = status_pb2.Status.FromString(failed.value.details)
    assert (failed.value.code.value[0], failed.value.message) == (status.code, status.message)
    return told(status)


def message(body: str = "bonjour") -> chat_pb2.SendMessageRequest:
    return chat_pb2.SendMessageRequest(room_id=ROOM, body=body)


# The three ways in


async def test_grpc_reaches_the_service_with_the_callers_own_token(edge: Behind) -> None:
    stub = chat_pb2_grpc.ChatServiceStub(edge.channel)
    call = stub.SendMessage(message(), metadata=(*edge.metadata, ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")))
    assert (await call).message_id == "bonjour"
    assert dict(await call.initial_metadata())["x-consistency-token"] == "here"
    (seen,) = edge.chat.seen
    assert seen["authorization"] == edge.headers["authorization"]
    assert seen["traceparent"] == f"00-{'a' * 32}-{'b' * 16}-01"
    assert seen["x-user-id"] == PERSON


async def test_json_binds_path_body_and_query(edge: Behind) -> None:
    sent = await edge.http.post(MESSAGES, json={"body": "bonjour"}, headers=edge.headers)
    assert (sent.status_code, sent.json()) == (200, {"messageId": "bonjour"})
    assert sent.headers["x-consistency-token"] == "here"
    listed = await edge.http.get(MESSAGES, params={"page.size": 2}, headers=edge.headers)
    first, second = listed.json()["messages"]
    assert first == second
    assert first["roomId"] == ROOM
    assert first["sequence"] == str(2**53 + 1)  # a number would lose its last digit in JavaScript
    assert first["withdrawn"] is False  # said, not left out


async def test_grpc_web_reaches_the_service(edge: Behind) -> None:
    answer = await edge.web.unary(f"{CHAT}/SendMessage", message(), chat_pb2.SendMessageResponse)
    assert answer.message_id == "bonjour"


async def frames_by_grpc(edge: Behind, cursor: str) -> AsyncIterator[str]:
    stub = chat_pb2_grpc.ChatServiceStub(edge.channel)
    call = stub.Subscribe(chat_pb2.SubscribeRequest(cursor=cursor), metadata=edge.metadata)
    try:
        async for frame in call:
            yield frame.cursor
    finally:
        call.cancel()


async def frames_by_web(edge: Behind, cursor: str) -> AsyncIterator[str]:
    request = chat_pb2.SubscribeRequest(cursor=cursor)
    async for frame in edge.web.stream(f"{CHAT}/Subscribe", request, chat_pb2.SubscribeResponse):
        yield frame.cursor


async def frames_by_json(edge: Behind, cursor: str) -> AsyncIterator[str]:
    url = "/v1/rooms:subscribe"
    async with edge.http.stream("GET", url, params={"cursor": cursor}, headers=edge.headers) as response:
        async for line in response.aiter_lines():
            yield json.loads(line)["cursor"]


STREAMS = pytest.mark.parametrize("frames", [frames_by_grpc, frames_by_web, frames_by_json])


@STREAMS
async def test_a_stream_comes_live(edge: Behind, frames) -> None:  # type: ignore[no-untyped-def]
    received = []
    async with asyncio.timeout(SOON_S):
        async for cursor in frames(edge, ""):
            received.append(cursor)
            edge.chat.go_on.set()  # the service waits for it: the first frame came before the second existed
    assert received == ["1", "2"]


@STREAMS
async def test_leaving_a_stream_stops_the_service(edge: Behind, frames) -> None:  # type: ignore[no-untyped-def]
    stream = frames(edge, "")
    async with asyncio.timeout(SOON_S):
        assert await anext(stream) == "1"
        await stream.aclose()
        await edge.chat.cancelled.wait()


async def test_a_stream_that_breaks_says_so(edge: Behind) -> None:
    edge.chat.go_on.set()
    with pytest.raises(grpc.aio.AioRpcError) as native:
        _ = [cursor async for cursor in frames_by_grpc(edge, "fail")]
    assert native.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(WebRpcError) as web:
        _ = [cursor async for cursor in frames_by_web(edge, "fail")]
    assert web.value.code is grpc.StatusCode.UNAVAILABLE


async def test_a_services_refusal_arrives_whole(edge: Behind) -> None:
    response = await edge.http.get(f"/v1/rooms/{ROOM}", headers=edge.headers)
    assert response.status_code == 404
    assert response.json()["details"] == [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "CHT-01", "domain": "regard", "metadata": {}},
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "room_id", "description": "unknown", "reason": ""}],
        },
    ]
    with pytest.raises(WebRpcError) as web:
        await edge.web.unary(f"{CHAT}/GetRoom", chat_pb2.GetRoomRequest(room_id=ROOM), chat_pb2.GetRoomResponse)
    assert [detail.type_url for detail in status_pb2.Status.FromString(web.value.details).details] == [
        "type.googleapis.com/google.rpc.ErrorInfo",
        "type.googleapis.com/google.rpc.BadRequest",
    ]


# Tokens


def forged(edge: Behind) -> dict[str, str]:
    now_s = int(time())
    strange = ECKey.generate_key("P-256", {"kid": "k1"})
    header, payload, signature = edge.issuer.token().split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return {
        "garbage": "nonsense",
        "another key": edge.issuer.token(by=strange),
        "another audience": edge.issuer.token(aud="elsewhere"),
        "another issuer": edge.issuer.token(iss="elsewhere"),
        "expired": edge.issuer.token(exp=now_s - 120, iat=now_s - 720),
        "not yet valid": edge.issuer.token(nbf=now_s + 600),
        "without signature": f"{unsigned}.{payload}.",
        "tampered": f"{header}.{payload[:-2]}xx.{signature}",
    }


@pytest.mark.parametrize(
    "kind",
    [
        "none", "garbage", "another key", "another audience", "another issuer", "expired", "not yet valid",
        "without signature", "tampered",
    ],
)  # fmt: skip
async def test_without_a_valid_token_nothing_passes(edge: Behind, kind: str) -> None:
    headers = {} if kind == "none" else {"authorization": f"Bearer {forged(edge)[kind]}"}
    refused = Told("GWY-01", 16, BOTH)
    assert await by_json(edge.http, "POST", MESSAGES, json={"body": "x"}, headers=headers) == (401, refused)
    request = message().SerializeToString()
    assert await by_grpc(edge.channel, f"{CHAT}/SendMessage", request, tuple(headers.items())) == refused
    web = WebChannel(edge.http, str(edge.http.base_url), headers)
    assert await by_web(web, f"{CHAT}/SendMessage", message()) == refused
    assert edge.chat.seen == []


async def test_a_token_in_the_query_is_no_token(edge: Behind) -> None:
    response = await edge.http.get(MESSAGES, params={"access_token": edge.issuer.token()})
    assert response.status_code == 401


async def test_a_public_method_takes_no_token_and_no_notice_of_a_bad_one(edge: Behind) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}):
        response = await edge.http.post("/v1/auth:signIn", json={"email": "a@b"}, headers=headers)
        assert response.json()["tokens"]["accessToken"] == "t"
    assert (await edge.http.post("/v1/auth:signOut", json={})).status_code == 401


async def test_nobody_names_themselves(edge: Behind) -> None:
    await edge.http.post(MESSAGES, json={"body": "x"}, headers={**edge.headers, "x-user-id": "someone-else"})
    (seen,) = edge.chat.seen
    assert seen["x-user-id"] == PERSON
    await edge.http.post("/v1/auth:signIn", json={}, headers={"x-user-id": "someone-else"})
    assert "x-user-id" not in edge.auth.seen[-1]


# Paths that lead nowhere


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/v1/"),
        ("GET", "/v1/rooms:unknown"),
        ("POST", f"{CHAT}/Unknown"),
        ("POST", f"{CHAT}/SendMessage"),  # gRPC's path without gRPC
        ("POST", KEYS),
        ("POST", f"/v1/..{KEYS}"),
        ("POST", f"/{KEYS}"),
        ("POST", f"/x/%2e%2e{KEYS}"),
        ("POST", "/regard.groups.v1.Unknown/GetContentKeys"),
    ],
)
async def test_what_the_contract_does_not_name_does_not_exist(edge: Behind, verb: str, path: str) -> None:
    url = f"http://127.0.0.1:{edge.gateway.port}"
    target = httpx.URL(url, raw_path=path.encode())
    assert await by_json(edge.http, verb, target, headers=edge.headers) == (404, Told("GWY-04", 12, BOTH))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path",
    [
        KEYS,
        f"{CHAT}/Unknown",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/Check",
    ],
)
async def test_internal_and_unknown_methods_do_not_exist_for_grpc_either(edge: Behind, path: str) -> None:
    request = groups_pb2.GetContentKeysRequest().SerializeToString()
    refused = Told("GWY-04", 12, BOTH)
    assert await by_grpc(edge.channel, path, request, edge.metadata) == refused
    assert await by_web(edge.web, path, message()) == refused


async def test_an_escaped_slash_is_refused(edge: Behind) -> None:
    target = httpx.URL(str(edge.http.base_url), raw_path=KEYS.replace("/Get", "%2FGet").encode())
    assert await by_json(edge.http, "POST", target, headers=edge.headers) == (400, Told("GWY-06", 3, BOTH))  # type: ignore[arg-type]


async def test_a_wrong_verb_names_the_right_ones(edge: Behind) -> None:
    refused = (405, Told("GWY-07", 12, BOTH))
    assert await by_json(edge.http, "DELETE", f"/v1/rooms/{ROOM}", headers=edge.headers) == refused
    response = await edge.http.put(MESSAGES, json={}, headers=edge.headers)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


# Requests that can't be served


async def test_a_large_body_is_refused_whichever_way_it_comes(edge: Behind) -> None:
    refused = Told("GWY-03", 8, BOTH)
    large = message("x" * TOO_LARGE)
    assert await by_json(edge.http, "POST", MESSAGES, json={"body": large.body}, headers=edge.headers) == (413, refused)
    assert await by_grpc(edge.channel, f"{CHAT}/SendMessage", large.SerializeToString(), edge.metadata) == refused
    assert await by_web(edge.web, f"{CHAT}/SendMessage", large) == refused
    assert edge.chat.seen == []


@pytest.mark.parametrize("body", ["{nope", "[]", '{"body": 5, "body": {}}', '{"room_id": {"a": 1}}'])
async def test_what_is_not_the_contracts_json_is_refused(edge: Behind, body: str) -> None:
    refused = (400, Told("GWY-06", 3, BOTH))
    assert await by_json(edge.http, "POST", MESSAGES, content=body, headers=edge.headers) == refused
    assert edge.chat.seen == []


async def test_an_unknown_parameter_is_refused(edge: Behind) -> None:
    refused = (400, Told("GWY-06", 3, BOTH))
    assert await by_json(edge.http, "GET", MESSAGES, params={"nope": 1}, headers=edge.headers) == refused


async def test_a_headers_name_with_an_underscore_is_refused(edge: Behind) -> None:
    response = await edge.http.get(MESSAGES, headers={**edge.headers, "x_user_id": "someone-else"})
    assert response.status_code == 400
    assert edge.chat.seen == []


async def test_an_answer_that_takes_too_long_ends_with_the_callers_deadline(edge: Behind) -> None:
    headers = {**edge.headers, "grpc-timeout": "200m"}
    refused = Told("GWY-08", 4, BOTH)
    assert await by_json(edge.http, "POST", f"/v1/rooms/{ROOM}:close", json={}, headers=headers) == (504, refused)
    async with asyncio.timeout(SOON_S):
        await edge.chat.cancelled.wait()


# Browsers


async def test_a_known_origin_may_call_and_read_the_answers_headers(edge: Behind) -> None:
    asked = {"origin": ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "x-grpc-web"}
    for path in (MESSAGES, f"{CHAT}/SendMessage"):
        preflight = await edge.http.options(path, headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert "authorization" in preflight.headers["access-control-allow-headers"]
    for headers in ({}, edge.headers):
        response = await edge.http.get(MESSAGES, headers={"origin": ORIGIN, **headers})
        assert response.status_code == (200 if headers else 401)
        assert response.headers["access-control-allow-origin"] == ORIGIN
        for name in ("x-consistency-token", "grpc-status-details-bin", "x-request-id"):
            assert name in response.headers["access-control-expose-headers"]


async def test_an_unknown_origin_may_not(edge: Behind) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in (await edge.http.options(MESSAGES, headers=asked)).headers
    response = await edge.http.get(MESSAGES, headers={**edge.headers, "origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/", "/healthz", MESSAGES])
async def test_answers_carry_security_headers_and_name_no_software(edge: Behind, path: str) -> None:
    headers = (await edge.http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["server"] == "regard"
    assert not [name for name in headers if name.startswith("x-envoy")]


async def test_the_log_is_for_everyone_and_says_what_may_be_kept(edge: Behind) -> None:
    for path in ("/log/checkpoint", "/log/tile/0/x001/234.p/8"):
        for headers in ({}, {"authorization": "Bearer nonsense"}):
            answer = await edge.http.get(path, headers=headers)
            assert (answer.status_code, answer.text) == (200, f"log {path}")
            assert answer.headers["cache-control"] == "public, max-age=1"


async def test_everything_else_is_the_pages(edge: Behind) -> None:
    assert (await edge.http.get("/healthz")).text == "ok\n"
    assert "keys" in (await edge.http.get("/.well-known/jwks.json")).json()
    for path in ("/", "/openapi.json", "/asyncapi.json", "/V1/rooms"):
        assert (await edge.http.get(path)).text == f"page {path}"
    assert (await edge.http.post("/sign-in", data={"a": "b"})).text == "page /sign-in"


async def test_the_log_of_calls_names_methods_and_no_person(edge: Behind) -> None:
    await edge.http.get(MESSAGES, params={"page.token": "private"}, headers=edge.headers)
    route = "regard.chat.v1.ChatService/ListMessages"
    async with asyncio.timeout(SOON_S):
        while route not in (log := edge.gateway.log.read_text()):
            await asyncio.sleep(0.05)
    line = next(json.loads(line) for line in log.splitlines() if route in line)
    assert line["status"] == 200
    for secret in ("private", ROOM, PERSON, edge.issuer.token()[:20], "127.0.0.1"):
        assert secret not in log


async def test_its_files_are_its_own(edge: Behind) -> None:
    folder = edge.gateway.log.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in (folder / "envoy.json", edge.gateway.log):
        assert path.stat().st_mode & 0o777 == 0o600
