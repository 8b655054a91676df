"""Requests of every method, as the border reads them: refused, or with times that the code behind can use."""

import atheris
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.common import contracts
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.common.rpc.validation", "services.common.moments"]):
    from services.common import moments
    from services.common.rpc.status import Invalid, status_of
    from services.common.rpc.validation import validate

REQUESTS = sorted({method.request for method in contracts.methods()}, key=lambda one: one.DESCRIPTOR.full_name)


def one(data: bytes) -> None:
    if not data:
        return
    request = REQUESTS[data[0] % len(REQUESTS)]
    try:
        message = request.FromString(data[1:])
    except DecodeError:
        return
    try:
        validate(message)
    except Invalid as refused:
        _assert_fits(refused)
        return
    _assert_times(message)


def _assert_fits(refused: Invalid) -> None:
    """Into trailers, which carry 8 KiB, in base64."""
    assert len(status_of(refused, "fr", "r" * 64).trailers[0][1]) < 6000


def _assert_times(message: Message) -> None:
    if isinstance(message, Timestamp):
        at = moments.of(message)
        assert moments.moment(moments.microseconds(at)) == at
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if isinstance(value, Message) else list(value):
                _assert_times(part)


def _seed(number: int) -> bytes:
    message = REQUESTS[number]()
    for field in message.DESCRIPTOR.fields:
        if field.message_type is Timestamp.DESCRIPTOR:
            getattr(message, field.name).FromJsonString("9999-12-31T23:59:59.999999999Z")
        elif field.type == field.TYPE_STRING and not field.is_repeated:
            setattr(message, field.name, "00000000-0000-4000-8000-000000000000")
    return bytes([number]) + message.SerializeToString()


if __name__ == "__main__":
    fuzz(one, [_seed(number) for number in range(len(REQUESTS))])
