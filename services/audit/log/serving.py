"""What anyone may read of the log: checkpoint, tiles, bundles, key and policy, as files below /log/.

tlog-tiles, sections "Checkpoints", "Merkle Tree" and "Log entries": what a path holds never changes, except the
checkpoint; so that all but this may be kept by every cache on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from regard_client.verify import Unverified
from regard_client.verify.tiles import parse_path
from services.audit.log.keys import LogKeys
from services.audit.log.storage import Storage
from services.common.errors import Refused

_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
_BRIEFLY = {"cache-control": "public, max-age=1"}
_FOR_MINUTES = {"cache-control": "public, max-age=300"}
_MISSING = {"cache-control": "no-store"}
_TEXT = "text/plain; charset=utf-8"


def application(
    storage: Storage,
    shown: Callable[[], Awaitable[bytes | None]],
    keys: Callable[[], Awaitable[LogKeys]],
    policy: Callable[[LogKeys], bytes],
) -> Starlette:
    """Serves GET and HEAD of /log/…; nothing of it needs a token or tells who asks."""

    async def checkpoint(_request: Request) -> Response:
        signed = await shown()
        return _missing() if signed is None else Response(signed, media_type=_TEXT, headers=_BRIEFLY)

    async def tile(request: Request) -> Response:
        try:
            path = parse_path(f"tile/{request.path_params['place']}").path
        except Unverified:
            return _missing()
        data = await asyncio.to_thread(storage.get, path)
        if data is None:
            return _missing()
        return Response(data, media_type="application/octet-stream", headers=_FOR_EVER)

    async def vkey(_request: Request) -> Response:
        return PlainTextResponse(f"{(await keys()).verifiers[0]}\n", headers=_FOR_MINUTES)

    async def the_policy(_request: Request) -> Response:
        return Response(policy(await keys()), media_type=_TEXT, headers=_FOR_MINUTES)

    async def away(_request: Request, _error: Exception) -> Response:
        return PlainTextResponse("the log cannot be read at the moment\n", status_code=503, headers=_MISSING)

    routes = [
        Route("/log/checkpoint", checkpoint),
        Route("/log/vkey", vkey),
        Route("/log/policy", the_policy),
        Route("/log/tile/{place:path}", tile),
    ]
    return Starlette(routes=routes, exception_handlers={Refused: away})


def _missing() -> Response:
    return PlainTextResponse("there is no such file in the log\n", status_code=404, headers=_MISSING)
