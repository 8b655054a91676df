"""Tokens that nobody should take: by the gateway and by the services themselves, which trust no gateway.

What can be signed wrongly without the installation's keys, and what is wrong although the right key signed it.
"""

import asyncio
import socket
from collections.abc import Iterator
from time import time

import grpc
import httpx
import pytest
from regard.chat.v1.chat_pb2 import ListMessagesRequest

from services.common import contracts
from tests.hostile.calls import ask, ask_in_json
from tests.hostile.stage import UNKNOWN, Scene

pytestmark = [pytest.mark.xdist_group("hostile"), pytest.mark.timeout(300), pytest.mark.slow]

LIST = next(one for one in contracts.methods() if one.full_name == "regard.chat.v1.ChatService.ListMessages")


def _forged(scene: Scene) -> Iterator[tuple[str, str]]:
    """Everything by which somebody may try to be the member."""
    forger, who, now_s = scene.stage.forger, scene.ids["member"], int(time())
    yield "algorithm none", forger.unsigned(who)
    yield from ((f"HS256 by the {form}", token) for form, token in forger.by_public_key(who).items())
    yield from forger.by_others(who).items()
    yield from forger.cut(who).items()
    yield "a service's", forger.service()
    for name, changed in {
        "expired": {"iat": now_s - 1200, "exp": now_s - 600},
        "issued in the future": {"iat": now_s + 3600, "exp": now_s + 4200},
        "not valid yet": {"nbf": now_s + 3600},
        "without an end": {"exp": None},
        "a word for its end": {"exp": "tomorrow"},
        "foreign issuer": {"iss": "elsewhere"},
        "no issuer": {"iss": None},
        "wrong audience": {"aud": "regard-internal"},
        "audiences, none of them ours": {"aud": ["elsewhere", "regard2"]},
        "no audience": {"aud": None},
        "of nobody": {"sub": None},
        "of an empty name": {"sub": ""},
        "of a number": {"sub": 7},
        "without a session": {"sid": None},
        "a list for a session": {"sid": ["x"]},
        "without roles": {"roles": None},
        "roles that are no list": {"roles": {"platform_administrator": True}},
    }.items():
        yield name, forger.signed(who, **changed)


async def test_no_forged_token_opens_anything(scene: Scene) -> None:
    request = ListMessagesRequest(room_id=scene.ids["room"])
    async with (
        grpc.aio.insecure_channel(scene.stage.target) as channel,
        grpc.aio.insecure_channel(scene.stage.behind["chat"]) as behind,
        httpx.AsyncClient(base_url=scene.stage.url, timeout=30) as json_,
    ):
        told, answer = await ask(channel, LIST, request, scene.stage.forger.signed(scene.ids["member"]))
        assert told is None and scene.secrets["message"].encode() in answer, "what is right is taken"
        for name, token in _forged(scene):
            outside, _ = await ask(channel, LIST, request, token)
            in_json, text = await ask_in_json(json_, LIST, LIST.http[0], request, token)
            inside, _ = await ask(behind, LIST, request, token)
            assert outside and inside, name
            # What only the services look at, they refuse in their own name.
            assert outside.id in ("GWY-01", "RPC-04"), name
            assert inside.id in ("RPC-04", "RPC-05"), name
            assert outside == in_json, name
            assert scene.secrets["message"].encode() not in text


async def test_a_token_gives_no_role_that_it_does_not_name_and_nobody_gives_roles_but_the_organisation(
    scene: Scene,
) -> None:
    """Names of roles that there are not give nothing."""
    search = next(one for one in contracts.methods() if one.full_name.endswith(".SearchAccesses"))
    request = search.request(group_ids=[scene.ids["group"]], purpose=1, purpose_reference="hostile")
    async with grpc.aio.insecure_channel(scene.stage.target) as channel:
        for roles in (["Auditor"], ["ROLE_AUDITOR"], ["auditor "], ["2"], ["*"], ["platform_administrator"]):
            told, _ = await ask(channel, search, request, scene.stage.forger.signed(scene.ids["outsider"], roles=roles))
            assert told and told.id == "RPC-07", roles


async def test_of_two_tokens_none_is_taken(scene: Scene) -> None:
    """Otherwise the gateway could look at one and the service at the other."""
    good, forged = scene.people["member"].token, scene.stage.forger.unsigned(scene.ids["member"])
    outsider = scene.people["outsider"].token
    path = f"/v1/rooms/{scene.ids['room']}/messages"
    async with httpx.AsyncClient(base_url=scene.stage.url, timeout=30) as client:
        for tokens in ((good, forged), (forged, good), (outsider, forged), (outsider, good), (good, good)):
            headers = [("authorization", f"Bearer {token}") for token in tokens]
            answer = await client.get(path, headers=headers)
            assert answer.status_code in (400, 401), tokens
            assert scene.secrets["message"] not in answer.text
    async with grpc.aio.insecure_channel(scene.stage.behind["chat"]) as behind:
        call = behind.unary_unary(LIST.path)(
            ListMessagesRequest(room_id=scene.ids["room"]).SerializeToString(),
            metadata=tuple(("authorization", f"Bearer {token}") for token in (outsider, good)),
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_nobody_is_who_their_headers_say(scene: Scene) -> None:
    """What the gateway tells services about a caller can't be told by the caller."""
    path = f"/v1/rooms/{scene.ids['room']}/messages"
    told = {"x-user-id": scene.ids["member"], "x-forwarded-for": "127.0.0.1", "x-envoy-internal": "true"}
    async with httpx.AsyncClient(base_url=scene.stage.url, timeout=30) as client:
        assert (await client.get(path, headers=told)).status_code == 401
        outsider = {"authorization": f"Bearer {scene.people['outsider'].token}"}
        assert (await client.get(path, headers=told | outsider)).status_code == 404
        for query in ("access_token", "token", "jwt", "authorization"):
            answer = await client.get(path, params={query: scene.people["member"].token})
            assert answer.status_code == 401, query


async def test_no_other_way_leads_to_what_is_behind(scene: Scene) -> None:
    """Paths that a careless proxy would take for another one, and methods that only services may call."""
    token = scene.people["outsider"].token
    group, secret = scene.ids["group"], scene.secrets["message"]
    paths = (
        "/regard.groups.v1.GroupInternalService/GetContentKeys",
        "/v1/../regard.groups.v1.GroupInternalService/GetContentKeys",
        "//regard.groups.v1.GroupInternalService/GetContentKeys",
        "/regard.groups.v1.GroupInternalService%2FGetContentKeys",
        "/regard.groups.v1.groupinternalservice/getcontentkeys",
        "/regard.chat.v1.ChatService/../../regard.groups.v1.GroupInternalService/GetContentKeys",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        f"/v1/groups/{group}/../{group}/posts",
        f"/v1/groups/{group}%2fposts",
        f"/v1/groups/{UNKNOWN}/../{group}",
    )
    body = b"\0" + (38).to_bytes(4, "big") + b"\x0a\x24" + group.encode()
    host, _, port = scene.stage.target.partition(":")
    for path in paths:
        for headers in (b"content-type: application/json", b"content-type: application/grpc-web+proto"):
            request = b"POST %s HTTP/1.1\r\nhost: x\r\nauthorization: Bearer %s\r\n%s\r\ncontent-length: %d\r\n"
            request %= (path.encode(), token.encode(), headers, len(body))
            answer = await asyncio.to_thread(_raw, host, int(port), request + b"connection: close\r\n\r\n" + body)
            assert answer.startswith(b"HTTP/1.1 "), path
            assert secret.encode() not in answer
            served = answer.startswith(b"HTTP/1.1 200") and b"grpc-status" not in answer.lower()
            assert not served, f"{path}: {answer[:300]!r}"


def _raw(host: str, port: int, request: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer
