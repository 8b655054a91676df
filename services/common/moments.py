"""Moments: microseconds since 1970 in tables (SQLite drops zones), UTC datetimes in code, Timestamps in messages."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """For a table."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at_us: int) -> datetime:
    """From a table, for code."""
    return _EPOCH + timedelta(microseconds=at_us)


def of(at: Timestamp) -> datetime:
    """From a message, for code."""
    return at.ToDatetime(UTC)


def timestamp_of(at: datetime) -> Timestamp:
    """From code, for a message."""
    made = Timestamp()
    made.FromDatetime(at)
    return made


def timestamp(at_us: int | None) -> Timestamp | None:
    """From a table, for a message; None stays unset."""
    if at_us is None:
        return None
    made = Timestamp()
    made.FromMicroseconds(at_us)
    return made
