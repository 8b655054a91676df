"""The addresses under /scim/v2, for provisioning clients only."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc
from regard.identity.v1.identity_pb2 import Profile
from scim2_models import Context, Error, ListResponse, Resource, ResponseParameters, SearchRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.common import rpc
from services.common.errors import Kind, Language, Refused
from services.common.projection import Projection
from services.common.rpc.call import current, preferred_language
from services.common.rpc.observation import served
from services.common.rpc.status import Invalid
from services.common.rpc.validation import validate
from services.common.telemetry import logger
from services.identity.accounts import Accounts
from services.identity.directory import Directory, Known
from services.identity.person import Person as State
from services.identity.provisioning import Provisioning, actor_of
from services.identity.refusals import (
    ADDRESS_TAKEN,
    CHANGED_MEANWHILE,
    NO_SUCH_PERSON,
    NOT_A_PROVISIONER,
    NOTHING_HERE,
    SCIM_FAULT,
    SCIM_TOO_LARGE,
    USER_TAKEN,
)
from services.identity.scim import filters
from services.identity.scim.discovery import MOST_RESULTS, Discovery
from services.identity.scim.resources import (
    Person,
    etag,
    identified,
    is_shown,
    profile_of,
    record_of,
    user_name_of,
    user_of,
)

PATH = "/scim/v2"
MOST_BYTES = 1 << 20
_VISIBLE_WITHIN_S = 5.0
_ATTEMPTS = 5
_CHUNK = 100
"""Resources made before other calls have their turn."""

_STATUS = {
    Kind.INVALID_ARGUMENT: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.PERMISSION_DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.ALREADY_EXISTS: 409,
    Kind.FAILED_PRECONDITION: 409,
    Kind.RESOURCE_EXHAUSTED: 413,
    Kind.UNIMPLEMENTED: 404,
    Kind.INTERNAL: 500,
}
"""HTTP statuses; what is of no kind that is here may pass by itself: 503."""

_TAG = re.compile(r'(?:W/)?"([^"]*)"')

_log = logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


def scim(
    accounts: Accounts, directory: Directory, provisioning: Provisioning, people: Projection, url: str
) -> Starlette:
    """The application, to be mounted at PATH of `url`.

    `people`: the view that a write waits for, so that the client's next read shows it, whichever replica answers.
    """
    base = url + PATH
    users, discovery = _Users(accounts, directory, people, base), Discovery(base)

    async def config(_request: Request) -> Response:
        return _answer(discovery.config.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))

    def described(resources: Mapping[str, Resource[Any]]) -> tuple[Handler, Handler]:
        async def everything(request: Request) -> Response:
            # RFC 7644, section 4: a filter is refused, so that nobody takes everything for what they asked for.
            if "filter" in request.query_params:
                return _told(NOTHING_HERE(), preferred_language(request.headers.get("accept-language", "")), 403)
            return _listed(list(resources.values()), len(resources), 1, None)

        async def one(request: Request) -> Response:
            found = resources.get(request.path_params["name"])
            if found is None:
                raise NOTHING_HERE()
            return _answer(found.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE))

        return everything, one

    (types, one_type), (schemas, one_schema) = described(discovery.types), described(discovery.schemas)
    addresses: dict[str, dict[str, Handler]] = {
        "/ServiceProviderConfig": {"GET": config},
        "/ResourceTypes": {"GET": types},
        "/ResourceTypes/{name}": {"GET": one_type},
        "/Schemas": {"GET": schemas},
        "/Schemas/{name}": {"GET": one_schema},
        "/Users": {"GET": users.list, "POST": users.create},
        "/Users/.search": {"POST": users.search},
        "/.search": {"POST": users.search},
        "/Users/{id}": {"GET": users.get, "PUT": users.put, "PATCH": users.patch, "DELETE": users.delete},
        "/{rest:path}": {},
    }
    return Starlette(
        routes=[Route(path, _Address(path, handlers, provisioning)) for path, handlers in addresses.items()]
    )


class _Address:
    """One address: who calls is known first, and whatever goes wrong is told as SCIM tells it."""

    def __init__(self, path: str, handlers: Mapping[str, Handler], provisioning: Provisioning) -> None:
        self._path = path
        self._handlers = handlers
        self._provisioning = provisioning

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application, so that it sees every method, and answers those that there are not."""
        answer = await self._answer(Request(scope, receive))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        verb = "GET" if request.method == "HEAD" else request.method
        handler = self._handlers.get(verb)
        method = f"/scim{self._path}/{verb}" if handler else "/scim/other"
        with rpc.acting(rpc.Caller(""), dict(request.headers), method) as call, served(call) as observed:
            try:
                call.caller = rpc.Caller(actor_of(await _provisioner(request, self._provisioning, call.request_id)))
                if handler:
                    return await handler(request)
                refused, status = NOTHING_HERE(), 405 if self._handlers else 404
            except Refused as error:
                refused, status = error, 0
            except Exception as error:
                _log.error("a call failed", method=method, request_id=call.request_id, exc_info=error)
                refused, status = SCIM_FAULT(request_id=call.request_id), 0
            observed.code = grpc.StatusCode[refused.refusal.kind.name]
            answer = _told(refused, call.language, status)
            if status == 405:
                answer.headers["allow"] = ", ".join(self._handlers)
            return answer


async def _provisioner(request: Request, provisioning: Provisioning, request_id: str) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NOT_A_PROVISIONER()
    return await provisioning.authenticate(token.strip(), request_id)


class _Users:
    """The people of the company."""

    def __init__(self, accounts: Accounts, directory: Directory, people: Projection, base: str) -> None:
        self._accounts = accounts
        self._directory = directory
        self._people = people
        self._base = base

    async def list(self, request: Request) -> Response:
        return await self._found(filters.read_search(request.query_params))

    async def search(self, request: Request) -> Response:
        return await self._found(filters.read_search(await _object(request)))

    async def get(self, request: Request) -> Response:
        known, parameters = await self._known(request), _parameters(request)
        tags = request.headers.get("if-none-match", "")
        if tags.strip() == "*" or etag(known.version) in tags:
            return Response(status_code=304, headers={"etag": etag(known.version)})
        return _resource(user_of(known, self._base), Context.RESOURCE_QUERY_RESPONSE, parameters)

    async def create(self, request: Request) -> Response:
        parameters = _parameters(request)
        user = filters.read_user(await _object(request), Context.RESOURCE_CREATION_REQUEST, active=True)
        await self._check_user_name(user, "")
        profile = _profile(user)
        state = await self._accounts.enlist(profile, record_of(user), bool(user.active), rpc.command_context())
        return await self._written(user, state, Context.RESOURCE_CREATION_RESPONSE, parameters, 201)

    async def put(self, request: Request) -> Response:
        known, parameters = await self._known(request), _parameters(request)
        payload = await _object(request)
        user = filters.read_user(payload, Context.RESOURCE_REPLACEMENT_REQUEST, active=known.person.active)
        state = await self._maintain(known, user, _expected(request, known))
        return await self._written(user, state, Context.RESOURCE_REPLACEMENT_RESPONSE, parameters)

    async def patch(self, request: Request) -> Response:
        payload, parameters = await _object(request), _parameters(request)
        for attempt in range(_ATTEMPTS):
            known = await self._known(request)
            expected = _expected(request, known)
            user = filters.patched(user_of(known, self._base), payload)
            try:
                # What is patched is what was read, also for a client that doesn't name a version.
                state = await self._maintain(known, user, known.version if expected is None else expected)
            except Refused as refused:
                if refused.refusal is not CHANGED_MEANWHILE or expected is not None or attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.05 * 2**attempt)
            else:
                return await self._written(user, state, Context.RESOURCE_PATCH_RESPONSE, parameters)
        raise CHANGED_MEANWHILE()

    async def delete(self, request: Request) -> Response:
        known = await self._known(request)
        user = user_of(known, self._base)
        user.active = False
        await self._maintain(known, user, _expected(request, known), removed=True)
        await self._visible()
        return Response(status_code=204)

    async def _maintain(self, known: Known, user: Person, version: int | None, *, removed: bool = False) -> State:
        await self._check_user_name(user, known.person.id)
        record = record_of(user, removed=removed)
        return await self._accounts.maintain(
            known.person.id, _profile(user), record, bool(user.active), version, rpc.command_context()
        )

    async def _check_user_name(self, user: Person, own_id: str) -> None:
        wanted = (user.user_name or "").casefold()
        for known in await self._directory.everyone():
            if is_shown(known) and known.person.id != own_id and user_name_of(known).casefold() == wanted:
                raise USER_TAKEN()

    async def _written(
        self, user: Person, state: State, context: Context, parameters: "ResponseParameters[Any]", status: int = 200
    ) -> Response:
        await self._visible()
        return _resource(
            identified(user, state.id, state.active, state.version, self._base), context, parameters, status
        )

    async def _visible(self) -> None:
        """Returns when the view shows what this call wrote, or after a while: it is recorded in any case."""
        call = current()
        if call and call.answer_tokens:
            with contextlib.suppress(Refused):
                await self._people.wait_for(",".join(call.answer_tokens), _VISIBLE_WITHIN_S)

    async def _known(self, request: Request) -> Known:
        known = await self._directory.known(request.path_params["id"])
        if known is None or not is_shown(known):
            raise NO_SUCH_PERSON()
        return known

    async def _found(self, search: "SearchRequest[Any]") -> Response:
        start = search.start_index or 1
        count = min(MOST_RESULTS, MOST_RESULTS if search.count is None else search.count)
        everyone = [known for known in await self._directory.everyone() if is_shown(known)]
        if search.filter is None:
            page = [user_of(known, self._base) for known in everyone[start - 1 : start - 1 + count]]
            return _listed(page, len(everyone), start, search)
        found: list[Person] = []
        for number, known in enumerate(filters.narrowed(search.filter, everyone), 1):
            user = user_of(known, self._base)
            if filters.matches(search.filter, user):
                found.append(user)
            if number % _CHUNK == 0:
                await asyncio.sleep(0)
        return _listed(found[start - 1 : start - 1 + count], len(found), start, search)


def _profile(user: Person) -> Profile:
    profile = profile_of(user)
    validate(profile)
    return profile


def _expected(request: Request, known: Known) -> int | None:
    """The version that the client names; None for any. Raises Refused (IDN-13) if it can't be the present one."""
    given = request.headers.get("if-match", "").strip()
    if given in {"", "*"}:
        return None
    tags = _TAG.findall(given)
    if str(known.version) in tags:
        return known.version
    # The view may be late: the person's stream will tell.
    if len(tags) == 1 and tags[0].isdecimal() and len(tags[0]) < 10:
        return int(tags[0])
    raise CHANGED_MEANWHILE()


def _parameters(request: Request) -> "ResponseParameters[Any]":
    return filters.read_parameters(request.query_params)


async def _object(request: Request) -> dict[str, Any]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise SCIM_TOO_LARGE(limit_bytes=str(MOST_BYTES))
    return filters.read_json(body)


def _resource(user: Person, context: Context, parameters: "ResponseParameters[Any]", status: int = 200) -> Response:
    answer = _answer(user.model_dump(scim_ctx=context, response_parameters=parameters), status)
    if user.meta:
        answer.headers["etag"] = user.meta.version or ""
        answer.headers["location" if status == 201 else "content-location"] = user.meta.location or ""
    return answer


def _listed(
    resources: Sequence[Resource[Any]], total: int, start: int, search: "SearchRequest[Any] | None"
) -> Response:
    kind = type(resources[0]) if resources else Person
    listed = ListResponse[kind](  # type: ignore[valid-type]
        total_results=total, start_index=start, items_per_page=len(resources), resources=list(resources)
    )
    return _answer(listed.model_dump(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=search))


def _told(refused: Refused, language: Language, status: int = 0) -> Response:
    """A refusal as RFC 7644, 3.12, writes one, with its id before the sentence."""
    status = status or (412 if refused.refusal is CHANGED_MEANWHILE else _STATUS.get(refused.refusal.kind, 503))
    scim_type = None
    if isinstance(refused, filters.BadScim):
        scim_type = refused.scim_type
    elif isinstance(refused, Invalid):
        scim_type = "invalidValue"
    elif refused.refusal in {USER_TAKEN, ADDRESS_TAKEN}:
        scim_type = "uniqueness"
    detail = f"{refused.refusal.id}: {refused.describe(language)}"
    answer = _answer(Error(status=status, scim_type=scim_type, detail=detail).model_dump(), status)
    if status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    if status == 503:
        answer.headers["retry-after"] = "1"
    return answer


def _answer(body: Mapping[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(body, status, media_type="application/scim+json")
