"""Protobuf messages to stored events and back.

An event's type is its message's full name, and its data the message's bytes. A new version of an event is a new
message; an upcaster turns the old one into it when it is read, so that deciders and projections know only the latest.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from google.protobuf.message import Message

from services.common.contracts import EventFile
from services.common.eventstore import Recorded
from services.common.ids import Position, StreamName

Upcaster = Callable[[Message, Recorded], Message]
"""Makes of an event's message the one that replaced its type."""


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded event whose data is decoded; `revision` counts in the stream, `position` in the whole log."""

    stream: StreamName
    revision: int
    position: Position
    id: uuid.UUID
    type: str
    message: Message
    metadata: Mapping[str, str]
    recorded_at: datetime


class Codec:
    """Knows the messages of some event files, by full name."""

    def __init__(
        self, event_files: Iterable[EventFile], upcasters: Mapping[str, Upcaster] = MappingProxyType({})
    ) -> None:
        self._classes = {
            message.DESCRIPTOR.full_name: message for event_file in event_files for message in event_file.messages
        }
        if strangers := upcasters.keys() - self._classes.keys():
            raise ValueError(f"no event file has {', '.join(sorted(strangers))}")
        self._upcasters = upcasters

    def encode(self, message: Message) -> tuple[str, bytes]:
        """The type and data to store; ValueError if no event file has this message."""
        full_name = message.DESCRIPTOR.full_name
        if full_name not in self._classes:
            raise ValueError(f"{full_name} is in no event file")
        return full_name, message.SerializeToString(deterministic=True)

    def decode(self, recorded: Recorded) -> Event | None:
        """The event in its latest version; None if its type is unknown here. Raises DecodeError for broken data."""
        if recorded.type not in self._classes:
            return None
        message = self._upcast(self._classes[recorded.type].FromString(recorded.data), recorded)
        return Event(
            stream=recorded.stream,
            revision=recorded.revision,
            position=recorded.position,
            id=recorded.id,
            type=message.DESCRIPTOR.full_name,
            message=message,
            metadata=recorded.metadata,
            recorded_at=recorded.recorded_at,
        )

    def decode_all(self, history: Iterable[Recorded]) -> tuple[Event, ...]:
        """The events whose types are known here."""
        return tuple(event for recorded in history if (event := self.decode(recorded)) is not None)

    def _upcast(self, message: Message, recorded: Recorded) -> Message:
        while upcaster := self._upcasters.get(message.DESCRIPTOR.full_name):
            message = upcaster(message, recorded)
        return message
