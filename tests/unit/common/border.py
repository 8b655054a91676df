"""A small server behind the real border, made from the real contract, for the tests of rpc."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import ECKey
from regard.chat.v1 import chat_pb2, chat_pb2_grpc
from regard.groups.v1 import groups_pb2, groups_pb2_grpc
from regard.identity.v1 import identity_pb2, identity_pb2_grpc

from services.common import rpc
from services.common.errors import Kind, refusal

PERSON = "018f2c1e-7b1a-7c3e-8a4b-000000000001"
ROOM = "018f2c1e-7b1a-7c3e-8a4b-000000000002"
PLANTED = "the-merger-with-initech"

NO_ROOM = refusal(
    "TST-01",
    Kind.NOT_FOUND,
    en="There is no room {room}.",
    fr="Il n’y a pas de salle {room}.",
    remedy_en="Look again.",
    remedy_fr="Regardez encore.",
)

Behaviour = Callable[[Any], Any]


class House(chat_pb2_grpc.ChatServiceServicer, identity_pb2_grpc.AuthServiceServicer):
    """Methods of every kind, whose behaviour the tests set; `ended` tells that a stream was cleaned up."""

    def __init__(self) -> None:
        self.behaviour: Behaviour = lambda _request: chat_pb2.GetRoomResponse()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.callers: list[rpc.Caller] = []

    async def GetRoom(self, request: Any, _context: object) -> Any:
        self.callers.append(rpc.caller())
        self.begun.set()
        answer = self.behaviour(request)
        return await answer if asyncio.iscoroutine(answer) else answer

    async def Subscribe(self, request: Any, _context: object) -> AsyncIterator[Any]:
        try:
            yield chat_pb2.SubscribeResponse(cursor="first")
            self.begun.set()
            async for response in self.behaviour(request):
                yield response
        finally:
            self.ended.set()

    async def GetJwks(self, _request: object, _context: object) -> Any:
        return identity_pb2.GetJwksResponse()

    async def OpenDirectGroup(self, _request: object, _context: object) -> Any:
        self.callers.append(rpc.caller())
        return groups_pb2.OpenDirectGroupResponse(group_id=ROOM)

    async def ProvisionPerson(self, _request: object, _context: object) -> Any:
        return identity_pb2.ProvisionPersonResponse()


class Site:
    """The running server, the keys it trusts, and a channel to it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.key = ECKey.generate_key("P-256", {"kid": "k1"})
        self.internal_key = ECKey.generate_key("P-256")
        self.house = House()
        self.revoked: set[str] = set()
        self.awaited: list[tuple[str, str, float]] = []
        self.fetches = 0
        self.service_tokens = rpc.ServiceTokens(self.internal_key, "feed", clock)
        self.jwks = rpc.Jwks(self._fetch, clock)
        self.people = rpc.TokenVerifier(self.jwks, "regard", "regard", clock)
        border = rpc.Border(
            self.people, self.service_tokens, lambda caller: caller.session_id in self.revoked, self._wait_for
        )
        self.server = rpc.RpcServer(border, "127.0.0.1:0")
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.server.port}")
        self.chat = chat_pb2_grpc.ChatServiceStub(self.channel)
        self.auth = identity_pb2_grpc.AuthServiceStub(self.channel)
        self.people_stub = identity_pb2_grpc.PeopleServiceStub(self.channel)
        self.internal = groups_pb2_grpc.GroupInternalServiceStub(self.channel)

    async def _fetch(self) -> Iterable[Mapping[str, str]]:
        self.fetches += 1
        return [{key: str(value) for key, value in self.key.as_dict(private=False).items()}]

    async def _wait_for(self, service: str, tokens: str, limit_s: float) -> None:
        self.awaited.append((service, tokens, limit_s))

    def claims(self, **changes: object) -> dict[str, object]:
        """Claims of a good access token; a change to None leaves one out."""
        now_s = int(self.clock().timestamp())
        claims = {
            "iss": "regard",
            "aud": "regard",
            "sub": PERSON,
            "sid": "s1",
            "roles": [],
            "client_id": "tests",
            "iat": now_s,
            "exp": now_s + 600,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes: object) -> str:
        """A good access token, but for `changes`."""
        return jwt.encode({"alg": "ES256", "kid": "k1"}, self.claims(**changes), self.key, ["ES256"])

    def signed_in(self, *more: tuple[str, str], **changes: object) -> tuple[tuple[str, str], ...]:
        """Metadata of a call by a signed-in person."""
        return (("authorization", f"Bearer {self.token(**changes)}"), *more)


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    """What an error says to machines."""
    info = error_details_pb2.ErrorInfo()
    data = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    assert isinstance(data, bytes)
    for detail in status_pb2.Status.FromString(data).details:
        detail.Unpack(info)
    return info


def frozen_clock() -> Callable[[], datetime]:
    """A clock that stands at the present second."""
    now = datetime.fromtimestamp(int(time.time()), UTC)
    return lambda: now


@contextlib.asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """A site that answers."""
    site = Site(frozen_clock())
    site.server.add("chat", [(chat_pb2_grpc.add_ChatServiceServicer_to_server, site.house)])
    site.server.add(
        "identity",
        [
            (identity_pb2_grpc.add_AuthServiceServicer_to_server, site.house),
            (identity_pb2_grpc.add_PeopleServiceServicer_to_server, _People(site.house)),
        ],
    )
    site.server.add("groups", [(groups_pb2_grpc.add_GroupInternalServiceServicer_to_server, _Internal(site.house))])
    await site.server.start()
    try:
        yield site
    finally:
        await site.channel.close()
        await site.server.stop(0)


class _People(identity_pb2_grpc.PeopleServiceServicer):
    def __init__(self, house: House) -> None:
        self.ProvisionPerson = house.ProvisionPerson


class _Internal(groups_pb2_grpc.GroupInternalServiceServicer):
    def __init__(self, house: House) -> None:
        self.OpenDirectGroup = house.OpenDirectGroup
