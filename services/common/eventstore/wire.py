"""The Streams protocol of EventStoreDB and KurrentDB: requests from our values, our values from answers."""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty as NoValue
from kurrentdbclient.protos.v1.shared_pb2 import (
    UUID,
    Empty,
    StreamDeleted,
    StreamIdentifier,
    Timeout,
    Unknown,
    WrongExpectedVersion,
)
from kurrentdbclient.protos.v1.streams_pb2 import BatchAppendReq, BatchAppendResp, ReadReq, ReadResp

from services.common.eventstore.types import (
    AppendOutcomeUnknown,
    Expected,
    ExpectedState,
    NewEvent,
    Recorded,
    RejectedByStore,
    WrongRevision,
    check_prefixes,
)
from services.common.ids import Position, StreamName

_Options = ReadReq.Options
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVERYTHING = 2**63 - 1
_SCAN_WINDOW = 500
"""Events that a node examines before it tells how far it is; affects only how often it sends checkpoints."""

_to_json = json.JSONEncoder(separators=(",", ":")).encode

BINARY = "application/octet-stream"
JSON = "application/json"


def read_stream(stream: str, after: int) -> ReadReq:
    """Reads a stream forwards, from the revision following `after`."""
    identifier = StreamIdentifier(stream_name=stream.encode())
    return ReadReq(
        options=_Options(
            stream=_Options.StreamOptions(stream_identifier=identifier, revision=after + 1),
            count=_EVERYTHING,
            no_filter=Empty(),
            uuid_option=_Options.UUIDOption(string=Empty()),
        )
    )


def read_all(after: int, prefixes: tuple[str, ...], limit: int | None) -> ReadReq:
    """Reads the log forwards; the answer may begin with the event at `after` itself."""
    # One more than the limit, because a read includes the event at the position it starts from.
    return _read_log(_start(after), prefixes, count=_EVERYTHING if limit is None else limit + 1)


def read_last(prefixes: tuple[str, ...]) -> ReadReq:
    """Reads the last event."""
    request = _read_log(_Options.AllOptions(end=Empty()), prefixes, count=1)
    request.options.read_direction = _Options.Backwards
    return request


def subscribe(after: int, prefixes: tuple[str, ...]) -> ReadReq:
    """Subscribes to the log; a subscription does not include the event at `after`."""
    request = _read_log(_start(after), prefixes, count=0)
    request.options.subscription.CopyFrom(_Options.SubscriptionOptions())
    return request


def _start(after: int) -> _Options.AllOptions:
    if after <= 0:
        return _Options.AllOptions(start=Empty())
    return _Options.AllOptions(position=_Options.Position(commit_position=after, prepare_position=after))


def _read_log(start: _Options.AllOptions, prefixes: tuple[str, ...], *, count: int) -> ReadReq:
    check_prefixes(prefixes)
    return ReadReq(
        options=_Options(
            all=start,
            count=count,
            filter=_Options.FilterOptions(
                stream_identifier=_Options.FilterOptions.Expression(prefix=prefixes),
                max=_SCAN_WINDOW,
                checkpointIntervalMultiplier=1,
            ),
            uuid_option=_Options.UUIDOption(string=Empty()),
        )
    )


def recorded(answer: ReadResp) -> Recorded | None:
    """The event that an answer carries; None for whatever else a node sends on the way."""
    if answer.WhichOneof("content") != "event":
        return None
    event = answer.event.event
    return Recorded(
        stream=StreamName(event.stream_identifier.stream_name.decode()),
        revision=event.stream_revision,
        position=Position(answer.event.commit_position),
        id=uuid.UUID(event.id.string),
        type=event.metadata["type"],
        data=event.data,
        metadata=metadata(event.custom_metadata),
        # `created` counts tenths of microseconds since 1970.
        recorded_at=_EPOCH + timedelta(microseconds=int(event.metadata["created"]) // 10),
    )


def metadata(data: bytes) -> Mapping[str, str]:
    """An event's metadata from its bytes."""
    decoded = json.loads(data) if data else {}
    return MappingProxyType({key: value for key, value in decoded.items() if isinstance(value, str)})


def metadata_bytes(metadata: Mapping[str, str]) -> bytes:
    """An event's metadata as they are stored."""
    return _to_json(dict(metadata)).encode()


def retention(max_count: int | None, max_age_s: int | None) -> bytes:
    """What a stream's metadata say of how long its events are kept."""
    limits = {"$maxCount": max_count, "$maxAge": max_age_s}
    return json.dumps({name: limit for name, limit in limits.items() if limit is not None}).encode()


def append(
    stream: str,
    events: tuple[NewEvent, ...],
    expected: Expected,
    *,
    correlation_id: str,
    timeout_s: float,
    content_type: str = BINARY,
) -> BatchAppendReq:
    """One append, complete in one request."""
    options = BatchAppendReq.Options(
        stream_identifier=StreamIdentifier(stream_name=stream.encode()),
        deadline=Duration(seconds=int(timeout_s), nanos=int(timeout_s % 1 * 1e9)),
    )
    match expected:
        case ExpectedState.NO_STREAM:
            options.no_stream.CopyFrom(NoValue())
        case ExpectedState.ANY:
            options.any.CopyFrom(NoValue())
        case ExpectedState.EXISTS:
            options.stream_exists.CopyFrom(NoValue())
        case int():
            options.stream_position = expected
    return BatchAppendReq(
        correlation_id=UUID(string=correlation_id),
        options=options,
        proposed_messages=[
            BatchAppendReq.ProposedMessage(
                id=UUID(string=str(event.id)),
                metadata={"type": event.type, "content-type": content_type},
                custom_metadata=metadata_bytes(event.metadata),
                data=event.data,
            )
            for event in events
        ],
        is_final=True,
    )


def correlation_id(answer: BatchAppendResp) -> str:
    """The id of the append that is answered; a node may write it in either form."""
    sent = answer.correlation_id
    if sent.WhichOneof("value") == "string":
        return sent.string
    mask = 2**64 - 1
    most, least = sent.structured.most_significant_bits & mask, sent.structured.least_significant_bits & mask
    return str(uuid.UUID(int=most << 64 | least))


def appended(answer: BatchAppendResp, expected: Expected) -> Position:
    """Where the append ended; raises WrongRevision, AppendOutcomeUnknown, RejectedByStore."""
    if answer.WhichOneof("result") == "success":
        return Position(answer.success.position.commit_position)
    details = answer.error.details
    wrong = WrongExpectedVersion()
    if details.Unpack(wrong):
        is_missing = wrong.WhichOneof("current_stream_revision_option") == "current_no_stream"
        raise WrongRevision(-1 if is_missing else wrong.current_stream_revision, expected)
    if details.Is(Timeout.DESCRIPTOR) or details.Is(Unknown.DESCRIPTOR):
        raise AppendOutcomeUnknown
    if details.Is(StreamDeleted.DESCRIPTOR):
        raise RejectedByStore("the stream is closed for ever")
    raise RejectedByStore(details.TypeName() or f"code {answer.error.code}")
