"""Refusing a call, in the words by which clients of the protocol recognise why."""

from collections.abc import Mapping
from typing import Any, NoReturn

import grpc

from services.common.errors import Refused
from services.embedded.eventstore.model import APPEND_LIMIT_BYTES

Context = grpc.aio.ServicerContext[Any, Any]


async def refuse(
    context: Context, code: grpc.StatusCode, sentence: str, trailers: Mapping[str, str] | None = None
) -> NoReturn:
    """Ends the call with a status; trailers are what the genuine node adds for its clients."""
    # Trailers are ASCII by the gRPC specification; the sentence is not bound to it.
    ascii_trailers = tuple(
        (key, value.encode("ascii", "backslashreplace").decode()) for key, value in (trailers or {}).items()
    )
    await context.abort(code, sentence, ascii_trailers)
    raise AssertionError("abort returned")


async def deleted(context: Context, stream: str) -> NoReturn:
    """Ends a call on a tombstoned stream."""
    trailers = {"exception": "stream-deleted", "stream-name": stream}
    await refuse(context, grpc.StatusCode.FAILED_PRECONDITION, f"Event stream '{stream}' is deleted.", trailers)


async def too_large(context: Context) -> NoReturn:
    """Ends a call that appends more than an append may hold."""
    await refuse(
        context,
        grpc.StatusCode.INVALID_ARGUMENT,
        f"Maximum Append Size of {APPEND_LIMIT_BYTES} Exceeded.",
        {"exception": "maximum-append-size-exceeded", "maximum-append-size": str(APPEND_LIMIT_BYTES)},
    )


async def refused(context: Context, reason: Refused) -> NoReturn:
    """Ends a call for a reason of our own; its id begins the sentence."""
    code = grpc.StatusCode[reason.refusal.kind.name]
    await refuse(context, code, f"{reason.refusal.id} {reason.describe('en')}", {"reason": reason.refusal.id})
