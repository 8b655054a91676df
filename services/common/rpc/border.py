"""Everything that happens to a call before and after a service's own code, in the order in which it happens.

observe -> size -> token -> parse -> validate -> wait for the caller's own writes -> the service -> answer or refuse

One interceptor, not one per concern: a request stays bytes until its caller is known, and the stream is written from
here, so that whatever ends a call (the client, a deadline, a stopping server) ends the service's generator at once.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias, cast

import grpc
from google.protobuf.message import DecodeError, Message

from services.common import consistency, contracts
from services.common.errors import Refused
from services.common.rpc import refusals
from services.common.rpc.call import Call, Caller, arrived, enter
from services.common.rpc.observation import Observed, served
from services.common.rpc.status import status_of
from services.common.rpc.tokens import ServiceTokens, TokenVerifier, role_name
from services.common.rpc.validation import validate
from services.common.telemetry import logger

MAX_REQUEST_BYTES = 1 << 20
DEFAULT_DEADLINE_S = 14.0
"""For calls that bring none, as all do that came through the gateway, which waits for 15 s."""
REVOKED_EVERY_S = 0.5
"""How often open streams are looked through for callers who were sent away; ten thousand take some ten milliseconds."""
MOST_STREAMS = 32
"""Streams that one person may have open in a process: several devices with several windows each."""

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, Message]"
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, Message]"

_log = logger(__name__)


@dataclass(slots=True)
class _Open:
    """A stream that is being served: whose, once that is known, and why it is being ended, if it is."""

    caller: Caller | None = None
    ended: Refused | None = None

    def end(self, task: "asyncio.Task[Any]", why: Refused) -> None:
        """Ends it; a second time changes nothing."""
        if self.ended is None:
            self.ended = why
            task.cancel()


class Border(grpc.aio.ServerInterceptor):
    """Stands before every method of the contract; health and reflection pass by.

    `revoked` tells whether a session has ended before its token; `wait_for` returns when the views of that
    service contain the writes that `x-consistency-token` names, or raises Refused after that many seconds.
    """

    def __init__(
        self,
        people: TokenVerifier,
        services: ServiceTokens,
        revoked: Callable[[Caller], bool],
        wait_for: Callable[[str, str, float], Awaitable[None]],
    ) -> None:
        self._people = people
        self._services = services
        self._revoked = revoked
        self._wait_for = wait_for
        self._methods: Mapping[str, contracts.Method] = {method.path: method for method in contracts.methods()}
        self._handlers: dict[str, Handler] = {}
        self._streams: dict[asyncio.Task[Any], _Open] = {}
        self._streams_of: Counter[str] = Counter()
        self._closing = False

    async def intercept_service(  # type: ignore[override]  # the stubs know only the deserialised request
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]],
        details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """The method's handler, with all of the above around it."""
        path = details.method
        if guarded := self._handlers.get(path):
            return guarded
        handler, method = await continuation(details), self._methods.get(path)
        if handler is None or method is None:
            return handler
        self._handlers[path] = self._guarded(method, handler)
        return self._handlers[path]

    def close_streams(self) -> None:
        """Ends every open stream with UNAVAILABLE, so that clients go on elsewhere; later ones end likewise."""
        self._closing = True
        for task, stream in self._streams.items():
            stream.end(task, refusals.SHUTTING_DOWN())

    async def end_streams_of_revoked(self) -> None:
        """Ends the streams of those whose session is over, for ever: silent ones would only learn of it later."""
        while True:
            await asyncio.sleep(REVOKED_EVERY_S)
            for task, stream in self._streams.items():
                if stream.caller and self._revoked(stream.caller):
                    stream.end(task, refusals.SESSION_ENDED())

    def _guarded(self, method: contracts.Method, handler: Any) -> Handler:
        if method.client_streaming:
            raise NotImplementedError(f"{method.full_name}: streams of requests don't reach the border")
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._stream(method, handler.unary_stream), response_serializer=handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(
            self._unary(method, handler.unary_unary), response_serializer=handler.response_serializer
        )

    def _unary(self, method: contracts.Method, behaviour: Callable[[Message, Context], Awaitable[Message]]) -> Any:
        async def serve(data: bytes, context: Context) -> Message:
            call = _arrived(method, context)
            limit_s = _time_remaining_s(context) or DEFAULT_DEADLINE_S
            call.deadline_s = asyncio.get_running_loop().time() + limit_s
            with served(call) as observed:
                try:
                    async with asyncio.timeout(limit_s) as deadline:
                        request = await self._admit(call, method, data)
                        response = await behaviour(request, context)
                except TimeoutError as error:
                    await _end(context, call, observed, refusals.TOO_LATE() if deadline.expired() else error)
                except Exception as error:
                    await _end(context, call, observed, error)
                if call.answer_tokens:
                    # Not in the trailers: JSON callers see only what comes first.
                    await context.send_initial_metadata(((consistency.HEADER, ",".join(call.answer_tokens)),))
                return response

        return serve

    def _stream(self, method: contracts.Method, behaviour: Callable[[Message, Context], AsyncIterator[Message]]) -> Any:
        async def serve(data: bytes, context: Context) -> None:
            call = _arrived(method, context)
            with served(call) as observed:
                try:
                    with self._until_ended() as stream:
                        async with asyncio.timeout(DEFAULT_DEADLINE_S):
                            request = await self._admit(call, method, data)
                        stream.caller = call.caller
                        with self._one_more(call.caller):
                            async with contextlib.aclosing(behaviour(request, context)) as responses:  # type: ignore[type-var]
                                async for response in responses:
                                    if call.caller and self._revoked(call.caller):
                                        raise refusals.SESSION_ENDED()
                                    await context.write(response)
                except Exception as error:
                    await _end(context, call, observed, error)

        return serve

    @contextlib.contextmanager
    def _until_ended(self) -> "Iterator[_Open]":
        """Turns a cancellation by this border into the refusal that it stands for; every other one passes."""
        if self._closing:
            raise refusals.SHUTTING_DOWN()
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        stream = self._streams[task] = _Open()
        try:
            yield stream
        except asyncio.CancelledError:
            if stream.ended is None:
                raise
            task.uncancel()
            raise stream.ended from None
        finally:
            del self._streams[task]

    @contextlib.contextmanager
    def _one_more(self, caller: Caller | None) -> Iterator[None]:
        """Counts a stream of this caller's until the block ends. Raises Refused (RPC-16) if there are enough."""
        who = caller.actor if caller else ""
        if self._streams_of[who] >= MOST_STREAMS:
            raise refusals.TOO_MANY_STREAMS(limit=str(MOST_STREAMS))
        self._streams_of[who] += 1
        try:
            yield
        finally:
            self._streams_of[who] -= 1
            if not self._streams_of[who]:
                del self._streams_of[who]

    async def _admit(self, call: Call, method: contracts.Method, data: bytes) -> Message:
        if len(data) > MAX_REQUEST_BYTES:
            raise refusals.TOO_LARGE(limit_bytes=str(MAX_REQUEST_BYTES))
        call.caller = await self._caller(call, method.access)
        enter(call)
        try:
            request = method.request.FromString(data)
        except DecodeError:
            raise refusals.UNREADABLE(message=method.request.DESCRIPTOR.name) from None
        validate(request)
        if tokens := call.metadata.get(consistency.HEADER):
            await self._wait_for(method.service, tokens, call.time_left_s(DEFAULT_DEADLINE_S))
        return request

    async def _caller(self, call: Call, access: contracts.Access) -> Caller | None:
        if access.public:
            return None
        scheme, _, token = call.metadata.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise refusals.NO_TOKEN()
        if access.internal:
            return self._service(token)
        caller = await self._people.verify(token)
        if self._revoked(caller):
            raise refusals.SESSION_ENDED()
        if access.roles and not access.roles & caller.roles:
            needed = sorted(role_name(role) for role in access.roles)
            raise refusals.ROLE_NEEDED(roles=", ".join(needed))
        return caller

    def _service(self, token: str) -> Caller:
        try:
            return self._services.verify(token)
        except Refused as refused:
            if refused.refusal is refusals.BAD_TOKEN:
                raise refusals.INTERNAL_ONLY() from None
            raise


def _arrived(method: contracts.Method, context: Context) -> Call:
    metadata: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            metadata[key] = f"{metadata[key]},{value}" if key in metadata else value
    return arrived(method.path, metadata)


def _time_remaining_s(context: Context) -> float | None:
    remaining: float | None = context.time_remaining()
    return remaining


async def _end(context: Context, call: Call, observed: Observed, error: Exception) -> NoReturn:
    """Ends the call with what the caller may know of `error`; always raises."""
    if isinstance(error, grpc.aio.AbortError):
        observed.code = _code_of(context)
        raise error
    refused = _refusal_in(error)
    if refused is None:
        _log.error("a call failed", method=call.method, request_id=call.request_id, exc_info=error)
        refused = refusals.FAULT(request_id=call.request_id)
    status = status_of(refused, call.language, call.request_id)
    observed.code = status.code
    await context.abort(status.code, status.message, status.trailers)


def _refusal_in(error: BaseException) -> Refused | None:
    """The refusal that `error` is, or that a task group holds with nothing worse beside it."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, BaseExceptionGroup):
        _, others = error.split(Refused)
        return None if others else _refusal_in(error.exceptions[0])
    return None


def _code_of(context: Context) -> grpc.StatusCode:
    code = context.code()
    return next((known for known in grpc.StatusCode if code in (known, known.value[0])), grpc.StatusCode.UNKNOWN)
