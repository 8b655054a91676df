"""Who visits with a browser: a random cookie, and behind it a session of the SDK."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from regard.common.v1.options_pb2 import ROLE_PLATFORM_ADMINISTRATOR
from starlette.requests import Request
from starlette.responses import Response

from regard_client.client import AsyncRegard
from regard_client.session import Session

COOKIE = "regard-visitor"
MOST_VISITORS = 1000

Language = Literal["fr", "en"]


@dataclass(slots=True)
class Visitor:
    """Someone signed in with a browser. `regard` is their own connection, kept while they are known."""

    id: str
    person_id: str
    name: str
    administers: bool
    regard: AsyncRegard
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)


class Visitors:
    """Those who are signed in; the one longest away makes room."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: OrderedDict[str, Visitor] = OrderedDict()

    def of(self, request: Request) -> Visitor | None:
        """The visitor that the request's cookie names."""
        visitor = self._known.get(request.cookies.get(COOKIE, ""))
        if visitor:
            self._known.move_to_end(visitor.id)
            visitor.regard.session.language = language_of(request)
        return visitor

    async def sign_in(self, email: str, password: str, language: Language) -> Visitor:
        """A new visitor. Raises RegardError."""
        regard = AsyncRegard(self._url, session=Session(language=language, client="regard-page"))
        try:
            person = await regard.sign_in(email, password)
        except BaseException:
            await regard.close()
            raise
        administers = ROLE_PLATFORM_ADMINISTRATOR in person.roles
        visitor = Visitor(secrets.token_urlsafe(24), person.id, person.profile.name, administers, regard)
        self._known[visitor.id] = visitor
        if len(self._known) > MOST_VISITORS:
            _, oldest = self._known.popitem(last=False)
            await oldest.regard.close()
        return visitor

    async def forget(self, visitor: Visitor) -> None:
        """Ends a visit."""
        self._known.pop(visitor.id, None)
        await visitor.regard.close()

    async def close(self) -> None:
        """Ends all visits."""
        while self._known:
            _, visitor = self._known.popitem()
            await visitor.regard.close()


def give_cookie(response: Response, visitor: Visitor, *, secure: bool) -> None:
    """Lets the browser come back as this visitor, from this site only."""
    response.set_cookie(COOKIE, visitor.id, httponly=True, samesite="strict", secure=secure, path="/")


def language_of(request: Request) -> Language:
    """French or English: the visitor's choice, else the browser's first of the two, else French."""
    chosen = request.query_params.get("lang") or request.cookies.get("regard-language")
    if chosen == "fr":
        return "fr"
    if chosen == "en":
        return "en"
    tags = [tag.split(";")[0].strip()[:2].lower() for tag in request.headers.get("accept-language", "").split(",")]
    first = next((tag for tag in tags if tag in {"fr", "en"}), "fr")
    return "en" if first == "en" else "fr"
