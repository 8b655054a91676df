"""Messages of the contract as JSON Schema (2020-12), in the JSON form that Envoy speaks.

Mapping: https://protobuf.dev/programming-guides/json/. Rules of buf.validate become keywords, comments descriptions.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

import regard
from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

Node = dict[str, object]
"""A JSON object."""

_F = FieldDescriptor
_INT64: Node = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"}
_UINT64: Node = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}
_INT32: Node = {"type": "integer", "format": "int32"}
_UINT32: Node = {"type": "integer", "format": "uint32", "minimum": 0}
_SCALARS: dict[int, Node] = {
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    _F.TYPE_INT32: _INT32,
    _F.TYPE_SINT32: _INT32,
    _F.TYPE_SFIXED32: _INT32,
    _F.TYPE_UINT32: _UINT32,
    _F.TYPE_FIXED32: _UINT32,
    _F.TYPE_INT64: _INT64,
    _F.TYPE_SINT64: _INT64,
    _F.TYPE_SFIXED64: _INT64,
    _F.TYPE_UINT64: _UINT64,
    _F.TYPE_FIXED64: _UINT64,
    _F.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.TYPE_FLOAT: {"type": "number", "format": "float"},
}
_WELL_KNOWN: dict[str, Node] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
    "google.protobuf.Empty": {"type": "object"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Value": {},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
        "additionalProperties": True,
    },
    "google.protobuf.StringValue": {"type": ["string", "null"]},
    "google.protobuf.BoolValue": {"type": ["boolean", "null"]},
    "google.protobuf.BytesValue": {"type": ["string", "null"], "contentEncoding": "base64"},
    "google.protobuf.Int32Value": {"type": ["integer", "null"], "format": "int32"},
    "google.protobuf.UInt32Value": {"type": ["integer", "null"], "format": "uint32", "minimum": 0},
    "google.protobuf.Int64Value": {"type": ["string", "null"], "format": "int64"},
    "google.protobuf.UInt64Value": {"type": ["string", "null"], "format": "uint64"},
    "google.protobuf.DoubleValue": {"type": ["number", "null"], "format": "double"},
    "google.protobuf.FloatValue": {"type": ["number", "null"], "format": "float"},
}


class Schemas:
    """The schemas of a document: `of` refers to them, and they gather in `components` as they are referred to."""

    def __init__(self, where: str = "#/components/schemas/") -> None:
        self._where = where
        self._components: dict[str, Node] = {}

    @property
    def components(self) -> dict[str, Node]:
        """Every schema referred to so far, by full name."""
        return dict(sorted(self._components.items()))

    def of(self, kind: Descriptor | EnumDescriptor) -> Node:
        """A reference to a message's or an enumeration's schema, or the schema of a well-known type itself."""
        if kind.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[kind.full_name])
        if kind.full_name not in self._components:
            self._components[kind.full_name] = {}  # so that a message that holds itself ends
            self._components[kind.full_name] = (
                enumeration(kind) if isinstance(kind, EnumDescriptor) else self.message(kind)
            )
        return {"$ref": self._where + kind.full_name}

    def message(self, message: Descriptor, without: Collection[str] = ()) -> Node:
        """A message's own schema, leaving out the fields named in `without`."""
        fields = [field for field in message.fields if field.name not in without]
        schema: Node = {"type": "object"}
        if text := comments().get(message.full_name):
            schema["description"] = text
        if fields:
            schema["properties"] = {field.json_name: self.field(field) for field in fields}
        if required := [field.json_name for field in fields if _rules(field).required]:
            schema["required"] = required
        choices = [_choice(oneof) for oneof in message.oneofs if not _is_synthetic(oneof)]
        if len(choices) == 1:
            schema |= choices[0]
        elif choices:
            schema["allOf"] = choices
        return schema

    def field(self, field: FieldDescriptor) -> Node:
        """A field's schema, with its rules and its comment."""
        if entry := _map_entry(field):
            schema: Node = {"type": "object", "additionalProperties": self._single(entry.fields_by_name["value"])}
        elif field.is_repeated:
            rules = _rules(field).repeated
            schema = {"type": "array", "items": self._single(field) | _keywords(rules.items)}
            schema |= _given(rules, min_items="minItems", max_items="maxItems", unique="uniqueItems")
        else:
            schema = self._single(field) | _keywords(_rules(field))
        if text := comments().get(field.full_name):
            schema["description"] = text
        return schema

    def _single(self, field: FieldDescriptor) -> Node:
        if field.message_type is not None:
            return self.of(field.message_type)
        if field.enum_type is not None:
            return self.of(field.enum_type)
        return dict(_SCALARS[field.type])


def enumeration(kind: EnumDescriptor) -> Node:
    """An enumeration's schema: its names, each explained in the description."""
    texts = comments()
    lines = [texts.get(kind.full_name, "")]
    scope = kind.full_name.rpartition(".")[0]
    lines += [f"* `{value.name}`: {texts.get(f'{scope}.{value.name}', '')}" for value in kind.values]
    return {"type": "string", "enum": [value.name for value in kind.values], "description": "\n".join(lines).strip()}


def leaves(message: Descriptor, without: Collection[str] = ()) -> Iterator[tuple[str, FieldDescriptor]]:
    """The fields that a query string can set, with their dotted names: `page.size`."""
    for field in message.fields:
        if field.name in without or _map_entry(field):
            continue
        nested = field.message_type
        if nested is None or nested.full_name in _WELL_KNOWN:
            yield field.json_name, field
        elif not field.is_repeated:
            for name, leaf in leaves(nested):
                yield f"{field.json_name}.{name}", leaf


@cache
def comments() -> dict[str, str]:
    """What the contract says of each of its parts, by full name; an enumeration's values are named in its scope."""
    image = (Path(next(iter(regard.__path__))).parent / "api.src.binpb").read_bytes()
    found: dict[str, str] = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(image).file:
        names = dict(_paths(file))
        for location in file.source_code_info.location:
            name = names.get(tuple(location.path))
            if name and location.leading_comments:
                found[name] = "\n".join(line.strip() for line in location.leading_comments.strip().splitlines())
    return found


_Path = tuple[int, ...]


def _paths(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[_Path, str]]:
    """Where descriptor.proto's source locations put each named part."""
    for index, message in enumerate(file.message_type):
        yield from _message_paths(message, (4, index), file.package)
    for index, enum in enumerate(file.enum_type):
        yield from _enum_paths(enum, (5, index), file.package)
    for index, service in enumerate(file.service):
        name = f"{file.package}.{service.name}"
        yield (6, index), name
        yield from (((6, index, 2, place), f"{name}.{method.name}") for place, method in enumerate(service.method))


def _message_paths(message: descriptor_pb2.DescriptorProto, path: _Path, scope: str) -> Iterator[tuple[_Path, str]]:
    name = f"{scope}.{message.name}"
    yield path, name
    yield from (((*path, 2, index), f"{name}.{field.name}") for index, field in enumerate(message.field))
    for index, nested in enumerate(message.nested_type):
        yield from _message_paths(nested, (*path, 3, index), name)
    for index, enum in enumerate(message.enum_type):
        yield from _enum_paths(enum, (*path, 4, index), name)


def _enum_paths(enum: descriptor_pb2.EnumDescriptorProto, path: _Path, scope: str) -> Iterator[tuple[_Path, str]]:
    yield path, f"{scope}.{enum.name}"
    yield from (((*path, 2, index), f"{scope}.{value.name}") for index, value in enumerate(enum.value))


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    rules: object = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[index]
    assert isinstance(rules, validate_pb2.FieldRules)  # noqa: S101  the stubs leave an extension's type open
    return rules


def _keywords(rules: validate_pb2.FieldRules) -> Node:
    kind = rules.WhichOneof("type")
    return _TRANSLATORS[kind](rules) if kind in _TRANSLATORS else {}


def _string(rules: validate_pb2.FieldRules) -> Node:
    string = rules.string
    found = _given(string, min_len="minLength", max_len="maxLength", pattern="pattern", const="const")
    if string.len:
        found |= {"minLength": string.len, "maxLength": string.len}
    if name := _FORMATS.get(string.WhichOneof("well_known") or ""):
        found["format"] = name
    options = getattr(string, "in")
    return found | ({"enum": list(options)} if options else {})


_FORMATS = {"uuid": "uuid", "email": "email", "uri": "uri", "hostname": "hostname", "ipv4": "ipv4", "ipv6": "ipv6"}


def _integer(rules: validate_pb2.FieldRules) -> Node:
    kind = rules.WhichOneof("type") or ""
    return _given(getattr(rules, kind), gte="minimum", gt="exclusiveMinimum", lte="maximum", lt="exclusiveMaximum")


_TRANSLATORS: dict[str, Callable[[validate_pb2.FieldRules], Node]] = {
    "string": _string,
    # 64-bit numbers are strings in JSON, and so have no bounds there.
    **dict.fromkeys(("int32", "sint32", "uint32", "float", "double"), _integer),
}


def _given(rules: Message, **keywords: str) -> Node:
    """The rules that are set, under their names in JSON Schema."""
    return {keyword: getattr(rules, rule) for rule, keyword in keywords.items() if rules.HasField(rule)}


def _choice(oneof: OneofDescriptor) -> Node:
    """At most one of its fields; exactly one if the contract requires it."""
    alone: list[Node] = [{"required": [field.json_name]} for field in oneof.fields]
    if oneof.GetOptions().Extensions[validate_pb2.oneof].required:  # type: ignore[index]
        return {"oneOf": alone}
    return {"oneOf": [*alone, {"not": {"anyOf": alone}}]}


def _is_synthetic(oneof: OneofDescriptor) -> bool:
    return len(oneof.fields) == 1 and oneof.name == f"_{oneof.fields[0].name}"


def _map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The type of a map's entries; None if the field is no map."""
    entry = field.message_type
    return entry if entry is not None and entry.GetOptions().map_entry else None


def first_sentence(text: str) -> str:
    """What stands before the first full stop."""
    return " ".join(text.split()).partition(". ")[0].rstrip(".")


def joined(texts: Iterable[str]) -> str:
    """Paragraphs, leaving out empty ones."""
    return "\n\n".join(text for text in texts if text)
