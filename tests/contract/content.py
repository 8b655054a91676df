"""A service of content as its callers see it: built as in production, by gRPC, on an event store in memory.

Groups are written to the event store directly; of the groups service there is only what hands out keys.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import ECKey
from regard.common.v1.options_pb2 import ROLE_PLATFORM_ADMINISTRATOR
from regard.groups.v1 import events_pb2 as groups
from regard.groups.v1 import groups_pb2
from regard.groups.v1.groups_pb2_grpc import GroupInternalServiceServicer, add_GroupInternalServiceServicer_to_server
from regard.groups.v1.rules_pb2 import GROUP_KIND_DIRECT
from regard.identity.v1 import identity_pb2
from regard.identity.v1.identity_pb2_grpc import AuthServiceServicer, add_AuthServiceServicer_to_server

from services.access import Guard
from services.common import consistency, contracts
from services.common.internalkey import load_internal_key
from services.common.kernel import Kernel, Service
from services.common.projection import Runner
from services.common.relay import Relay
from services.common.rpc import Peers, RpcServer, ServiceTokens, role_name
from services.common.settings import Settings, load_settings
from tests import parts
from tests.contract.streaming import QUICK, QUICK_RELAY, SESSION_TIMEOUT_MS, ending
from tests.guarded import CODEC, Site, soon

ADMINISTRATOR = str(uuid.uuid4())


class Refusal(Exception):
    """What a call was refused with: the stable id, the gRPC code, the sentence."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        trailers = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        self.id, self.code, self.sentence = info.reason, error.code(), error.details()
        self.everything = status.SerializeToString()
        super().__init__(self.id, self.sentence)


class House(Site):
    """One service at work, with the groups and keys that it depends on; every call sees the writes of those before."""

    def __init__(self, settings: Settings, kafka: parts.Broker, build: Callable[[Settings, Kernel], Service]) -> None:
        super().__init__()
        self.kafka = kafka
        self.addresses: dict[str, str] = {}
        self.signing = ECKey.generate_key("P-256", {"kid": "k1"})
        tokens = ServiceTokens(load_internal_key(settings), "regard", self.clock)
        self.kernel = Kernel(
            settings=settings,
            store=self.store,  # type: ignore[arg-type]
            codec=CODEC,
            kafka=kafka.connection(session_timeout_ms=SESSION_TIMEOUT_MS),
            clock=self.clock,
            service_tokens=tokens,
            addresses=self.addresses,
            peers=Peers(self.addresses, tokens),
        )
        self.service = build(settings, self.kernel)
        self.shared = Guard.of(self.kernel)
        self.files = [contracts.event_file_of(name) for name in (self.service.name, "groups")]
        self.direct: dict[tuple[str, ...], str] = {}
        self.seen: list[str] = []
        self.channel: grpc.aio.Channel

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The relays, the view, the service's tasks and its server at work."""
        kernel, service = self.kernel, self.service
        (view,) = service.projections
        database = kernel.database(service.name)
        runner = Runner(view, store=kernel.store, codec=CODEC, kafka=kernel.kafka, database=database, timing=QUICK)
        server = RpcServer(kernel.border([service]), "127.0.0.1:0")
        server.add(service.name, service.servicers)
        server.add("identity", [(add_AuthServiceServicer_to_server, _Published(self.signing))])
        server.add("groups", [(add_GroupInternalServiceServicer_to_server, _KeysAndDirectGroups(self))])
        self.addresses |= dict.fromkeys((service.name, "identity", "groups"), f"127.0.0.1:{server.port}")
        async with AsyncExitStack() as runs:
            runs.push_async_callback(kernel.close)
            for task in service.tasks:
                await runs.enter_async_context(ending(task()))  # type: ignore[arg-type]
            await runs.enter_async_context(ending(runner.run()))
            for file in self.files:
                await runs.enter_async_context(
                    ending(Relay(kernel.store, kernel.kafka, file, timing=QUICK_RELAY).run())
                )
            await soon(runner.caught_up.wait())
            await server.start()
            runs.push_async_callback(server.stop, 0)
            self.channel = await runs.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{server.port}")  # type: ignore[arg-type]
            )
            yield

    async def write(self, stream: str, *messages: Message) -> None:
        """Appends facts as the services do; calls from here on see them."""
        await super().write(stream, *messages)
        history = await self.store.inner.load(stream)
        topic = next(file.topic for file in contracts.event_files() if stream.startswith(file.prefixes))
        self.remember(topic, stream, history.position)

    def remember(self, topic: str, stream: str, position: int) -> None:
        """Lets calls wait for that position."""
        self.seen = [*self.seen[-24:], consistency.encode(topic, stream, position)]

    def headers(self, who: str, **metadata: str) -> list[tuple[str, str]]:
        """What a signed-in person's calls carry."""
        roles = [role_name(ROLE_PLATFORM_ADMINISTRATOR)] if who == ADMINISTRATOR else []
        now_s = int(self.clock().timestamp())
        claims = {
            "iss": "regard",
            "aud": "regard",
            "sub": who,
            "sid": f"session of {who}",
            "roles": roles,
            "client_id": "tests",
            "iat": now_s,
            "exp": now_s + 600,
        }
        token = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, self.signing, ["ES256"])
        given = {"authorization": f"Bearer {token}", "accept-language": "en", **metadata}
        if self.seen:
            given["x-consistency-token"] = ",".join(self.seen)
        return [(key.replace("_", "-"), value) for key, value in given.items()]

    async def call(self, method: Any, who: str, request: Any, **metadata: str) -> Any:
        """Calls; raises Refusal."""
        call = method(request, metadata=self.headers(who, **metadata))
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            refusal = Refusal(error)
            if refusal.id == consistency.STALE.id:  # a view that has just begun to follow Kafka: ask again
                return await self.call(method, who, request, **metadata)
            raise refusal from None
        seen = dict(await call.initial_metadata()).get("x-consistency-token", "")
        self.seen = [*self.seen[-24:], *(token for token in str(seen).split(",") if token)]
        return answer

    async def delete(self, group_id: str) -> None:
        """A group is deleted, with all its keys, as the groups service does it."""
        for group, author in list(self.keys.held):
            if group == group_id:
                self.keys.destroy(group, author)
        await self.write(f"group-{group_id}", groups.GroupDeleted(group_id=group_id))

    async def erase(self, group_id: str, author: str) -> None:
        """What someone wrote in a group is erased."""
        self.keys.destroy(group_id, author)
        await self.write(f"group-{group_id}", groups.KeysDestroyed(group_id=group_id, author_id=author))


@asynccontextmanager
async def open_house(folder: Path, build: Callable[[Settings, Kernel], Service]) -> AsyncIterator[House]:
    """A house at work."""
    topics = {file.topic: file.partitions for file in contracts.event_files()}
    async with parts.database() as url:
        with parts.kafka(topics) as kafka:
            house = House(load_settings(data=folder, database_url=url), kafka, build)
            async with house.running():
                yield house


class Stream:
    """An open stream of frames."""

    def __init__(self, house: House, method: Any, who: str, request: Message) -> None:
        self._call = method(request, metadata=house.headers(who))

    async def next(self) -> Any:
        """The next frame, or None when there are no more; raises Refusal."""
        async with asyncio.timeout(60):
            try:
                frame = await self._call.read()
            except grpc.aio.AioRpcError as error:
                raise Refusal(error) from None
        return None if frame is grpc.aio.EOF else frame

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._call.cancel()


class _Published(AuthServiceServicer):  # type: ignore[misc]
    """The key that tokens are signed with."""

    def __init__(self, key: ECKey) -> None:
        self._key = key

    async def GetJwks(self, _request: object, _context: object) -> Any:
        public = {name: str(value) for name, value in self._key.as_dict(private=False).items()}
        return identity_pb2.GetJwksResponse(keys=[identity_pb2.Jwk(**{**public, "alg": "ES256", "use": "sig"})])


class _KeysAndDirectGroups(GroupInternalServiceServicer):
    """What the groups service does for others."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def GetContentKeys(self, request: Any, _context: object) -> Any:
        found = await self._house.keys.fetch(request.group_id, list(request.authors), request.create)
        return groups_pb2.GetContentKeysResponse(keys=found)

    async def OpenDirectGroup(self, request: Any, _context: object) -> Any:
        people = tuple(sorted(request.person_ids))
        if people not in self._house.direct:
            self._house.direct[people] = await self._house.group(*people, kind=GROUP_KIND_DIRECT)
        return groups_pb2.OpenDirectGroupResponse(group_id=self._house.direct[people])


def types(messages: Sequence[Message]) -> list[str]:
    """Names of the events."""
    return [message.DESCRIPTOR.name for message in messages]
