"""Who calls, and what their call carries; known to whatever runs inside the call."""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.common import consistency
from services.common.decider import CommandContext
from services.common.errors import Language
from services.common.rpc.refusals import BAD_KEY

_COMMANDS = uuid.UUID("5d0c4bd4-6d0f-4b6f-9f2c-4f0b0b8f2d7e")
_KEY = re.compile(r"[!-~]{1,128}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
MOST_ANSWERED = 16
_propagator = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a signed-in person, or one of Regard's services (then `service` names it and there is no person).

    `roles`: numbers of regard.common.v1.Role. `client`: the application, as it named itself at sign-in.
    """

    person_id: str
    roles: frozenset[int] = frozenset()
    session_id: str = ""
    client: str = ""
    token: str = field(default="", repr=False)
    service: str = ""

    @property
    def actor(self) -> str:
        """Who is recorded as having acted: a person's id, or `service:<name>`."""
        return self.person_id or f"service:{self.service}"


@dataclass(slots=True)
class Call:
    """One call from its arrival to its end. `deadline_s` is a time of the loop's clock, None for an open stream."""

    method: str
    metadata: Mapping[str, str]
    request_id: str
    language: Language
    caller: Caller | None = None
    deadline_s: float | None = None
    answer_tokens: list[str] = field(default_factory=list)

    def time_left_s(self, otherwise_s: float) -> float:
        """Seconds until the deadline, `otherwise_s` where there is none."""
        if self.deadline_s is None:
            return otherwise_s
        return max(0.0, self.deadline_s - asyncio.get_running_loop().time())


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def arrived(method: str, metadata: Mapping[str, str]) -> Call:
    """The call that `metadata` (lower-case keys) describes."""
    given = metadata.get("x-request-id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
    return Call(method, metadata, request_id, preferred_language(metadata.get("accept-language", "")))


def enter(call: Call) -> None:
    """Makes `call` the current one for the running task, which is the call's own."""
    _current.set(call)


def current() -> Call | None:
    """The call that this code runs for; None outside of calls."""
    return _current.get()


@contextlib.contextmanager
def acting(caller: Caller, metadata: Mapping[str, str] | None = None, method: str = "/acting") -> Iterator[Call]:
    """Runs the block as if `caller` had called: for reactions that call peers, for plain HTTP, and for tests."""
    call = arrived(method, metadata or {})
    call.caller = caller
    before = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(before)


def caller() -> Caller:
    """Who calls. LookupError outside of a call, or in a public method, where nobody is known."""
    call = _current.get()
    if call is None or call.caller is None:
        raise LookupError("there is no caller here")
    return call.caller


def metadata(name: str) -> str:
    """What the present call carries under that lower-case name; empty for nothing, and outside of calls."""
    call = _current.get()
    return call.metadata.get(name, "") if call else ""


def command_context() -> CommandContext:
    """What the events of the present command are recorded with.

    The same `idempotency-key` of the same caller for the same method gives the same command. Raises Refused (RPC-11).
    """
    call = _current.get()
    if call is None:
        raise LookupError("there is no call here")
    actor = call.caller.actor if call.caller else ""
    key = call.metadata.get("idempotency-key")
    if key is None:
        command_id = uuid.uuid4()
    elif _KEY.fullmatch(key):
        command_id = uuid.uuid5(_COMMANDS, f"{call.method}\n{actor}\n{key}")
    else:
        raise BAD_KEY()
    return CommandContext(command_id, actor=actor, correlation_id=call.request_id, traceparent=traceparent())


def answer_token(topic: str, stream: str, position: int) -> None:
    """Lets the answer carry `x-consistency-token`, with which the caller's next query sees this write.

    Of many writes, as a reading of many groups makes, the last MOST_ANSWERED are told.
    """
    if call := _current.get():
        call.answer_tokens.append(consistency.encode(topic, stream, position))
        del call.answer_tokens[:-MOST_ANSWERED]


def traceparent() -> str:
    """The present span as W3C traceparent; empty if there is no trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")


def preferred_language(accept_language: str) -> Language:
    """French or English by RFC 9110 preference; French when neither is asked for."""
    ranked: list[tuple[float, Language]] = []
    for part in accept_language.lower().split(","):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().partition("-")[0]
        with contextlib.suppress(ValueError):
            quality = float(parameter.strip().removeprefix("q=") or 1)
            if primary == "en":
                ranked.append((quality, "en"))
            elif primary == "fr":
                ranked.append((quality, "fr"))
    return max(ranked, key=lambda one: one[0], default=(0.0, "fr"))[1]
