"""The event store: its port, the client of a KurrentDB or EventStoreDB node, and the twin in memory."""

from services.common.eventstore.kurrent import KurrentEventStore
from services.common.eventstore.memory import MemoryEventStore
from services.common.eventstore.types import (
    AppendOutcomeUnknown,
    EventStore,
    Expected,
    ExpectedState,
    History,
    NewEvent,
    Recorded,
    RejectedByStore,
    StoreUnavailable,
    Streams,
    Subscription,
    WrongRevision,
    event_id,
)

__all__ = [
    "AppendOutcomeUnknown",
    "EventStore",
    "Expected",
    "ExpectedState",
    "History",
    "KurrentEventStore",
    "MemoryEventStore",
    "NewEvent",
    "Recorded",
    "RejectedByStore",
    "StoreUnavailable",
    "Streams",
    "Subscription",
    "WrongRevision",
    "event_id",
]
