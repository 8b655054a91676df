"""A front before an event store's node, for tests: TLS with user and password, or a part of the node to oneself.

A part holds only what was written through it, as an empty node would: every stream has a prefix of the part's own on
the node, and none for those who use it. What was written stays on the node.

`python tests/node.py URI FOLDER` serves a part from a process of its own, and writes its URI to FOLDER/uri.
"""

import asyncio
import base64
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc.aio
from kurrentdbclient.protos.v1 import streams_pb2_grpc
from kurrentdbclient.protos.v1.streams_pb2 import BatchAppendReq, BatchAppendResp, ReadReq, ReadResp

from services.common.eventstore import StoreUnavailable
from services.common.eventstore.connection import CALL_METADATA, Connection, Use
from tests.certificates import certificates

Context = grpc.aio.ServicerContext[Any, Any]


class _Front(streams_pb2_grpc.StreamsServicer):
    """Reads and appends; whatever else a node can do, Regard does not ask for."""

    def __init__(self, node: Connection, prefix: str, user: str) -> None:
        self._node = node
        self._prefix = prefix.encode()
        self._expected = f"Basic {base64.b64encode(user.encode()).decode()}" if user else ""

    async def Read(self, request: ReadReq, context: Context) -> AsyncIterator[ReadResp]:
        await self._admit(context)
        options = request.options
        if options.HasField("stream"):
            self._hide(options.stream.stream_identifier)
        if options.HasField("filter"):
            asked = options.filter.stream_identifier.prefix
            asked[:] = [self._prefix.decode() + prefix for prefix in asked]
        stub = await self._stub(context, Use.SUBSCRIPTIONS)
        async for answer in _answers(stub.Read(request, metadata=CALL_METADATA), context):
            self._show(answer.event.event.stream_identifier)
            self._show(answer.stream_not_found.stream_identifier)
            yield answer

    async def BatchAppend(
        self, requests: AsyncIterator[BatchAppendReq], context: Context
    ) -> AsyncIterator[BatchAppendResp]:
        await self._admit(context)

        async def hidden() -> AsyncIterator[BatchAppendReq]:
            async for request in requests:
                self._hide(request.options.stream_identifier)
                yield request

        stub = await self._stub(context, Use.APPENDS)
        async for answer in _answers(stub.BatchAppend(hidden(), metadata=CALL_METADATA), context):
            self._show(answer.stream_identifier)
            yield answer

    async def _admit(self, context: Context) -> None:
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        if self._expected and given != self._expected:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Authentication failed")

    async def _stub(self, context: Context, use: Use) -> streams_pb2_grpc.StreamsStub:
        try:
            return await self._node.ready(use)
        except StoreUnavailable:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the node is away")
            raise

    def _hide(self, stream: Any) -> None:
        if stream.stream_name:
            marks = b"$$" if stream.stream_name.startswith(b"$$") else b""
            stream.stream_name = marks + self._prefix + stream.stream_name.removeprefix(marks)

    def _show(self, stream: Any) -> None:
        if stream.stream_name:
            stream.stream_name = stream.stream_name.replace(self._prefix, b"", 1)


async def _answers(call: Any, context: Context) -> AsyncIterator[Any]:
    try:
        async for answer in call:
            yield answer
    except grpc.aio.AioRpcError as error:
        context.set_trailing_metadata(tuple(error.trailing_metadata() or ()))
        await context.abort(error.code(), error.details() or "")
    finally:
        call.cancel()


@asynccontextmanager
async def part_of(node_uri: str, name: str = "") -> AsyncIterator[str]:
    """URI of a part of the node: the one of that name or, without one, a part that holds nothing yet."""
    async with _served(node_uri, f"regard-test-{name or uuid.uuid4().hex}.") as port:
        yield f"kurrentdb://127.0.0.1:{port}?tls=false"


@asynccontextmanager
async def with_tls(node_uri: str, folder: Path, user: str = "regard:a secret, 100 % sure") -> AsyncIterator[str]:
    """URI of a front that speaks TLS, with a certificate by an authority in a file, to whoever knows the password."""
    authority, chain, key = certificates()
    (folder / "ca.pem").write_bytes(authority)
    credentials = grpc.ssl_server_credentials([(key, chain)])
    async with _served(node_uri, "", user, credentials) as port:
        yield f"kurrentdb://{quote(user, safe=':')}@127.0.0.1:{port}?tls=true&tlsCaFile={folder / 'ca.pem'}"


@asynccontextmanager
async def _served(
    node_uri: str, prefix: str, user: str = "", credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[int]:
    node, server = Connection(node_uri), grpc.aio.server()
    streams_pb2_grpc.add_StreamsServicer_to_server(_Front(node, prefix, user), server)
    where = "127.0.0.1:0"
    port = server.add_secure_port(where, credentials) if credentials else server.add_insecure_port(where)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)
        await node.close()


async def _serve_part(node_uri: str, folder: Path) -> None:
    async with part_of(node_uri) as uri:
        (folder / "draft").write_text(uri)
        (folder / "draft").rename(folder / "uri")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve_part(sys.argv[1], Path(sys.argv[2])))
