"""Bad input of every kind, by every way in, against the running product: each gets a stable id and a sentence in both
languages, shows nothing of the inside, is not found in any log, and harms nothing.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from joserfc import jwt
from joserfc.jwk import ECKey
from regard.chat.v1.chat_pb2 import ListMessagesRequest, SendMessageRequest
from regard.common.v1.common_pb2 import PageRequest

from services.common import contracts
from services.common.contracts import Method
from tests.system.conftest import Company
from tests.system.refused import LANGUAGES, Told, by_grpc, by_json, by_web

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(300)]

MARK = "zibeline"
"""Said in every hostile text, and therefore in no log."""
UNKNOWN = "00000000-0000-4000-8000-000000000000"
SEND = "/regard.chat.v1.ChatService/SendMessage"
LIST = "/regard.chat.v1.ChatService/ListMessages"
MESSAGES = "/v1/rooms/{room}/messages"
EMPTY_FILE = {
    "upload_id": UNKNOWN,
    "name": MARK,
    "media_type": "text/plain",
    "sha256": base64.b64encode(hashlib.sha256().digest()).decode(),
}
MORE_THAN_A_REQUEST_HOLDS = "x" * 1_200_000
MORE_THAN_THE_GATEWAY_TAKES = "x" * 3_000_000


@dataclass(frozen=True)
class Places:
    """Where Léo is (`room`, `group`), and where he is not: ids by the name of the field that they belong in."""

    here: dict[str, str]
    elsewhere: dict[str, str]


@pytest.fixture(scope="module")
def places(company: Company) -> Places:
    return Places(_ids(company, "leo", "Ligne 2"), _ids(company, "p05", "Projet Horizon"))


def _ids(company: Company, key: str, name: str) -> dict[str, str]:
    with company.client(key) as client:
        mine = client.get("/v1/groups:mine").json()["groups"]
        group = next(one["id"] for one in mine if one["name"] == name)
        room = client.get("/v1/rooms", params={"group_id": group}).json()["rooms"][0]["id"]
        message = client.get(f"/v1/rooms/{room}/messages").json()["messages"][0]["id"]
        post = client.post(f"/v1/groups/{group}/posts", json={"body": MARK}).json()["post"]["id"]
        comment = client.post(f"/v1/posts/{post}/comments", json={"body": MARK}).json()["comment"]["id"]
        file = client.post(f"/v1/groups/{group}/files", json=EMPTY_FILE).json()["file"]["id"]
        me = client.get("/v1/people/me").json()["person"]["id"]
    return {
        "group_id": group, "room_id": room, "message_id": message, "post_id": post, "comment_id": comment,
        "person_id": me, "reply_to_id": message, "file_id": file,
    }  # fmt: skip


@pytest.fixture
def leo(company: Company) -> Iterator[httpx.Client]:
    with company.client("leo") as client:
        yield client


# JSON


@dataclass(frozen=True)
class Bad:
    """A call that has to be refused with this id and this status; `{group}` and such in it are Léo's own."""

    name: str
    call: str
    id: str
    status: int
    request: dict[str, Any] = field(default_factory=dict)


def _bad_bodies() -> Iterator[Bad]:
    post = f"POST {MESSAGES}"
    as_json = {"content-type": "application/json"}
    yield Bad("empty text", post, "RPC-02", 400, {"json": {"body": ""}})
    yield Bad("no body at all", post, "RPC-02", 400)
    yield Bad("null", post, "RPC-02", 400, {"json": {"body": None}})
    yield Bad("longer than the contract says", post, "RPC-02", 400, {"json": {"body": MARK * 1_251}})
    yield Bad("larger than a request", post, "RPC-12", 429, {"json": {"body": MORE_THAN_A_REQUEST_HOLDS}})
    yield Bad("larger than the gateway takes", post, "GWY-03", 413, {"json": {"body": MORE_THAN_THE_GATEWAY_TAKES}})
    yield Bad("number for text", post, "GWY-06", 400, {"json": {"body": 5}})
    yield Bad("object for text", post, "GWY-06", 400, {"json": {"body": {"text": MARK}}})
    yield Bad("list for an object", post, "GWY-06", 400, {"json": [MARK]})
    yield Bad("text for a list", post, "RPC-02", 400, {"json": {"body": MARK, "mentioned_ids": MARK}})
    for name, content in {
        "cut short": b'{"body": "zibeline',
        "not UTF-8": b'{"body": "zibeline \xff\xfe"}',
        "half a surrogate pair": b'{"body": "zibeline \\ud800"}',
        "deeper than anyone writes": b'{"body":' + b"[" * 100_000,
        "XML": b"<body>zibeline</body>",
    }.items():
        yield Bad(name, post, "GWY-06", 400, {"content": content, "headers": as_json})
    zipped = {**as_json, "content-encoding": "gzip"}
    yield Bad("gzip that is none", post, "GWY-06", 400, {"content": b"\x1f\x8b\x08zibeline", "headers": zipped})
    yield Bad("a form", post, "GWY-06", 400, {"data": {"body": MARK}})
    yield Bad("an answer to nothing", post, "CHT-03", 404, {"json": {"body": MARK, "reply_to_id": UNKNOWN}})
    yield Bad("an answer to no id", post, "CHT-03", 404, {"json": {"body": MARK, "reply_to_id": MARK}})
    yield Bad("a mention of nobody", post, "CHT-07", 400, {"json": {"body": MARK, "mentioned_ids": [UNKNOWN]}})
    levels = {"name": MARK, "rules": {"level": 77}}
    yield Bad("an unknown level", "POST /v1/groups", "RPC-02", 400, {"json": levels})
    worded = {"name": MARK, "rules": {"level": "LEVEL_ZIBELINE"}}
    yield Bad("a level that is no word of ours", "POST /v1/groups", "GWY-06", 400, {"json": worded})
    mark_read = "POST /v1/rooms/{room}:markRead"
    yield Bad("a negative place", mark_read, "RPC-02", 400, {"json": {"sequence": -1}})
    yield Bad("a place beyond all numbers", mark_read, "GWY-06", 400, {"json": {"sequence": "9" * 20}})
    guest = {"person_id": UNKNOWN, "until": "10000-01-01T00:00:00Z"}
    yield Bad("a guest until after the end of time", "POST /v1/groups/{group}:addGuest", "GWY-06", 400, {"json": guest})


def _bad_queries() -> Iterator[Bad]:
    get = f"GET {MESSAGES}"
    yield Bad("a negative page", get, "RPC-02", 400, {"params": {"page.size": -1}})
    yield Bad("an enormous page", get, "RPC-02", 400, {"params": {"page.size": 100_000}})
    yield Bad("a page beyond all numbers", get, "GWY-06", 400, {"params": {"page.size": 2**40}})
    yield Bad("a page of a word", get, "GWY-06", 400, {"params": {"page.size": MARK}})
    yield Bad("an unknown parameter", get, "GWY-06", 400, {"params": {"zibeline": 1}})
    yield Bad("a page token without end", get, "RPC-02", 400, {"params": {"page.token": MARK * 100}})
    for time in ("yesterday", "9999999-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-13-45T00:00:00Z"):
        yield Bad(f"the time {time}", get, "GWY-06", 400, {"params": {"before": time}})
    backwards = {"from": "9999-12-31T23:59:59Z", "to": "0001-01-01T00:00:00Z"}
    yield Bad("a period backwards", "GET /v1/groups/{group}/accesses", "AUD-03", 400, {"params": backwards})
    yield Bad("an unknown scope", "GET /v1/accesses", "GWY-06", 400, {"params": {"scope": "SCOPE_ZIBELINE"}})
    another_list = base64.urlsafe_b64encode(b'["zibeline", 1, null]').decode()
    for path in (
        "/v1/rooms", MESSAGES, "/v1/people", "/v1/feed", "/v1/feed/mentions", "/v1/groups:mine",
        "/v1/groups:discoverable", "/v1/groups/{group}/members", "/v1/groups/{group}/posts",
        "/v1/groups/{group}/accesses", "/v1/posts/{post}/comments",
    ):  # fmt: skip
        for token in (MARK, another_list, "é"):
            yield Bad(
                f"page token {token!r} of {path}", f"GET {path}", "RPC-20", 400, {"params": {"page.token": token}}
            )
    for path in ("/v1/rooms:subscribe", "/v1/groups/{group}/accesses:watch"):
        yield Bad(f"cursor of {path}", f"GET {path}", "RPC-20", 400, {"params": {"cursor": MARK}})
    long = {"params": {"cursor": "x" * 40_000}}
    yield Bad("a long cursor", "GET /v1/rooms:subscribe", "RPC-20", 400, long)
    longest = {"params": {"cursor": "x" * 62_000}}
    yield Bad("a cursor beyond the limit of headers", "GET /v1/rooms:subscribe", "GWY-03", 413, longest)


def _bad_headers() -> Iterator[Bad]:
    for name, key in {"blank": "a b", "long": "a" * 129, "empty": "", "not ASCII": "é".encode()}.items():
        request = {"json": {"body": MARK}, "headers": {"idempotency-key": key}}
        yield Bad(f"{name} idempotency key", f"POST {MESSAGES}", "RPC-11", 400, request)
    for token in (MARK, "AAAA,BBBB", "A" * 50_000):
        headers = {"headers": {"x-consistency-token": token}}
        yield Bad(f"consistency token {token[:9]}", f"GET {MESSAGES}", "PRJ-01", 400, headers)
    named = {"headers": {"x_user_id": UNKNOWN}}
    yield Bad("an underscore in a header's name", f"GET {MESSAGES}", "GWY-06", 400, named)
    many = {"headers": {f"x-h{number}": MARK for number in range(150)}}
    yield Bad("too many headers", f"GET {MESSAGES}", "GWY-03", 413, many)


def _bad_addresses() -> Iterator[Bad]:
    for verb in ("PUT", "PATCH", "DELETE"):
        yield Bad(f"{verb} where it is not taken", f"{verb} {MESSAGES}", "GWY-07", 405)
    for path in ("/v1/zibeline", "/v1/", "/v1/rooms:zibeline"):
        yield Bad(f"nothing at {path}", f"GET {path}", "GWY-04", 404)
    yield Bad("a path that is not UTF-8", "GET /v1/rooms/%ff%fe", "RPC-13", 400)
    yield Bad("a zero byte in a path", "GET /v1/rooms/%00", "GWY-06", 400)
    yield Bad("an id that is none", "GET /v1/groups/zibeline", "RPC-02", 400)
    yield Bad("an unknown group", f"GET /v1/groups/{UNKNOWN}", "ACC-01", 404)
    yield Bad("an unknown room", f"GET /v1/rooms/{UNKNOWN}", "CHT-01", 404)
    yield Bad("an unknown post", f"GET /v1/posts/{UNKNOWN}", "FED-01", 404)
    yield Bad("an unknown person", f"GET /v1/people/{UNKNOWN}", "IDN-06", 404)
    search = {"json": {"group_ids": [UNKNOWN], "purpose": 1, "purpose_reference": MARK}}
    yield Bad("an auditor's search by somebody else", "POST /v1/audit/accesses:search", "RPC-07", 403, search)


BAD = [*_bad_bodies(), *_bad_queries(), *_bad_headers(), *_bad_addresses()]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_bad_json_gets_an_id_and_a_sentence(leo: httpx.Client, places: Places, bad: Bad) -> None:
    verb, _, path = bad.call.partition(" ")
    path = path.format(room=places.here["room_id"], group=places.here["group_id"], post=places.here["post_id"])
    told = [by_json(leo, verb, path, language, **bad.request) for language in LANGUAGES]
    assert all(told), "it was answered"
    assert {(one.id, one.http_status) for one in told if one} == {(bad.id, bad.status)}
    assert len({one.sentence for one in told if one}) == len(LANGUAGES)
    assert MARK not in repr(told)


def test_a_field_that_is_not_known_yet_is_left_aside(leo: httpx.Client, places: Places) -> None:
    path = MESSAGES.format(room=places.here["room_id"])
    sent = leo.post(path, json={"body": MARK, "version": 7, "priority": {"level": "high"}})
    assert sent.status_code == 200, sent.text


def test_a_header_whose_name_grpc_cannot_take_is_left_aside(leo: httpx.Client, places: Places) -> None:
    path = MESSAGES.format(room=places.here["room_id"])
    for name in ("x-d'acfo", "x^y", "$", "a|b", "x!"):
        assert leo.get(path, headers={name: MARK}).status_code == 200, name


# gRPC and gRPC-Web


def _text_field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def _bad_messages(room: str) -> dict[str, tuple[str, bytes, str, str]]:
    """By name: path, bytes, id and kind of the refusal."""
    in_room = _text_field(1, room.encode())
    page = ListMessagesRequest(room_id=room, page=PageRequest(size=2**31 - 1))
    late = ListMessagesRequest(room_id=room)
    late.before.seconds = 10**15
    odd = ListMessagesRequest(room_id=room)
    odd.before.nanos = -1
    large = SendMessageRequest(room_id=room, body=MORE_THAN_A_REQUEST_HOLDS).SerializeToString()
    larger = SendMessageRequest(room_id=room, body=MORE_THAN_THE_GATEWAY_TAKES).SerializeToString()
    invalid = "INVALID_ARGUMENT"
    return {
        "nonsense": (SEND, b"\xff" * 40, "RPC-13", invalid),
        "cut short": (SEND, in_room + b"\x12\x50zibeline", "RPC-13", invalid),
        "text that is not UTF-8": (SEND, in_room + _text_field(2, b"zibeline \xff\xfe"), "RPC-13", invalid),
        "empty": (SEND, b"", "RPC-02", invalid),
        "an enormous page": (LIST, page.SerializeToString(), "RPC-02", invalid),
        "a time after all time": (LIST, late.SerializeToString(), "RPC-02", invalid),
        "a time that is none": (LIST, odd.SerializeToString(), "RPC-02", invalid),
        "larger than a request": (SEND, large, "RPC-12", "RESOURCE_EXHAUSTED"),
        "larger than the gateway takes": (SEND, larger, "GWY-03", "RESOURCE_EXHAUSTED"),
        "an unknown method": ("/regard.chat.v1.ChatService/Zibeline", b"", "GWY-04", "UNIMPLEMENTED"),
        "an unknown version": (SEND.replace("v1", "v9"), b"", "GWY-04", "UNIMPLEMENTED"),
        "a method among services": (
            "/regard.groups.v1.GroupInternalService/GetContentKeys", b"", "GWY-04", "UNIMPLEMENTED",
        ),
    }  # fmt: skip


async def test_bad_messages_get_an_id_and_a_sentence(company: Company, places: Places) -> None:
    authorization = f"Bearer {company.token('leo')}"
    async with grpc.aio.insecure_channel(company.url.removeprefix("http://")) as channel:
        for name, (path, message, id, kind) in _bad_messages(places.here["room_id"]).items():
            told = [
                (await by_grpc(channel, path, message, language, authorization=authorization))[0]
                for language in LANGUAGES
            ]
            assert [(one.id, one.kind) for one in told if one] == [(id, kind)] * len(LANGUAGES), name
            assert len({one.sentence for one in told if one}) == len(LANGUAGES), name
        for path, key, id in ((SEND, "idempotency_key", "RPC-11"), (LIST, "x_consistency_token", "PRJ-01")):
            request = SendMessageRequest(room_id=places.here["room_id"], body=MARK)
            if path == LIST:
                request.ClearField("body")
            metadata = {"authorization": authorization, key: "not ours"}
            refused, _ = await by_grpc(channel, path, request.SerializeToString(), "fr", **metadata)
            assert refused, key
            assert (refused.id, refused.kind) == (id, "INVALID_ARGUMENT")


# Ids of a group that Léo is not in: whatever he tries, it is as if there were no such thing


PARENTS, PARTS = ("group_id", "room_id", "post_id", "file_id"), ("message_id", "comment_id", "reply_to_id")


def _methods(*names: str) -> list[Method]:
    """What anyone signed in may call with one of these fields."""
    return [
        method
        for method in contracts.methods()
        if not (method.access.internal or method.access.public or method.access.roles)
        and set(names) & set(method.request.DESCRIPTOR.fields_by_name)
    ]


def _request(method: Method, ids: dict[str, str]) -> Message:
    """A request that breaks no rule, with these ids in the fields of their names."""
    request = method.request()
    plain = {"body": MARK, "name": MARK, "emoji": "👍", "version": 1, "scope": 1, "reason": 1, "access_id": UNKNOWN}
    plain |= {"upload_id": UNKNOWN, "index": 1, "data": b"x", "media_type": "text/plain", "sha256": bytes(32)}
    for name in request.DESCRIPTOR.fields_by_name:
        if name in ids or name in plain:
            setattr(request, name, ids.get(name, plain.get(name)))
        elif name == "until":
            getattr(request, name).FromJsonString("2100-01-01T00:00:00Z")
        elif name == "rules":
            getattr(request, name).level = 3
    return request


def _by_json(client: httpx.Client, method: Method, request: Message, language: str) -> Told | None:
    values = MessageToDict(request, preserving_proto_field_name=True)
    rule = method.http[0]
    path = rule.path.format(**values)
    rest = {name: value for name, value in values.items() if f"{{{name}}}" not in rule.path}
    if rule.verb == "GET":
        return by_json(client, "GET", path, language, params=rest)
    return by_json(client, rule.verb, path, language, json=rest)


async def _told(company: Company, leo: httpx.Client, method: Method, request: Message) -> tuple[Told | None, bytes]:
    """What Léo is told, by each way in alike, and what he is answered."""
    token = company.token("leo")
    async with (
        grpc.aio.insecure_channel(company.url.removeprefix("http://")) as channel,
        httpx.AsyncClient(timeout=30) as browser,
    ):
        metadata = {"authorization": f"Bearer {token}"}
        told, answer = await by_grpc(channel, method.path, request.SerializeToString(), "en", **metadata)
        assert await by_web(browser, company.url, method, request, "en", token) == told
    assert _by_json(leo, method, request, "en") == told
    return told, answer


@pytest.mark.parametrize("method", _methods(*PARENTS), ids=lambda method: method.full_name)
async def test_a_place_elsewhere_is_as_if_it_were_nowhere(
    company: Company, leo: httpx.Client, places: Places, method: Method
) -> None:
    person = {"person_id": places.elsewhere["person_id"]}
    elsewhere = await _told(company, leo, method, _request(method, places.elsewhere))
    nowhere = await _told(company, leo, method, _request(method, dict.fromkeys(places.elsewhere, UNKNOWN) | person))
    assert elsewhere == nowhere
    refused, answer = elsewhere
    assert refused.kind == "NOT_FOUND" if refused else not _holds(method, answer)


@pytest.mark.parametrize("method", _methods(*PARTS), ids=lambda method: method.full_name)
async def test_a_part_of_a_place_elsewhere_is_not_found_from_here(
    company: Company, leo: httpx.Client, places: Places, method: Method
) -> None:
    here = {name: places.here[name] for name in PARENTS}
    parts = {name: places.elsewhere[name] for name in PARTS}
    elsewhere = await _told(company, leo, method, _request(method, here | parts))
    nowhere = await _told(company, leo, method, _request(method, here | dict.fromkeys(PARTS, UNKNOWN)))
    assert elsewhere == nowhere
    assert elsewhere[0]
    assert elsewhere[0].kind == "NOT_FOUND"


def _holds(method: Method, answer: bytes) -> bool:
    """Whether an answer says anything but that there is nothing."""
    return any(field.name != "page" for field, _ in method.response.FromString(answer).ListFields())


# Tokens


def _tokens(company: Company) -> dict[str, str]:
    good = company.token("leo")
    header, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    named = json.loads(base64.urlsafe_b64decode(header + "=="))
    somebody_else = _base64url(json.dumps(claims | {"sub": UNKNOWN}).encode())
    longer = _base64url(json.dumps(claims | {"exp": claims["exp"] + 86_400}).encode())
    unsigned = _base64url(b'{"alg":"none","typ":"JWT"}')
    strange = ECKey.generate_key("P-256", {"kid": named["kid"]})
    return {
        "none": "",
        "garbage": "zibeline",
        "cut short": good[:-10],
        "without a signature": f"{header}.{payload}.",
        "algorithm none": f"{unsigned}.{payload}.",
        "of another person": f"{header}.{somebody_else}.{signature}",
        "with a later end": f"{header}.{longer}.{signature}",
        "by another key": jwt.encode(named, claims, strange, ["ES256"]),
        "expired, by another key": jwt.encode(named, claims | {"exp": 1}, strange, ["ES256"]),
        "very long": "x" * 20_000,
    }


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


async def test_without_a_good_token_nobody_gets_anything(company: Company, places: Places) -> None:
    method = next(method for method in contracts.methods() if method.path == LIST)
    request = ListMessagesRequest(room_id=places.here["room_id"])
    async with (
        grpc.aio.insecure_channel(company.url.removeprefix("http://")) as channel,
        httpx.AsyncClient(timeout=30) as browser,
    ):
        for name, token in _tokens(company).items():
            for language in LANGUAGES:
                authorization = f"Bearer {token}".strip()
                native, _ = await by_grpc(
                    channel, LIST, request.SerializeToString(), language, authorization=authorization
                )
                web = await by_web(browser, company.url, method, request, language, token)
                with httpx.Client(base_url=company.url, headers={"authorization": authorization}) as client:
                    plain = by_json(client, "GET", MESSAGES.format(room=request.room_id), language)
                assert native, name
                assert (native.id, native.kind) == ("GWY-01", "UNAUTHENTICATED"), name
                assert native == web == plain, name
                assert plain.http_status == 401, name


def test_the_token_of_a_session_that_was_ended_opens_nothing(company: Company, places: Places) -> None:
    credentials = {"email": company.email("leo"), "password": company.password}
    token = httpx.post(f"{company.url}/v1/auth:signIn", json=credentials).json()["tokens"]["accessToken"]
    with httpx.Client(base_url=company.url, headers={"authorization": f"Bearer {token}"}) as client:
        assert client.get("/v1/people/me").status_code == 200
        assert client.post("/v1/auth:signOut", json={}).status_code == 200
        company.product.until(lambda: client.get("/v1/people/me").status_code == 401)
        refused = by_json(client, "GET", MESSAGES.format(room=places.here["room_id"]), "fr")
    assert refused
    assert refused.id == "RPC-06"


# Afterwards


def test_afterwards_no_log_tells_of_it_and_every_view_agrees(company: Company) -> None:
    logs = company.product.logs
    assert len(logs) >= 3
    for log in logs:
        text = log.read_text()
        assert MARK not in text, log
        assert "Traceback" not in text, log
        # A client of genuine Kafka calls it an error that it still looks for its group's coordinator.
        ours = [line for line in text.splitlines() if '"source": "aiokafka' not in line]
        assert '"level": "error"' not in "".join(ours), log
    checked = company.product.command("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
