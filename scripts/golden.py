#!/usr/bin/env python3
"""Writes the golden file of every event type that has none: its bytes, with every field set.

They are never written again: what was once stored has to be readable for ever, and the tests read them all.
"""

from __future__ import annotations

import sys
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "unit" / "golden"

_INTEGERS = {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32,
             FieldDescriptor.CPPTYPE_UINT64}  # fmt: skip


def fill(message: Message, depth: int = 0) -> Message:
    """Sets every field to a value that follows from its number and is not the default."""
    for field in message.DESCRIPTOR.fields:
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            key = _scalar(field.message_type.fields_by_name["key"])
            values = getattr(message, field.name)
            value = field.message_type.fields_by_name["value"]
            if value.message_type is None:
                values[key] = _scalar(value)
            else:
                fill(values[key], depth + 1)
        elif field.message_type is not None:
            if depth >= 4:  # a message may contain itself
                continue
            target = getattr(message, field.name)
            fill(target.add() if field.is_repeated else target, depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).append(_scalar(field))
        else:
            setattr(message, field.name, _scalar(field))
    return message


def _scalar(field: FieldDescriptor) -> bool | int | float | str | bytes:
    if field.cpp_type in _INTEGERS:
        return 100 + field.number
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_BOOL:
            return True
        case FieldDescriptor.CPPTYPE_ENUM:
            return field.enum_type.values[-1].number
        case FieldDescriptor.CPPTYPE_FLOAT | FieldDescriptor.CPPTYPE_DOUBLE:
            return field.number + 0.5
        case _ if field.type == FieldDescriptor.TYPE_BYTES:
            return field.name.encode()
        case _:
            return field.name


def main() -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "gen")]
    from services.common.contracts import event_files

    GOLDEN.mkdir(exist_ok=True)
    for event_file in event_files():
        for message_class in event_file.messages:
            path = GOLDEN / f"{message_class.DESCRIPTOR.full_name}.binpb"
            if not path.exists():
                path.write_bytes(fill(message_class()).SerializeToString(deterministic=True))
                print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
