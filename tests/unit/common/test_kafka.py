"""What a record carries comes out as it went in; what is no record of ours never raises."""

import uuid
from datetime import UTC, datetime

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from services.common.eventstore import Recorded
from services.common.ids import Position, StreamName
from services.common.kafka import Arrival, Undecodable, decode_record, encode_headers, partition_of

RECORDED = Recorded(
    stream=StreamName("group-018f6d3c-7c1e-7b4e-9d3f-000000000001"),
    revision=4,
    position=Position(1234),
    id=uuid.UUID("018f6d3c-7c1e-7b4e-9d3f-0242ac120002"),
    type="regard.groups.v1.GroupCreated",
    data=b"\x00\xff",
    metadata={"actor": "p1", "command_id": "c1", "traceparent": "00-ab-cd-01", "novel": "x"},
    recorded_at=datetime(2026, 3, 1, 12, 30, 5, 123456, tzinfo=UTC),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def test_the_headers_are_those_of_a_cloud_event() -> None:
    headers = dict(encode_headers(RECORDED, 99, "groups"))
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": b"018f6d3c-7c1e-7b4e-9d3f-0242ac120002",
        "ce_source": b"/regard/groups",
        "ce_type": b"regard.groups.v1.GroupCreated",
        "ce_subject": b"group-018f6d3c-7c1e-7b4e-9d3f-000000000001",
        "ce_time": b"2026-03-01T12:30:05.123456Z",
        "ce_dataschema": b"type.googleapis.com/regard.groups.v1.GroupCreated",
        "content-type": b"application/protobuf",
        "ce_sequence": b"00000000000000001234",
        "ce_previous": b"00000000000000000099",
        "ce_streamrevision": b"4",
        "ce_actor": b"p1",
        "ce_commandid": b"c1",
        "ce_traceparent": b"00-ab-cd-01",
        "traceparent": b"00-ab-cd-01",
        "regard_novel": b"x",
    }


@given(
    metadata=st.dictionaries(
        st.sampled_from(
            ["actor", "command_id", "correlation_id", "causation_id", "traceparent", "tracestate", "schema"]
        )
        | TEXT,
        TEXT,
    ),
    position=st.integers(1, 2**63 - 1),
    previous=st.integers(0, 2**63 - 1),
    data=st.binary(),
)
def test_an_event_comes_out_as_it_went_in(metadata: dict[str, str], position: int, previous: int, data: bytes) -> None:
    recorded = Recorded(
        stream=RECORDED.stream,
        revision=0,
        position=Position(position),
        id=RECORDED.id,
        type=RECORDED.type,
        data=data,
        metadata=metadata,
        recorded_at=RECORDED.recorded_at,
    )
    arrival = decode_record("t", 3, 0, encode_headers(recorded, previous, "groups"), data)
    assert arrival == Arrival("t", 3, Position(previous), recorded)


@given(st.lists(st.tuples(st.sampled_from([name for name, _ in encode_headers(RECORDED, 0, "groups")]), st.binary())))
def test_broken_headers_never_raise(broken: list[tuple[str, bytes]]) -> None:
    headers = [*encode_headers(RECORDED, 0, "groups"), *broken]
    assert isinstance(decode_record("t", 0, 7, headers, b""), Arrival | Undecodable)


@pytest.mark.parametrize(
    "missing", ["ce_id", "ce_type", "ce_subject", "ce_sequence", "ce_previous", "ce_streamrevision"]
)
def test_a_record_that_lacks_an_attribute_is_undecodable(missing: str) -> None:
    headers = [header for header in encode_headers(RECORDED, 0, "groups") if header[0] != missing]
    assert decode_record("t", 0, 7, headers, b"") == Undecodable("t", 0, 7, "KeyError")


@given(st.text(min_size=1), st.integers(1, 48))
def test_the_partition_is_the_one_that_the_client_would_choose(stream: str, partitions: int) -> None:
    encoded = stream.encode("utf-8", "surrogatepass")
    if encoded.decode("utf-8", "ignore") == stream:
        every = list(range(partitions))
        assert partition_of(stream, partitions) == DefaultPartitioner()(encoded, every, every)


# From the tests of Kafka's own Java client (UtilsTest.testMurmur2): another hash would split a stream's events.
@pytest.mark.parametrize(
    ("stream", "murmur2"), [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)]
)
def test_the_partition_is_the_one_that_java_chooses(stream: str, murmur2: int) -> None:
    assert partition_of(stream, 12) == (murmur2 & 0x7FFFFFFF) % 12
