"""What the embedded event store is asked: understood, or refused as a genuine node would."""

import atheris
from google.protobuf.message import DecodeError
from kurrentdbclient.protos.v1 import shared_pb2, streams_pb2

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.embedded.eventstore"]):
    from services.embedded.eventstore import wire
    from services.embedded.eventstore.questions import Malformed, question

KINDS = (
    streams_pb2.ReadReq, streams_pb2.AppendReq, streams_pb2.BatchAppendReq, streams_pb2.DeleteReq,
    streams_pb2.TombstoneReq, shared_pb2.UUID,
)  # fmt: skip


def one(data: bytes) -> None:
    try:
        request = KINDS[data[0] % len(KINDS)].FromString(data[1:]) if data else None
    except DecodeError:
        return
    try:
        match request:
            case streams_pb2.ReadReq():
                question(request)
            case streams_pb2.BatchAppendReq():
                wire.stream_name(request.options.stream_identifier)
                wire.expected_revision(request.options)
                for message in request.proposed_messages:
                    assert len(wire.proposed(message).id) == 16
            case streams_pb2.AppendReq() if request.HasField("proposed_message"):
                assert len(wire.proposed(request.proposed_message).id) == 16
            case streams_pb2.AppendReq() | streams_pb2.DeleteReq() | streams_pb2.TombstoneReq():
                wire.stream_name(request.options.stream_identifier)
                wire.expected_revision(request.options)
            case shared_pb2.UUID():
                assert len(wire.uuid_bytes(request)) == 16
    except (wire.BadRequest, Malformed):
        pass


def _seeds() -> list[bytes]:
    identifier = shared_pb2.StreamIdentifier(stream_name=b"room-1")
    id = shared_pb2.UUID(string="00000000-0000-4000-8000-000000000000")
    plain = {"type": "t", "content-type": "application/json"}
    append = streams_pb2.BatchAppendReq(
        correlation_id=id,
        proposed_messages=[streams_pb2.BatchAppendReq.ProposedMessage(id=id, metadata=plain, data=b"x")],
    )
    append.options.stream_identifier.CopyFrom(identifier)
    append.options.stream_position = 2**64 - 1
    read, everything = streams_pb2.ReadReq(), streams_pb2.ReadReq()
    read.options.stream.stream_identifier.CopyFrom(identifier)
    read.options.stream.revision = 7
    read.options.count = 2**63
    everything.options.all.start.SetInParent()
    everything.options.subscription.SetInParent()
    everything.options.filter.stream_identifier.prefix.append("room-")
    everything.options.filter.max = 32
    for one_ in (read, everything):
        one_.options.uuid_option.string.SetInParent()
    parts = ((0, read), (0, everything), (2, append), (5, id))
    return [bytes([number]) + message.SerializeToString() for number, message in parts]


if __name__ == "__main__":
    fuzz(one, _seeds())
