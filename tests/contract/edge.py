"""A gateway with something behind it: an in-process chat service, a page, and the keys of a test issuer."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time

import grpc
import grpc.aio
import httpx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import ECKey
from regard.chat.v1 import chat_pb2, chat_pb2_grpc
from regard.groups.v1 import groups_pb2, groups_pb2_grpc
from regard.identity.v1 import identity_pb2, identity_pb2_grpc
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from services.common import contracts
from services.common.http import serve_http
from services.common.settings import Settings
from services.gateway.config import Address, Addresses, Limits
from services.gateway.gateway import Gateway
from tests.grpcweb import WebChannel

ROOM = "01900000-0000-7000-8000-000000000001"
PERSON = "01900000-0000-7000-8000-0000000000aa"


class Issuer:
    """Signs access tokens as identity would."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})

    def jwks(self) -> dict[str, object]:
        return {"keys": [self._key.as_dict(private=False)]}

    def token(self, *, by: ECKey | None = None, **claims: object) -> str:
        now_s = int(time())
        usual: dict[str, object] = {
            "iss": "regard", "aud": "regard", "sub": PERSON, "sid": "s", "roles": [], "iat": now_s, "exp": now_s + 600,
        }  # fmt: skip
        return jwt.encode({"alg": "ES256", "kid": "k1"}, usual | claims, by or self._key, ["ES256"])


@dataclass
class Chat(chat_pb2_grpc.ChatServiceServicer):
    """Answers like the chat service; remembers what came with each call."""

    seen: list[dict[str, str]] = dataclasses.field(default_factory=list)
    go_on: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    silent: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    async def SendMessage(self, request, context):  # type: ignore[no-untyped-def]
        self._note(context)
        await context.send_initial_metadata((("x-consistency-token", "here"),))
        return chat_pb2.SendMessageResponse(message_id=request.body)

    async def ListMessages(self, request, context):  # type: ignore[no-untyped-def]
        self._note(context)
        message = chat_pb2.Message(id="m", room_id=request.room_id, sequence=2**53 + 1)
        return chat_pb2.ListMessagesResponse(messages=[message] * (request.page.size or 1))

    async def GetRoom(self, request, context):  # type: ignore[no-untyped-def]
        status = status_pb2.Status(code=grpc.StatusCode.NOT_FOUND.value[0], message="no such room")
        status.details.add().Pack(error_details_pb2.ErrorInfo(reason="CHT-01", domain="regard"))
        violation = error_details_pb2.BadRequest.FieldViolation(field="room_id", description="unknown")
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        await context.abort(grpc.StatusCode.NOT_FOUND, status.message)

    async def CloseRoom(self, request, context):  # type: ignore[no-untyped-def]
        try:
            self.silent.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def Subscribe(self, request, context):  # type: ignore[no-untyped-def]
        self._note(context)
        try:
            yield chat_pb2.SubscribeResponse(cursor="1")
            await self.go_on.wait()
            if request.cursor == "fail":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "stopping")
            yield chat_pb2.SubscribeResponse(cursor="2")
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def _note(self, context: grpc.aio.ServicerContext) -> None:
        self.seen.append(metadata_of(context))


def metadata_of(context: grpc.aio.ServicerContext) -> dict[str, str]:
    """What came with a call."""
    return {key: str(value) for key, value in context.invocation_metadata() or ()}


@dataclass
class Auth(identity_pb2_grpc.AuthServiceServicer):
    """Signs everyone in; remembers what came with each call."""

    seen: list[dict[str, str]] = dataclasses.field(default_factory=list)

    async def SignIn(self, request, context):  # type: ignore[no-untyped-def]
        self.seen.append(metadata_of(context))
        return identity_pb2.SignInResponse(tokens=identity_pb2.Tokens(access_token="t"))


class Keys(groups_pb2_grpc.GroupInternalServiceServicer):
    """What must never be reached from outside."""

    async def GetContentKeys(self, request, context):  # type: ignore[no-untyped-def]
        return groups_pb2.GetContentKeysResponse()


class Everything(grpc.GenericRpcHandler):
    """Answers every method of the contract with a message whose fields are all set; remembers the request."""

    def __init__(self) -> None:
        self._methods = {method.path: method for method in contracts.methods()}
        self.received: Message | None = None

    def service(self, details):  # type: ignore[no-untyped-def]
        method = self._methods[details.method]
        answer = method.response()
        fill(answer)

        async def one(request, context):  # type: ignore[no-untyped-def]
            self.received = request
            return answer

        async def stream(request, context):  # type: ignore[no-untyped-def]
            self.received = request
            yield answer
            yield answer

        made = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        return made(
            stream if method.server_streaming else one,
            request_deserializer=method.request.FromString,
            response_serializer=method.response.SerializeToString,
        )


def fill(message: Message, depth: int = 0) -> None:
    """Sets every field to something that isn't its default; of a choice, the last."""
    for field in message.DESCRIPTOR.fields:
        nested = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            continue
        if nested is not None and depth < 5:
            fill(getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name), depth + 1)
            if not field.is_repeated:
                getattr(message, field.name).SetInParent()
        elif nested is None:
            value = _SAMPLES[field.cpp_type] if field.enum_type is None else field.enum_type.values[-1].number
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, b"x" if field.type == field.TYPE_BYTES else value)


_SAMPLES = {
    FieldDescriptor.CPPTYPE_STRING: "fr",
    FieldDescriptor.CPPTYPE_BOOL: True,
    FieldDescriptor.CPPTYPE_INT32: 1,
    FieldDescriptor.CPPTYPE_UINT32: 1,
    FieldDescriptor.CPPTYPE_INT64: 1,
    FieldDescriptor.CPPTYPE_UINT64: 1,
    FieldDescriptor.CPPTYPE_DOUBLE: 0.5,
    FieldDescriptor.CPPTYPE_FLOAT: 0.5,
}


@dataclass
class Behind:
    """A gateway, and hands on both of its sides."""

    gateway: Gateway
    chat: Chat
    auth: Auth
    issuer: Issuer
    http: httpx.AsyncClient
    channel: grpc.aio.Channel
    web: WebChannel
    backend: grpc.aio.Server
    headers: Mapping[str, str]

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The same token, for gRPC."""
        return tuple(self.headers.items())


@contextlib.asynccontextmanager
async def gateway_with_services(
    folder: Path, *, limits: Limits | None = None, everything: Everything | None = None, **settings: object
) -> AsyncIterator[Behind]:
    """Everything started, in order; everything ended. `everything`, if given, answers in place of the services."""
    issuer, chat, auth = Issuer(), Chat(), Auth()
    backend = grpc.aio.server(handlers=[everything] if everything else [])
    if everything is None:
        chat_pb2_grpc.add_ChatServiceServicer_to_server(chat, backend)
        identity_pb2_grpc.add_AuthServiceServicer_to_server(auth, backend)
        groups_pb2_grpc.add_GroupInternalServiceServicer_to_server(Keys(), backend)
    grpc_port = backend.add_insecure_port("127.0.0.1:0")
    await backend.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(backend.stop, None)
        identity = await stack.enter_async_context(serve_http(_jwks_app(issuer), "127.0.0.1"))
        page = await stack.enter_async_context(serve_http(_page_app(), "127.0.0.1"))
        services = {method.service: Address("127.0.0.1", grpc_port) for method in contracts.methods()}
        log = await stack.enter_async_context(serve_http(_log_app(), "127.0.0.1"))
        addresses = Addresses(services, *(Address("127.0.0.1", one.port) for one in (identity, log, page)))
        gateway = Gateway(Settings(data=folder, **settings), addresses, 0, limits=limits)  # type: ignore[arg-type]
        await stack.enter_async_context(gateway)
        url = f"http://127.0.0.1:{gateway.port}"
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))
        # A connection of its own: gRPC shares them among channels to the same address.
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{gateway.port}", options))
        headers = {"authorization": f"Bearer {issuer.token()}"}
        yield Behind(gateway, chat, auth, issuer, http, channel, WebChannel(http, url, headers), backend, headers)


def _jwks_app(issuer: Issuer) -> Starlette:
    async def jwks(_: Request) -> Response:
        return JSONResponse(issuer.jwks())

    return Starlette(routes=[Route("/.well-known/jwks.json", jwks)])


def _log_app() -> Starlette:
    async def log(request: Request) -> Response:
        return PlainTextResponse(f"log {request.url.path}", headers={"cache-control": "public, max-age=1"})

    return Starlette(routes=[Route("/log/{path:path}", log)])


def _page_app() -> Starlette:
    async def page(request: Request) -> Response:
        return PlainTextResponse(f"page {request.url.path}")

    return Starlette(routes=[Route("/{path:path}", page, methods=["GET", "POST"])])
