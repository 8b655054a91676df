import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.ids import category_of, derived_id, key_of, new_id, stream_name

MOMENTS = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1), timezones=st.just(UTC))


@given(MOMENTS)
def test_a_new_id_is_a_uuid_of_version_7_that_tells_its_millisecond(moment: datetime) -> None:
    made = uuid.UUID(new_id(lambda: moment))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_new_ids_of_one_moment_differ_and_later_ones_sort_after() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    now = {new_id(lambda: moment) for _ in range(1000)}
    later = new_id(lambda: moment + timedelta(milliseconds=1))
    assert len(now) == 1000
    assert max(now) < later


def test_the_random_bits_are_all_used() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [uuid.UUID(new_id(lambda: moment)).int for _ in range(400)]
    fixed = 0b1111 << 76 | 0b11 << 62
    for bit in range(80):
        if not fixed >> bit & 1:
            assert {id >> bit & 1 for id in ids} == {0, 1}, f"bit {bit} never changes"


def test_a_derived_id_follows_from_its_parts() -> None:
    namespace = "0190163d-8694-739b-aea5-966c26f8ad91"
    assert derived_id(namespace, "group-1", "0") == str(uuid.uuid5(uuid.UUID(namespace), "group-1/0"))
    assert derived_id(namespace, "a") != derived_id(namespace, "b")


def test_a_namespace_is_a_uuid() -> None:
    with pytest.raises(ValueError, match="UUID"):
        derived_id("groups", "a")


def test_a_stream_is_named_by_category_and_key() -> None:
    stream = stream_name("group", "0190163d-8694-739b-aea5-966c26f8ad91")
    assert stream == "group-0190163d-8694-739b-aea5-966c26f8ad91"
    assert category_of(stream) == "group"
    assert key_of(stream) == "0190163d-8694-739b-aea5-966c26f8ad91"


@pytest.mark.parametrize(("category", "key"), [("", "1"), ("break-glass", "1"), ("group", "")])
def test_what_could_not_be_read_back_is_no_stream(category: str, key: str) -> None:
    with pytest.raises(ValueError, match="not a stream name"):
        stream_name(category, key)
