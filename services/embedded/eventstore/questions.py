"""What a Read call asks for, or what is wrong with it."""

import re
from dataclasses import dataclass
from typing import Final

import grpc
from kurrentdbclient.protos.v1 import streams_pb2

from services.embedded.eventstore import wire
from services.embedded.eventstore.filters import EVERYTHING, Filter
from services.embedded.eventstore.model import TOMBSTONED

_Options = streams_pb2.ReadReq.Options
_LAST: Final = TOMBSTONED - 1
_DEFAULT_WINDOW: Final = 32


class Malformed(Exception):
    """The call cannot be answered; `code` is the status by which a genuine node says so."""

    def __init__(self, code: grpc.StatusCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamRead:
    """Up to `count` events of a stream, from the revision `start` on."""

    stream: str
    start: int
    backwards: bool
    count: int
    framed: bool
    """Whether the answer also tells the stream's first and last revision."""


@dataclass(frozen=True, slots=True)
class AllRead:
    """Up to `count` events of $all: forwards from the position `start` on, backwards from before it."""

    start: int
    backwards: bool
    count: int
    filter: Filter


@dataclass(frozen=True, slots=True)
class StreamSubscription:
    """The events of a stream after the revision `after` (None: after the last)."""

    stream: str
    after: int | None


@dataclass(frozen=True, slots=True)
class AllSubscription:
    """The events of $all after the position `after` (None: after the last).

    A checkpoint follows each `checkpoint_interval` events looked through, if there is one.
    """

    after: int | None
    filter: Filter
    checkpoint_interval: int | None


Question = StreamRead | AllRead | StreamSubscription | AllSubscription


def question(request: streams_pb2.ReadReq) -> Question:
    """What `request` asks for; raises Malformed."""
    if not request.HasField("options"):
        raise Malformed(grpc.StatusCode.UNKNOWN, "Exception was thrown by handler.")
    options = request.options
    _check(options)
    backwards = options.read_direction == _Options.Backwards
    if options.HasField("stream"):
        try:
            stream = wire.stream_name(options.stream.stream_identifier)
        except wire.BadRequest as error:
            raise Malformed(grpc.StatusCode.UNKNOWN, "Exception was thrown by handler.") from error
        if options.HasField("subscription"):
            return StreamSubscription(stream, _after_revision(options.stream))
        framed = options.control_option.compatibility >= 1
        return StreamRead(stream, _start_revision(options.stream, backwards), backwards, options.count, framed)
    filter = _filter(options)
    if options.HasField("subscription"):
        interval = (options.filter.max or _DEFAULT_WINDOW) * (options.filter.checkpointIntervalMultiplier or 1)
        return AllSubscription(_after_position(options.all), filter, interval if options.HasField("filter") else None)
    return AllRead(_start_position(options.all), backwards, options.count, filter)


def _check(options: _Options) -> None:
    subscribed = options.HasField("subscription")
    wrong = {
        "uuid_option": options.uuid_option.WhichOneof("content") is None,
        "count_option": options.WhichOneof("count_option") is None,
        "filter_option": options.WhichOneof("filter_option") is None
        or (options.HasField("stream") and options.HasField("filter")),
        "stream_option": options.WhichOneof("stream_option") is None,
        "read_direction": subscribed and options.read_direction == _Options.Backwards,
    }
    if problems := [name for name, is_wrong in wrong.items() if is_wrong]:
        raise Malformed(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid combination: {', '.join(problems)}.")
    if not subscribed and options.count == 0:
        raise Malformed(grpc.StatusCode.UNKNOWN, "The count must be greater than zero.")


def _filter(options: _Options) -> Filter:
    if not options.HasField("filter"):
        return EVERYTHING
    by_type = options.filter.HasField("event_type")
    expression = options.filter.event_type if by_type else options.filter.stream_identifier
    if not expression.regex:
        return Filter(by_type=by_type, prefixes=tuple(expression.prefix))
    try:
        return Filter(by_type=by_type, pattern=re.compile(expression.regex))
    except re.error as error:
        raise Malformed(grpc.StatusCode.UNKNOWN, f"The filter is not a regular expression: {error}.") from error


def _start_revision(options: _Options.StreamOptions, backwards: bool) -> int:
    match options.WhichOneof("revision_option"):
        case "revision":
            return min(options.revision, _LAST)
        case "end":
            return _LAST
        case "start":
            return 0
    return _LAST if backwards else 0


def _after_revision(options: _Options.StreamOptions) -> int | None:
    match options.WhichOneof("revision_option"):
        case "revision":
            return min(options.revision, _LAST)
        case "end":
            return None
    return -1


def _start_position(options: _Options.AllOptions) -> int:
    match options.WhichOneof("all_option"):
        case "position":
            return min(options.position.commit_position, _LAST)
        case "end":
            return _LAST
    return 0


def _after_position(options: _Options.AllOptions) -> int | None:
    match options.WhichOneof("all_option"):
        case "position":
            return min(options.position.commit_position, _LAST)
        case "end":
            return None
    return 0
