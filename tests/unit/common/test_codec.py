import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int64Value, StringValue, UInt32Value

from services.common.codec import Codec
from services.common.contracts import EventFile, event_files
from services.common.eventstore import Recorded
from services.common.ids import Position, StreamName

GOLDEN = Path(__file__).parent.parent / "golden"
TYPES = sorted(message.DESCRIPTOR.full_name for file in event_files() for message in file.messages)
NUMBERS = EventFile("test", "test", 1, ("number",), (StringValue, Int64Value, UInt32Value))


def recorded(type: str, data: bytes) -> Recorded:
    return Recorded(
        stream=StreamName("number-1"),
        revision=4,
        position=Position(7),
        id=uuid.uuid5(uuid.NAMESPACE_OID, "1"),
        type=type,
        data=data,
        metadata={"actor": "a"},
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_every_event_type_has_its_golden_file() -> None:
    missing = set(TYPES) - {path.stem for path in GOLDEN.glob("*.binpb")}
    assert not missing, "scripts/golden.py writes them"


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.binpb")), ids=lambda path: path.stem)
def test_what_was_stored_is_read_and_written_as_it_was(path: Path) -> None:
    codec = Codec(event_files())
    data = path.read_bytes()
    event = codec.decode(recorded(path.stem, data))
    assert event is not None, "stored events of this type could not be read any more"
    assert event.message.ListFields(), "a golden file sets every field"
    if event.type == path.stem:  # else it was turned into a later version
        assert codec.encode(event.message) == (path.stem, data)


def test_an_event_carries_where_and_when_it_was_recorded() -> None:
    codec = Codec([NUMBERS])
    stored = recorded(*codec.encode(StringValue(value="a")))
    event = codec.decode(stored)
    assert event is not None
    assert event.message == StringValue(value="a")
    assert event.type == "google.protobuf.StringValue"
    same = ("stream", "revision", "position", "id", "metadata", "recorded_at")
    assert [getattr(event, name) for name in same] == [getattr(stored, name) for name in same]


def test_unknown_types_are_no_event() -> None:
    codec = Codec([NUMBERS])
    known = recorded(*codec.encode(Int64Value(value=1)))
    unknown = replace(known, type="regard.test.v1.Unknown")
    assert codec.decode(unknown) is None
    assert [event.message for event in codec.decode_all([unknown, known, unknown])] == [Int64Value(value=1)]


def test_only_declared_events_are_encoded() -> None:
    with pytest.raises(ValueError, match=r"google\.protobuf\.Int64Value is in no event file"):
        Codec([]).encode(Int64Value(value=1))


def test_old_versions_are_turned_into_the_latest() -> None:
    def number(message: Message, _: Recorded) -> Message:
        assert isinstance(message, StringValue)
        return Int64Value(value=int(message.value))

    def unsigned(message: Message, stored: Recorded) -> Message:
        assert isinstance(message, Int64Value)
        return UInt32Value(value=abs(message.value) + stored.revision)

    upcasters = {"google.protobuf.StringValue": number, "google.protobuf.Int64Value": unsigned}
    codec = Codec([NUMBERS], upcasters)
    event = codec.decode(recorded(*codec.encode(StringValue(value="-3"))))
    assert event is not None
    assert (event.type, event.message) == ("google.protobuf.UInt32Value", UInt32Value(value=7))


def test_an_upcaster_is_for_a_known_type() -> None:
    with pytest.raises(ValueError, match=r"no event file has regard\.x"):
        Codec([NUMBERS], {"regard.x": lambda message, _: message})
