"""Calls from one service to another, through the same contract as everyone's.

Stubs get a `PeerChannel` in place of a channel of their own: it adds to each call what the present one carries
(the caller's token or a service token, deadline, request id, language, trace, consistency tokens), and raises what the
peer refused as the same Refused. Not gRPC's own interceptors: theirs lose cancellations and make a task per call.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NoReturn, TypeVar, cast

import grpc
from google.protobuf.message import Message

from services.common import consistency, contracts
from services.common.rpc import refusals
from services.common.rpc.call import current, traceparent
from services.common.rpc.observation import asked
from services.common.rpc.status import refused_by
from services.common.rpc.tokens import ServiceTokens
from services.common.telemetry import logger

Stub = TypeVar("Stub")

CALL_LIMIT_S = 10.0

_OF_THE_TOKEN = (refusals.NO_TOKEN, refusals.EXPIRED_TOKEN, refusals.INTERNAL_ONLY)
_log = logger(__name__)

_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.max_receive_message_length", 16 << 20),
)


class Peers:
    """The other services, by their stubs: `peers.stub(GroupServiceStub)`. One channel per address."""

    def __init__(self, addresses: Mapping[str, str], tokens: ServiceTokens) -> None:
        """`addresses`: host:port by service name."""
        self._addresses = addresses
        self._tokens = tokens
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._stubs: dict[object, object] = {}

    def stub(self, stub_class: Callable[[grpc.aio.Channel], Stub]) -> Stub:
        """A generated stub of the service that owns it. LookupError if no address is set for that service."""
        if stub_class not in self._stubs:
            service = stub_class.__module__.split(".")[1]
            self._stubs[stub_class] = stub_class(
                cast(grpc.aio.Channel, PeerChannel(service, self._channel(service), self._tokens))
            )
        return self._stubs[stub_class]  # type: ignore[return-value]

    async def close(self) -> None:
        """Ends all calls and connections."""
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, service: str) -> grpc.aio.Channel:
        address = self._addresses.get(service)
        if not address:
            raise LookupError(f"set REGARD_{service.upper()}_ADDRESS to where the service {service} listens")
        if address not in self._channels:
            self._channels[address] = grpc.aio.insecure_channel(address, options=_OPTIONS)
        return self._channels[address]


class PeerChannel:
    """What a generated stub needs of a channel."""

    def __init__(self, service: str, channel: grpc.aio.Channel, tokens: ServiceTokens) -> None:
        self._service = service
        self._channel = channel
        self._tokens = tokens
        self._internal = {method.path for method in contracts.methods() if method.access.internal}

    def unary_unary(self, method: str, **generated: Any) -> Callable[..., Any]:
        """Makes a stub's method: awaits one answer."""
        ask = self._channel.unary_unary(method, **generated)

        async def call(request: Message, *, timeout: float = CALL_LIMIT_S) -> Message:
            limit_s = _limit_s(timeout)
            with asked(method):
                running = ask(request, timeout=limit_s, metadata=self._metadata(method))
                try:
                    response: Message = await running
                    await _keep_tokens(running)
                except grpc.aio.AioRpcError as error:
                    self._refuse(method, error)
            return response

        return call

    def unary_stream(self, method: str, **generated: Any) -> Callable[..., Any]:
        """Makes a stub's method: iterates over answers; closing the iterator ends the call."""
        ask = self._channel.unary_stream(method, **generated)

        async def call(request: Message, *, timeout: float | None = None) -> AsyncIterator[Message]:
            running = ask(request, timeout=timeout, metadata=self._metadata(method))
            try:
                async for response in running:
                    yield response
            except grpc.aio.AioRpcError as error:
                self._refuse(method, error)
            finally:
                running.cancel()

        return call

    def stream_unary(self, method: str, **_generated: Any) -> NoReturn:
        """No method of the contract takes a stream."""
        raise NotImplementedError(method)

    stream_stream = stream_unary

    def _metadata(self, method: str) -> tuple[tuple[str, str], ...]:
        present = current()
        pairs: dict[str, str] = {"traceparent": traceparent()}
        if method in self._internal:
            pairs["authorization"] = f"Bearer {self._tokens.token()}"
        if present:
            if present.caller and present.caller.token and "authorization" not in pairs:
                pairs["authorization"] = f"Bearer {present.caller.token}"
            pairs["x-request-id"] = present.request_id
            pairs["accept-language"] = present.language
            seen = (present.metadata.get(consistency.HEADER, ""), *present.answer_tokens)
            pairs[consistency.HEADER] = ",".join(token for token in seen if token)
        return tuple((key, value) for key, value in pairs.items() if value)

    def _refuse(self, method: str, error: grpc.aio.AioRpcError) -> NoReturn:
        if refused := refused_by(error):
            if method in self._internal and refused.refusal in _OF_THE_TOKEN:
                # It is this service that was refused, for clocks that differ perhaps: nothing to blame its caller for.
                _log.warning("a service refuses another's token", service=self._service, refusal=refused.refusal.id)
                raise refusals.PEER_UNAVAILABLE(service=self._service) from None
            raise refused from None
        match error.code():
            case grpc.StatusCode.UNAVAILABLE:
                raise refusals.PEER_UNAVAILABLE(service=self._service) from None
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                raise refusals.TOO_LATE() from None
            case _:
                raise error


def _limit_s(timeout: float) -> float:
    present = current()
    return min(timeout, present.time_left_s(timeout)) if present else timeout


async def _keep_tokens(running: Any) -> None:
    """Lets the answer of the present call carry the tokens that the peer answered with."""
    present = current()
    if present is None:
        return
    for key, value in await running.initial_metadata() or ():
        if key == consistency.HEADER and value not in present.answer_tokens:
            present.answer_tokens.append(value)
