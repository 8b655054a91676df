"""Serves the web client below /app/, and keeps its sessions: what a page can't keep for itself.

The client is files (clients/web, built into build/web) that call the gateway by themselves. What it may not see is the
refresh token: it lies in a cookie that no script reads and that only /app/session is sent; the page trades it for
access tokens of a few minutes, which the client holds in memory.
"""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from regard.identity.v1.identity_pb2 import FinishPasskeySignInRequest, RefreshRequest, SignInRequest, Tokens
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from regard_client.client import AsyncRegard
from regard_client.errors import RegardError
from regard_client.session import Session
from services.page.visitors import language_of

PREFIX = "/app/"
COOKIE = "regard-session"
CLIENT = "regard-web"
HTTP_STATUS = {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "RESOURCE_EXHAUSTED": 429}

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types regard-worker"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}

_SESSION_PATH = f"{PREFIX}session"
_IDLE_S = 14 * 86_400
"""As long as identity keeps an idle session."""
_AGAIN_S = 60.0
_MOST_BYTES = 64 * 1024
_FOREVER = "public, max-age=31536000, immutable"
_NOT_BUILT = (
    "Le client web n’est pas construit : lancez « make web », puis redémarrez Regard.\n"
    "The web client is not built: run `make web`, then start Regard again.\n"
)

Demonstration = Callable[[], dict[str, Any]]


class WebClient:
    """The client's files and its sessions."""

    def __init__(self, gateway: str, built: Path, demonstration: Demonstration) -> None:
        """`built`: what scripts/web.py made, if it did; `demonstration`: people to sign in as, and their password."""
        self._gateway = gateway
        self._built = built.resolve()
        self._demonstration = demonstration
        self._renewals: dict[str, asyncio.Task[Tokens]] = {}

    @property
    def is_built(self) -> bool:
        """Whether there is a client to serve."""
        return (self._built / "index.html").is_file()

    def routes(self) -> list[BaseRoute]:
        """The addresses below /app/."""
        return [
            Route(PREFIX.rstrip("/"), _to_the_client),
            Route(_SESSION_PATH, self.begin, methods=["POST"]),
            Route(_SESSION_PATH, self.end, methods=["DELETE"]),
            Route(f"{_SESSION_PATH}/renew", self.renew, methods=["POST"]),
            Route(f"{PREFIX}demonstration", self.demonstration),
            Route(PREFIX + "{path:path}", self.file),
        ]

    async def file(self, request: Request) -> Response:
        """A file of the client; for every other address, the client itself, which knows its own pages."""
        if not self.is_built:
            return PlainTextResponse(_NOT_BUILT, status_code=503)
        file = (self._built / request.path_params["path"]).resolve()
        if file.is_file() and file.is_relative_to(self._built):
            named_by_content = file.parent.name == "assets"
            return FileResponse(file, headers={"cache-control": _FOREVER if named_by_content else "no-cache"})
        if request.path_params["path"].startswith("assets/"):
            raise HTTPException(404)
        return FileResponse(self._built / "index.html", headers={"cache-control": "no-cache"})

    async def demonstration(self, _request: Request) -> Response:
        """People of the demonstration company to sign in as; none elsewhere."""
        people = [one for one in self._demonstration().get("people", []) if one.get("about_en")]
        return JSONResponse([{name: one[name] for name in ("key", "name", "about_fr", "about_en")} for one in people])

    async def begin(self, request: Request) -> Response:
        """Signs someone in with address and password, with a passkey, or as a person of the demonstration company."""
        given = await _sent_by_the_client(request)
        email, password = given.get("email", ""), given.get("password", "")
        if key := given.get("person"):
            read = self._demonstration()
            person = next((one for one in read.get("people", []) if one["key"] == key), None)
            if person is None:
                raise HTTPException(404)
            email, password = person["email"], read["password"]
        try:
            async with self._regard(request) as regard:
                if passkey := given.get("passkey"):
                    held = FinishPasskeySignInRequest(credential_json=passkey, client=CLIENT)
                    tokens = (await regard.auth.FinishPasskeySignIn(held)).tokens
                else:
                    asked = SignInRequest(email=email, password=password, client=CLIENT)
                    tokens = (await regard.auth.SignIn(asked)).tokens
        except RegardError as error:
            return _refused(error)
        return _given(tokens, request)

    async def renew(self, request: Request) -> Response:
        """Trades the refresh token for new tokens; 204 when there is none, 401 when the session is over."""
        await _sent_by_the_client(request)
        token = request.cookies.get(COOKIE, "")
        if not token:
            return Response(status_code=204)
        try:
            tokens = await asyncio.shield(self._renewal(token, request))
        except RegardError as error:
            answer = _refused(error)
            if error.kind == "UNAUTHENTICATED":
                answer.delete_cookie(COOKIE, path=_SESSION_PATH)
            return answer
        return _given(tokens, request)

    async def end(self, request: Request) -> Response:
        """Lets the browser forget the session, which the client has ended."""
        await _sent_by_the_client(request)
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, path=_SESSION_PATH)
        return answer

    def _renewal(self, token: str, request: Request) -> asyncio.Task[Tokens]:
        """The one exchange of a token, which is good for one use.

        Whoever asks again within a minute, from a second tab or because the answer got lost, is given the same tokens.
        """
        if not (renewal := self._renewals.get(token)):
            renewal = self._renewals[token] = asyncio.create_task(self._exchange(token, request))
            renewal.add_done_callback(lambda _: asyncio.get_running_loop().call_later(_AGAIN_S, self._forget, token))
        return renewal

    def _forget(self, token: str) -> None:
        self._renewals.pop(token, None)

    async def _exchange(self, token: str, request: Request) -> Tokens:
        try:
            async with self._regard(request) as regard:
                return (await regard.auth.Refresh(RefreshRequest(refresh_token=token))).tokens
        except RegardError as error:
            if error.unreachable:
                self._forget(token)
            raise

    def _regard(self, request: Request) -> AsyncRegard:
        return AsyncRegard(self._gateway, session=Session(language=language_of(request), client=CLIENT))


async def _to_the_client(_request: Request) -> Response:
    return RedirectResponse(PREFIX, status_code=308)


async def _sent_by_the_client(request: Request) -> dict[str, str]:
    """The JSON object that was sent, without what is no text. Raises HTTPException for what another site sends.

    Neither forms nor scripts of another origin can send JSON without being asked first, which is not answered.
    """
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403)
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(415)
    if int(request.headers.get("content-length") or _MOST_BYTES + 1) > _MOST_BYTES:
        raise HTTPException(413)
    try:
        given = json.loads(await request.body())
    except ValueError:
        raise HTTPException(400) from None
    return {name: one for name, one in given.items() if isinstance(one, str)} if isinstance(given, dict) else {}


def _given(tokens: Tokens, request: Request) -> Response:
    answer = JSONResponse({"accessToken": tokens.access_token, "expiresInS": tokens.expires_in_s})
    secure = request.headers.get("x-forwarded-proto") == "https"
    answer.set_cookie(
        COOKIE,
        tokens.refresh_token,
        max_age=_IDLE_S,
        path=_SESSION_PATH,
        httponly=True,
        samesite="strict",
        secure=secure,
    )
    answer.headers["cache-control"] = "no-store"
    return answer


def _refused(error: RegardError) -> Response:
    """The refusal as the client shows it."""
    told = {"id": error.id, "sentence": error.sentence, "remedy": error.remedy, "requestId": error.request_id}
    return JSONResponse(told, status_code=503 if error.unreachable else HTTP_STATUS.get(error.kind, 400))
