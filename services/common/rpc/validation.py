"""The contract's rules (buf.validate), checked on every request before any service sees it."""

from collections.abc import Iterator

import protovalidate
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.common.rpc.status import Invalid, Violation

_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, which is what a Timestamp can say."""


def validate(request: Message) -> None:
    """Checks the rules declared with the message, and that its times exist.

    Raises Invalid (RPC-02) with every field that breaks one.
    """
    violations = [_violation(one) for one in protovalidate.collect_violations(request)]
    violations += _times_that_are_none(request, "")
    if violations:
        raise Invalid(tuple(violations))


def _times_that_are_none(message: Message, path: str) -> Iterator[Violation]:
    """JSON can't say such a time, but the wire can; code that meets one fails."""
    if isinstance(message, Timestamp):
        if not (_FIRST_S <= message.seconds <= _LAST_S and 0 <= message.nanos < 1_000_000_000):
            yield Violation(path, "timestamp.range", "must be a time of the years 1 to 9999")
        return
    for field, value in message.ListFields():
        name = f"{path}.{field.name}" if path else field.name
        if isinstance(value, Message):
            yield from _times_that_are_none(value, name)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for index, one in enumerate(value):
                yield from _times_that_are_none(one, f"{name}[{index}]")


def _violation(violation: protovalidate.Violation) -> Violation:
    proto = violation.proto
    return Violation(_path(proto.field), proto.rule_id, proto.message)


def _path(path: protovalidate.FieldPathPb | None) -> str:
    """A field path as the contract's readers write it: `people[3].name`."""
    if path is None:
        return ""
    text = ""
    for element in path.elements:
        text += ("." if text else "") + element.field_name
        if element.subscript is not None:
            text += f"[{element.subscript.value}]"
    return text
