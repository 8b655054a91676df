"""The page's addresses. Everything shown comes through the gateway with the visitor's own token."""

import asyncio
import json
import re
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader
from regard.audit.v1.audit_pb2 import ListAccessesRequest
from regard.audit.v1.events_pb2 import (
    READER_KIND_ADMINISTRATOR,
    READER_KIND_AUDITOR,
    READER_KIND_BREAK_GLASS,
    READER_KIND_DATA_PROTECTION_OFFICER,
    READER_KIND_SERVICE,
)
from regard.chat.v1.chat_pb2 import ListMessagesRequest, ListRoomsRequest, Room, SendMessageRequest
from regard.common.v1.common_pb2 import PageRequest
from regard.feed.v1.feed_pb2 import ListGroupPostsRequest
from regard.groups.v1.groups_pb2 import GetGroupRequest, Group, ListMyGroupsRequest, WhoCanSeeRequest
from regard.identity.v1.identity_pb2 import BatchGetPeopleRequest, SignOutRequest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from regard_client.errors import RegardError
from services.page import rendering
from services.page.visitors import COOKIE, Visitor, Visitors, give_cookie, language_of
from services.page.webclient import HTTP_STATUS, PREFIX, WebClient
from services.page.webclient import SECURITY_HEADERS as CLIENT_HEADERS
from services.page.words import words

HERE = Path(__file__).parent
MESSAGES, POSTS, ACCESSES = 50, 20, 60
_MOST_FORM_BYTES = 64 * 1024
_KEY = re.compile(r"[0-9a-f-]{36}")
_PRIVILEGED = {
    READER_KIND_ADMINISTRATOR,
    READER_KIND_AUDITOR,
    READER_KIND_BREAK_GLASS,
    READER_KIND_DATA_PROTECTION_OFFICER,
    READER_KIND_SERVICE,
}

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # not no-referrer: forms would come with no origin to check
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_ONLY_BY_TLS = {"strict-transport-security": "max-age=31536000"}
"""For visitors who came by TLS: their browser comes by nothing else for a year."""

Documents = Mapping[str, dict[str, Any]]


class Site:
    """The handlers, with what they need."""

    def __init__(self, gateway: str, url: str, demonstration: Path, documents: Documents, client: Path) -> None:
        """`gateway`: where this process reaches it; `url`: where people do; `client`: the web client's files."""
        self._url = url
        self._demonstration = demonstration
        self._documents = documents
        self.visitors = Visitors(gateway)
        self._client = WebClient(gateway, client, self._read_demonstration)
        self._templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)

    def application(self) -> Starlette:
        """The application to serve."""
        routes = [
            Route("/", self.home),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
            Route("/say", self.say, methods=["POST"]),
            Route("/fragments/chat", self.chat_fragment),
            Route("/fragments/ledger", self.ledger_fragment),
            Route("/api", self.api),
            *(Route(f"/{name}.json", self.document(name)) for name in self._documents),
            *self._client.routes(),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ]
        handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
            RegardError: self.refused,
            HTTPException: self.not_served,
            Exception: self.failed,
        }
        return Starlette(routes=routes, middleware=[Middleware(_Headers)], exception_handlers=handlers)

    async def home(self, request: Request) -> Response:
        """The welcome; for someone signed in, a group with its chat and its ledger."""
        visitor = self.visitors.of(request)
        if visitor is None:
            return self._page(request, "welcome.html", people=self._people(), url=self._url)
        groups = (await visitor.regard.groups.ListMyGroups(ListMyGroupsRequest(page=PageRequest(size=200)))).groups
        group = await _wanted(visitor, groups, request.query_params.get("group", ""))
        if group is None:
            return self._page(request, "nowhere.html", visitor)
        room = await _room(visitor, group.id)
        # Reading comes before the ledger, so that the page shows its own reads.
        posts, chat, panel = await asyncio.gather(
            visitor.regard.feed.ListGroupPosts(ListGroupPostsRequest(group_id=group.id, page=PageRequest(size=POSTS))),
            self._chat(request, visitor, room),
            visitor.regard.groups.WhoCanSee(WhoCanSeeRequest(group_id=group.id)),
        )
        names = await _names(
            visitor, (*(post.author_id for post in posts.posts), *(line.person_id for line in panel.entries))
        )
        w = words(language_of(request))
        return self._page(
            request,
            "group.html",
            visitor,
            groups=[rendering.group(one) for one in groups],
            group=rendering.group(group) | {"purpose": group.purpose},
            room=room,
            key=str(uuid.uuid4()),
            readers=rendering.readers(panel.entries, w),
            posts=[
                {
                    "author": names.get(post.author_id, "?"),
                    "at": rendering.when(post.published_at),
                    "body": rendering.body(post, w),
                }
                for post in posts.posts
            ],
            panel=[rendering.panel_line(line, names, w, language_of(request)) for line in panel.entries],
            **chat,
            **await self._ledger(request, visitor, group.id),
        )

    async def chat_fragment(self, request: Request) -> Response:
        """The conversation as it is now."""
        visitor = self.visitors.of(request)
        if visitor is None:
            return Response(status_code=401)
        room = await _room(visitor, request.query_params.get("group", ""))
        return self._page(request, "chat.html", visitor, room=room, **await self._chat(request, visitor, room))

    async def ledger_fragment(self, request: Request) -> Response:
        """The ledger as it is now."""
        visitor = self.visitors.of(request)
        if visitor is None:
            return Response(status_code=401)
        shown = await self._ledger(request, visitor, request.query_params.get("group", ""))
        return self._page(request, "ledger.html", visitor, **shown)

    async def sign_in(self, request: Request) -> Response:
        """Signs a visitor in: as a person of the demonstration company, or with address and password."""
        form = await _form(request)
        if form is None:
            return self._stale(request)
        email, password = form.get("email", ""), form.get("password", "")
        if key := form.get("person"):
            read = self._read_demonstration()
            person = next((one for one in read.get("people", []) if one["key"] == key), None)
            if person is None:
                raise HTTPException(404)
            email, password = person["email"], read["password"]
        visitor = await self.visitors.sign_in(email, password, language_of(request))
        if before := self.visitors.of(request):
            await self.visitors.forget(before)
        response = RedirectResponse("/", status_code=303)
        give_cookie(response, visitor, secure=request.headers.get("x-forwarded-proto") == "https")
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends the visit and its session."""
        visitor, form = self.visitors.of(request), await _form(request)
        response = RedirectResponse("/", status_code=303)
        if visitor is None:
            return response
        if form is None or not _by(visitor, form):
            return self._stale(request)
        try:
            await visitor.regard.auth.SignOut(SignOutRequest())
        except RegardError:
            pass  # the session is over, or ends by itself; what this browser holds ends now
        finally:
            await self.visitors.forget(visitor)
        response.delete_cookie(COOKIE)
        return response

    async def say(self, request: Request) -> Response:
        """Sends a message; the form's key makes sending it twice send it once."""
        visitor, form = self.visitors.of(request), await _form(request)
        if visitor is None:
            return RedirectResponse("/", status_code=303)
        if form is None or not _by(visitor, form) or not _KEY.fullmatch(form.get("key", "")):
            return self._stale(request)
        message = SendMessageRequest(room_id=form.get("room", ""), body=form.get("body", ""))
        await visitor.regard.chat.SendMessage(message, metadata=(("idempotency-key", form["key"]),))
        return RedirectResponse(f"/?{urlencode({'group': form.get('group', '')})}", status_code=303)

    async def api(self, request: Request) -> Response:
        """All calls of the contract, from the OpenAPI document."""
        by_service: dict[str, list[dict[str, str]]] = {}
        for path, verbs in self._documents.get("openapi", {}).get("paths", {}).items():
            for verb, operation in verbs.items():
                summary = operation.get("summary") or operation.get("description", "")
                by_service.setdefault(operation["tags"][0], []).append(
                    {"verb": verb.upper(), "path": path, "summary": summary}
                )
        return self._page(request, "api.html", self.visitors.of(request), services=sorted(by_service.items()))

    def document(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """Serves a document that was made from the contract."""

        async def serve(_request: Request) -> Response:
            return JSONResponse(self._documents[name])

        return serve

    async def refused(self, request: Request, error: RegardError) -> Response:
        """Regard said no: the sentence, the remedy and the id, and never more than that."""
        visitor = self.visitors.of(request)
        if error.kind == "UNAUTHENTICATED" and visitor:
            await self.visitors.forget(visitor)
            visitor = None
        w = words(language_of(request))
        return self._page(
            request,
            "message.html",
            visitor,
            heading=w["refused"],
            sentence=error.sentence if error.id else w["unreachable"],
            remedy=error.remedy,
            id=error.id,
            request_id=error.request_id,
            status=503 if error.unreachable else HTTP_STATUS.get(error.kind, 400),
        )

    async def not_served(self, request: Request, error: HTTPException) -> Response:
        """An address that is none, or not called so; a form that is none of ours."""
        sentence = "not_found" if error.status_code in {404, 405} else "unreadable"
        return self._message(request, sentence, error.status_code)

    async def failed(self, request: Request, _error: Exception) -> Response:
        """A fault of the page's own; the log has it."""
        response = self._message(request, "fault", 500)
        response.headers.update(SECURITY_HEADERS)  # made outside of what adds them
        return response

    def _stale(self, request: Request) -> Response:
        """A form that this site did not give to this visitor."""
        return self._message(request, "stale", 403)

    def _message(self, request: Request, sentence: str, status: int) -> Response:
        w = words(language_of(request))
        return self._page(
            request,
            "message.html",
            self.visitors.of(request),
            heading=w["refused"],
            sentence=w[sentence],
            id="",
            status=status,
        )

    async def _chat(self, request: Request, visitor: Visitor, room: Room | None) -> dict[str, Any]:
        if room is None:
            return {"messages": []}
        asked = ListMessagesRequest(room_id=room.id, page=PageRequest(size=MESSAGES))
        found = (await visitor.regard.chat.ListMessages(asked)).messages[::-1]
        names = await _names(visitor, (message.author_id for message in found))
        w = words(language_of(request))
        return {
            "messages": [
                {
                    "author": names.get(message.author_id, "?"),
                    "at": rendering.when(message.sent_at),
                    "body": rendering.body(message, w),
                    "mine": message.author_id == visitor.person_id,
                    "reactions": "  ".join(f"{one.emoji} {one.count}" for one in message.reactions),
                }
                for message in found
            ]
        }

    async def _ledger(self, request: Request, visitor: Visitor, group_id: str) -> dict[str, Any]:
        asked = ListAccessesRequest(
            scope=ListAccessesRequest.SCOPE_GROUP, group_id=group_id, page=PageRequest(size=ACCESSES)
        )
        entries = (await visitor.regard.ledger.ListAccesses(asked)).entries
        names = await _names(visitor, (entry.reader_id for entry in entries))
        language = language_of(request)
        return {
            "accesses": [
                {
                    "sentence": getattr(entry.sentence, language).replace("{reader}", names.get(entry.reader_id, "?")),
                    "at": rendering.when(entry.at),
                    "privileged": entry.reader_kind in _PRIVILEGED,
                }
                for entry in entries
            ]
        }

    def _people(self) -> list[dict[str, str]]:
        return [one for one in self._read_demonstration().get("people", []) if one.get("about_en")]

    def _read_demonstration(self) -> dict[str, Any]:
        try:
            read = json.loads(self._demonstration.read_text())
        except (OSError, ValueError):
            return {}
        return read if isinstance(read, dict) else {}

    def _page(
        self, request: Request, template: str, visitor: Visitor | None = None, *, status: int = 200, **values: Any
    ) -> Response:
        language = language_of(request)
        html = self._templates.get_template(template).render(
            w=words(language),
            language=language,
            other=rendering.in_the_other(request.query_params, language),
            visitor=visitor,
            has_client=self._client.is_built,
            **values,
        )
        response = HTMLResponse(html, status_code=status)
        if request.query_params.get("lang") in {"fr", "en"}:
            response.set_cookie("regard-language", language, httponly=True, samesite="lax", max_age=365 * 86400)
        return response


class _Headers:
    """Adds the security headers to every answer, and refuses bodies that no form of ours sends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = CLIENT_HEADERS if scope["path"].startswith(PREFIX) else SECURITY_HEADERS
                if dict(scope["headers"]).get(b"x-forwarded-proto") == b"https":
                    headers = {**headers, **_ONLY_BY_TLS}
                own = [(name.encode(), value.encode()) for name, value in headers.items()]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form sent from this site; None for one sent from elsewhere, or too large."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        return None
    if int(request.headers.get("content-length") or _MOST_FORM_BYTES + 1) > _MOST_FORM_BYTES:
        return None
    async with request.form(max_files=0, max_fields=20) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _by(visitor: Visitor, form: Mapping[str, str]) -> bool:
    """Whether the form was given to this visitor."""
    return secrets.compare_digest(form.get("csrf", "").encode(), visitor.csrf.encode())


async def _wanted(visitor: Visitor, groups: Sequence[Group], group_id: str) -> Group | None:
    """The group of this id, else the first to show, if there is one. Raises RegardError if it can't be seen."""
    if not group_id:
        return rendering.first_shown(groups)
    mine = next((one for one in groups if one.id == group_id), None)
    return mine or (await visitor.regard.groups.GetGroup(GetGroupRequest(group_id=group_id))).group


async def _room(visitor: Visitor, group_id: str) -> Room | None:
    rooms = (await visitor.regard.chat.ListRooms(ListRoomsRequest(group_id=group_id))).rooms
    return rooms[0] if rooms else None


async def _names(visitor: Visitor, person_ids: Iterable[str]) -> dict[str, str]:
    wanted = sorted({person_id for person_id in person_ids if person_id})[:200]
    if not wanted:
        return {}
    found = await visitor.regard.people.BatchGetPeople(BatchGetPeopleRequest(person_ids=wanted))
    return {person.id: person.profile.name for person in found.people}
