"""The contract as its generated descriptors tell it: nothing of it is listed by hand anywhere.

Every proto file of the package `regard` is found. One with the option `event_file` declares events: each of its
messages is one, except those that others of the same file use as a field's type.
"""

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import regard
from google.api import annotations_pb2, http_pb2  # type: ignore[import-untyped]
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from regard.common.v1 import options_pb2

from services.common.ids import category_of

_Option = TypeVar("_Option", bound=Message)


@dataclass(frozen=True, slots=True)
class EventFile:
    """A service's events, and how they travel."""

    service: str
    topic: str
    partitions: int
    categories: tuple[str, ...]
    messages: tuple[type[Message], ...]

    @property
    def prefixes(self) -> tuple[str, ...]:
        """With what the names of its streams begin."""
        return tuple(f"{category}-" for category in self.categories)

    def holds(self, stream: str) -> bool:
        """Whether the stream's events are among these."""
        return category_of(stream) in self.categories


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a method; with none of these, every signed-in person. `roles`: numbers of regard.common.v1.Role."""

    public: bool
    internal: bool
    roles: frozenset[int]


@dataclass(frozen=True, slots=True)
class HttpRule:
    """One way to call a method with JSON; `body` is "*", a field's name, or empty."""

    verb: str
    path: str
    body: str


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a service; `path` is its name on the wire: /regard.groups.v1.GroupService/CreateGroup."""

    service: str
    full_name: str
    path: str
    request: type[Message]
    response: type[Message]
    client_streaming: bool
    server_streaming: bool
    access: Access
    http: tuple[HttpRule, ...]


@cache
def event_files() -> tuple[EventFile, ...]:
    """Every event file, by service; ValueError if two claim the same topic or category."""
    found = tuple(
        _event_file(file, option)
        for file in _files()
        if (option := _option(file.GetOptions(), options_pb2.event_file, options_pb2.EventFile)) is not None
    )
    for name, claims in (
        ("topic", [file.topic for file in found]),
        ("category", [category for file in found for category in file.categories]),
    ):
        if twice := {claim for claim in claims if claims.count(claim) > 1}:
            raise ValueError(f"two event files claim the {name} {', '.join(sorted(twice))}")
    return found


@cache
def methods() -> tuple[Method, ...]:
    """Every method of every service, in the order of the files."""
    return tuple(
        _method(method) for file in _files() for service in file.services_by_name.values() for method in service.methods
    )


def event_file_of(service: str) -> EventFile:
    """The event file of a service; LookupError if it has none."""
    for file in event_files():
        if file.service == service:
            return file
    raise LookupError(f"{service} declares no events")


def _files() -> Iterator[FileDescriptor]:
    root = Path(next(iter(regard.__path__)))
    for file in sorted(root.rglob("*_pb2.py")):
        name = ".".join(("regard", *file.relative_to(root).with_suffix("").parts))
        yield importlib.import_module(name).DESCRIPTOR


def _service_of(file: FileDescriptor) -> str:
    return file.package.split(".")[1]


def _option(options: Message, extension: Any, message: type[_Option]) -> _Option | None:
    # protoc's .pyi files call every extension a plain FieldDescriptor, so the type has to be given back here.
    if not options.HasExtension(extension):
        return None
    option = options.Extensions[extension]
    assert isinstance(option, message)  # noqa: S101
    return option


def _event_file(file: FileDescriptor, option: options_pb2.EventFile) -> EventFile:
    declared = list(file.message_types_by_name.values())
    values = _field_types(declared)
    return EventFile(
        service=_service_of(file),
        topic=option.topic,
        partitions=option.partitions,
        categories=tuple(option.categories),
        messages=tuple(GetMessageClass(message) for message in declared if message.full_name not in values),
    )


def _field_types(messages: Iterable[Descriptor]) -> frozenset[str]:
    return frozenset(
        field.message_type.full_name
        for message in messages
        for part in (message, *message.nested_types)
        for field in part.fields
        if field.message_type is not None
    )


def _method(method: MethodDescriptor) -> Method:
    service = method.containing_service
    options = method.GetOptions()
    access = _option(options, options_pb2.access, options_pb2.Access) or options_pb2.Access()
    return Method(
        service=_service_of(service.file),
        full_name=method.full_name,
        path=f"/{service.full_name}/{method.name}",
        request=GetMessageClass(method.input_type),
        response=GetMessageClass(method.output_type),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        access=Access(access.public, access.internal, frozenset(access.roles)),
        http=tuple(_http_rules(options)),
    )


def _http_rules(options: Message) -> Iterator[HttpRule]:
    first = _option(options, annotations_pb2.http, http_pb2.HttpRule)
    if first is None:
        return
    for rule in (first, *first.additional_bindings):
        verb = rule.WhichOneof("pattern")
        yield HttpRule(verb.upper(), getattr(rule, verb), rule.body)
