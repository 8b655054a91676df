"""Every method of the contract, called by those who may not: none of them may reach a service's code."""

from collections.abc import AsyncIterator, Awaitable

import grpc
import pytest
from regard.common.v1 import options_pb2

from services.common import contracts, rpc
from services.common.contracts import Method
from tests.unit.common.border import Site, frozen_clock, info_of

METHODS = {method.full_name: method for method in contracts.methods()}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A server on which each method answers whoever reaches it."""
    site = Site(frozen_clock())
    for name in {method.path.split("/")[1] for method in METHODS.values()}:
        handlers = {m.path.split("/")[2]: _reached(m) for m in METHODS.values() if m.path.split("/")[1] == name}
        handler = grpc.method_handlers_generic_handler(name, handlers)
        site.server.add(name, [(lambda one, server: server.add_generic_rpc_handlers((one,)), handler)])
    await site.server.start()
    yield site
    await site.channel.close()
    await site.server.stop(0)


def _reached(method: Method) -> grpc.RpcMethodHandler:
    async def stream(_request: object, _context: object) -> AsyncIterator[object]:
        yield method.response()

    async def unary(_request: object, _context: object) -> object:
        return method.response()

    def serialize(message: object) -> bytes:
        return b""

    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(stream, method.request.FromString, serialize)
    return grpc.unary_unary_rpc_method_handler(unary, method.request.FromString, serialize)


async def _call(site: Site, method: Method, token: str | None) -> str:
    """The id with which an empty request is refused; empty if it is answered."""
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    if method.server_streaming:
        call = site.channel.unary_stream(method.path)(b"", metadata=metadata)
        return await _id(call.read())
    return await _id(site.channel.unary_unary(method.path)(b"", metadata=metadata))


async def _id(call: Awaitable[object]) -> str:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return info_of(error).reason
    return ""


@pytest.mark.parametrize("name", METHODS)
async def test_nobody_gets_in_who_may_not(site: Site, name: str) -> None:
    method, access = METHODS[name], METHODS[name].access
    now_s = int(site.clock().timestamp())
    every_role = [rpc.role_name(role) for role in options_pb2.Role.values()]
    person = site.token(roles=every_role)
    passed = {"", "RPC-02"}  # answered, or refused only for what the empty request lacks
    if access.public:
        assert await _call(site, method, None) in passed
        return
    assert await _call(site, method, None) == "RPC-03"
    if access.internal:
        assert await _call(site, method, person) == "RPC-08"
        assert await _call(site, method, site.service_tokens.token()) in passed
        return
    assert await _call(site, method, site.token(exp=now_s)) == "RPC-05"
    for hostile in ("x", site.token(aud="another"), site.token(sid=None), site.service_tokens.token()):
        assert await _call(site, method, hostile) == "RPC-04"
    assert await _call(site, method, person) in passed
    if access.roles:
        others = [rpc.role_name(role) for role in options_pb2.Role.values() if role not in access.roles]
        assert await _call(site, method, site.token(roles=others)) == "RPC-07"
    site.revoked.add("s1")
    assert await _call(site, method, person) == "RPC-06"
