"""An event store for laptops: EventStoreDB's Streams protocol, on SQLite.

    model         the values, and the retention rule of a stream
    concurrency   what becomes of an append: fresh, a repeat, refused (pure)
    journal       the one writer: each batch of operations is one durable transaction
    log           the readers, each on its own connection
    commits       gathers concurrent operations into the journal's batches
    live          wakes subscriptions with what was just committed
    filters       which events of $all a reader wants
    wire          values to protocol messages and back
    appends       the writing calls of the servicer
    reads         the reading calls of the servicer
    direct        the event store for the process that brings it
    node          folder, lock, port, start and stop

Positions start at 1 and grow by commit; a position is never given twice to an event.
"""

from services.embedded.eventstore.node import EmbeddedEventStore, running_uri
from services.embedded.eventstore.refusals import FOLDER_IN_USE

__all__ = ["FOLDER_IN_USE", "EmbeddedEventStore", "running_uri"]
