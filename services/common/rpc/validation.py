"""The contract's rules (buf.validate), checked on every request before any service sees it."""

import protovalidate
from google.protobuf.message import Message

from services.common.rpc.status import Invalid, Violation


def validate(request: Message) -> None:
    """Checks the rules declared with the message. Raises Invalid (RPC-02) with every field that breaks one."""
    violations = protovalidate.collect_violations(request)
    if violations:
        raise Invalid(tuple(_violation(one) for one in violations))


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
