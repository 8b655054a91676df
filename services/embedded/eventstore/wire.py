"""Values to protocol messages, and back.

The bytes of an answer are made here, so that the servicer hands gRPC what it sends as it is.
"""

from collections.abc import Mapping
from typing import Final

from google.protobuf import any_pb2
from kurrentdbclient.protos.google.rpc import code_pb2
from kurrentdbclient.protos.v1 import shared_pb2, status_pb2, streams_pb2

from services.common.errors import Kind
from services.embedded.eventstore.model import (
    ANY,
    APPEND_LIMIT_BYTES,
    BINARY,
    EXISTS,
    NO_STREAM,
    TOMBSTONED,
    Appended,
    Expired,
    Outcome,
    Proposed,
    Recorded,
    StreamDeleted,
    Unwritten,
    WrongRevision,
)

_READ_EVENT = streams_pb2.ReadResp.ReadEvent

SomeAppendOptions = (
    streams_pb2.AppendReq.Options
    | streams_pb2.BatchAppendReq.Options
    | streams_pb2.DeleteReq.Options
    | streams_pb2.TombstoneReq.Options
)
SomeProposedMessage = streams_pb2.AppendReq.ProposedMessage | streams_pb2.BatchAppendReq.ProposedMessage


class BadRequest(ValueError):
    """The request says something that the protocol does not know."""


# -------------------------------------------------------------------------------------------- requests


def stream_name(identifier: shared_pb2.StreamIdentifier) -> str:
    """The name of a stream; raises BadRequest if it is empty or not UTF-8."""
    try:
        name = identifier.stream_name.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("a stream name that is not UTF-8") from error
    if not name:
        raise BadRequest("no stream name")
    return name


def expected_revision(options: SomeAppendOptions) -> int:
    """The revision that an append, a deletion or a tombstone expects; raises BadRequest if it names none."""
    kind: str | None
    if isinstance(options, streams_pb2.BatchAppendReq.Options):
        kind, revision = options.WhichOneof("expected_stream_position"), options.stream_position
    else:
        kind, revision = options.WhichOneof("expected_stream_revision"), options.revision
    match kind:
        case "stream_position" | "revision":
            return min(revision, TOMBSTONED - 1)
        case "no_stream":
            return NO_STREAM
        case "any":
            return ANY
        case "stream_exists":
            return EXISTS
    raise BadRequest("no expected revision")


def proposed(message: SomeProposedMessage) -> Proposed:
    """The event of a message; raises BadRequest without an id, a type or a content type."""
    type_, content_type = message.metadata.get("type"), message.metadata.get("content-type")
    if not type_ or not content_type:
        raise BadRequest("an event needs a type and a content type")
    # A genuine node knows two kinds of content, and gives back what it knows.
    kept_type = content_type if content_type == "application/json" else BINARY
    return Proposed(uuid_bytes(message.id), type_, kept_type, message.custom_metadata, message.data)


def uuid_bytes(id: shared_pb2.UUID) -> bytes:
    """The 16 bytes of an id in either form; raises BadRequest if there is none."""
    match id.WhichOneof("value"):
        case "string":
            return _parse_uuid(id.string)
        case "structured":
            halves = id.structured.most_significant_bits, id.structured.least_significant_bits
            return b"".join(half.to_bytes(8, "big", signed=True) for half in halves)
    raise BadRequest("no id")


def _parse_uuid(text: str) -> bytes:
    # Twice as fast as the class UUID, and done twice for each append.
    try:
        id = bytes.fromhex(text.replace("-", ""))
    except ValueError as error:
        raise BadRequest("a malformed id") from error
    if len(id) != 16:
        raise BadRequest("a malformed id")
    return id


# --------------------------------------------------------------------------------------------- answers


def event(recorded: Recorded, *, structured_ids: bool = False) -> bytes:
    """The answer that carries one event."""
    message = _READ_EVENT.RecordedEvent(
        id=_uuid(recorded.id, structured_ids),
        stream_identifier=shared_pb2.StreamIdentifier(stream_name=recorded.stream.encode()),
        stream_revision=recorded.revision,
        prepare_position=recorded.position,
        commit_position=recorded.position,
        metadata={
            "type": recorded.type,
            "content-type": recorded.content_type,
            "created": str(recorded.created_us * 10),  # in units of 100 ns
        },
        custom_metadata=recorded.metadata,
        data=recorded.data,
    )
    answer = streams_pb2.ReadResp(event=_READ_EVENT(event=message, commit_position=recorded.position))
    return answer.SerializeToString()


def _uuid(id: bytes, structured: bool) -> shared_pb2.UUID:
    if not structured:
        digits = id.hex()
        return shared_pb2.UUID(string=f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")
    most, least = (int.from_bytes(half, "big", signed=True) for half in (id[:8], id[8:]))
    return shared_pb2.UUID(
        structured=shared_pb2.UUID.Structured(most_significant_bits=most, least_significant_bits=least)
    )


def batch_answer(request: streams_pb2.BatchAppendReq, expected: int, outcome: Outcome | status_pb2.Status) -> bytes:
    """The answer to one append of a BatchAppend call."""
    answer = streams_pb2.BatchAppendResp(stream_identifier=request.options.stream_identifier)
    if request.HasField("correlation_id"):
        answer.correlation_id.CopyFrom(request.correlation_id)
    match outcome:
        case Appended(revision, position):
            if revision < 0:
                answer.success.no_stream.SetInParent()
            else:
                answer.success.current_revision = revision
            answer.success.position.commit_position = position
            answer.success.position.prepare_position = position
        case WrongRevision(actual):
            answer.error.CopyFrom(_wrong_revision(actual, expected))
        case StreamDeleted():
            detail = shared_pb2.StreamDeleted(stream_identifier=request.options.stream_identifier)
            answer.error.CopyFrom(status(Kind.NOT_FOUND, detail))
        case Expired():
            answer.error.CopyFrom(status(Kind.DEADLINE_EXCEEDED, shared_pb2.Timeout()))
        case Unwritten(full):
            kind = Kind.RESOURCE_EXHAUSTED if full else Kind.UNAVAILABLE
            answer.error.CopyFrom(status(kind, shared_pb2.Unknown()))
        case status_pb2.Status():
            answer.error.CopyFrom(outcome)
    return answer.SerializeToString()


SomeDetail = (
    shared_pb2.WrongExpectedVersion
    | shared_pb2.StreamDeleted
    | shared_pb2.Timeout
    | shared_pb2.Unknown
    | shared_pb2.BadRequest
    | shared_pb2.MaximumAppendSizeExceeded
)


def status(kind: Kind, detail: SomeDetail) -> status_pb2.Status:
    """A status whose message is the name of its detail, as in the genuine protocol."""
    packed = any_pb2.Any()
    packed.Pack(detail)
    code = code_pb2.Code.Value(kind.name)
    return status_pb2.Status(code=code, message=detail.DESCRIPTOR.name, details=packed)


def bad_request(reason: str) -> status_pb2.Status:
    """The answer to a request that cannot be understood."""
    return status(Kind.INVALID_ARGUMENT, shared_pb2.BadRequest(message=reason))


def too_large() -> status_pb2.Status:
    """The answer to an append that exceeds the limit."""
    detail = shared_pb2.MaximumAppendSizeExceeded(maxAppendSize=APPEND_LIMIT_BYTES)
    return status(Kind.INVALID_ARGUMENT, detail)


def _wrong_revision(actual: int, expected: int) -> status_pb2.Status:
    detail = shared_pb2.WrongExpectedVersion()
    if actual < 0:
        detail.current_no_stream.SetInParent()
    else:
        detail.current_stream_revision = actual
    match expected:
        case int() if expected >= 0:
            detail.expected_stream_position = expected
        case _:
            getattr(detail, _EXPECTED_FIELDS[expected]).SetInParent()
    return status(Kind.ALREADY_EXISTS, detail)


def append_answer(expected: int, outcome: Appended | WrongRevision) -> streams_pb2.AppendResp:
    """The answer to an Append call."""
    answer = streams_pb2.AppendResp()
    match outcome:
        case Appended(revision, position):
            if revision < 0:
                answer.success.no_stream.SetInParent()
            else:
                answer.success.current_revision = revision
            answer.success.position.commit_position = position
            answer.success.position.prepare_position = position
        case WrongRevision(actual):
            wrong = answer.wrong_expected_version
            if actual < 0:
                wrong.current_no_stream.SetInParent()
            else:
                wrong.current_revision = actual
            if expected >= 0:
                wrong.expected_revision = expected
            else:
                getattr(wrong, _EXPECTED_FIELDS[expected]).SetInParent()
    return answer


_EXPECTED_FIELDS: Final[Mapping[int, str]] = {
    NO_STREAM: "expected_no_stream",
    ANY: "expected_any",
    EXISTS: "expected_stream_exists",
}
