"""The witness over HTTP. Specification: https://c2sp.org/tlog-witness@v1.0.0, section "HTTP Interface".

One address is submission and monitoring prefix. Nobody signs in: what is submitted is signed by a log.
"""

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from regard_client.verify.addcheckpoint import PATH, SIZE_TYPE, Status
from regard_client.witness.state import Witness

_MOST_BYTES = 64 * 1024
_TOO_LARGE, _NOT_FOUND = 413, 404


def application(witness: Witness) -> Starlette:
    """The ASGI application of a witness."""

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    return Response(status_code=_TOO_LARGE)
        except ClientDisconnect:
            return Response(status_code=Status.MALFORMED)
        status, answer = await run_in_threadpool(witness.add_checkpoint, body)
        # As a header, since Starlette adds a charset to media types, and logs compare this one to the letter.
        return Response(answer, status, {"content-type": SIZE_TYPE if status is Status.CONFLICT else "text/plain"})

    async def checkpoint(request: Request) -> Response:
        note = await run_in_threadpool(witness.checkpoint, request.path_params["origin_hash"])
        return Response(status_code=_NOT_FOUND) if note is None else PlainTextResponse(note)

    async def keys(_: Request) -> Response:
        return PlainTextResponse("".join(f"{key}\n" for key in witness.verifiers))

    return Starlette(
        routes=[
            Route("/", keys),
            Route(f"/{PATH}", add_checkpoint, methods=["POST"]),
            Route("/{origin_hash}/checkpoint", checkpoint),
        ],
    )
