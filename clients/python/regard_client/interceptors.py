"""What happens around every call: renewal of the token, metadata out, proofs in, errors translated."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc

from regard_client.errors import RegardError, from_rpc
from regard_client.session import Session

UNARY_TIMEOUT_S = 30.0


class _Details(NamedTuple):
    """A call's details, as grpc's interceptors pass them on."""

    method: Any
    timeout: float | None
    metadata: Sequence[tuple[str, str | bytes]] | grpc.aio.Metadata | None
    credentials: Any
    wait_for_ready: bool | None
    compression: Any = None


@contextmanager
def translated() -> Iterator[None]:
    """Raises RegardError in place of grpc's error."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise from_rpc(error.code(), error.details(), tuple(error.trailing_metadata() or ())) from None
    except grpc.RpcError as error:
        raise _of(error) from None


def _of(error: Any) -> RegardError:
    return from_rpc(error.code(), error.details(), error.trailing_metadata())


class SyncInterceptor(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """For the client of threads."""

    def __init__(self, session: Session, renew: Callable[[], None]) -> None:
        self._session = session
        self._renew = renew

    def _sent(self, details: Any, timeout_s: float | None) -> _Details:
        if self._session.ending:
            self._renew()
        timeout = details.timeout if details.timeout is not None else timeout_s
        metadata = self._session.metadata(details.metadata)
        return _Details(details.method, timeout, metadata, details.credentials, details.wait_for_ready)

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """One request, one answer."""
        call = continuation(self._sent(client_call_details, UNARY_TIMEOUT_S), request)
        if (error := call.exception()) is not None:
            raise _of(error)
        self._session.saw([*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())])
        return call

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """One request, a stream of answers."""
        return _SyncStream(continuation(self._sent(client_call_details, None), request))


class _SyncStream:
    """A stream of answers that raises RegardError; `cancel()` ends it."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        with translated():
            return next(self._call)

    def cancel(self) -> bool:
        """Ends the stream."""
        return bool(self._call.cancel())


class AsyncInterceptor:
    """For the client of asyncio."""

    def __init__(self, session: Session, renew: Callable[[], Awaitable[None]]) -> None:
        self._session = session
        self._renew = renew

    @staticmethod
    def both(session: Session, renew: Callable[[], Awaitable[None]]) -> list[grpc.aio.ClientInterceptor]:
        """One for each kind of call: grpc puts an interceptor in the chain of one kind only."""
        return [_AsyncUnary(session, renew), _AsyncStream(session, renew)]

    async def _sent(self, details: Any, timeout_s: float | None) -> grpc.aio.ClientCallDetails:
        if self._session.ending:
            await self._renew()
        return grpc.aio.ClientCallDetails(
            details.method,
            details.timeout if details.timeout is not None else timeout_s,
            grpc.aio.Metadata(*self._session.metadata(details.metadata)),
            details.credentials,
            details.wait_for_ready,
        )


class _AsyncUnary(AsyncInterceptor, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        call = await continuation(await self._sent(client_call_details, UNARY_TIMEOUT_S), request)
        with translated():
            answer = await call
        self._session.saw([*(await call.initial_metadata() or ()), *(await call.trailing_metadata() or ())])
        return answer


class _AsyncStream(AsyncInterceptor, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return self._frames(await continuation(await self._sent(client_call_details, None), request))

    @staticmethod
    async def _frames(call: Any) -> AsyncIterator[Any]:
        with translated():
            async for frame in call:
                yield frame
