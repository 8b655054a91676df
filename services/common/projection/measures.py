"""What a runner counts."""

from prometheus_client import Counter, Gauge

APPLIED = Counter("regard_projection_events", "Events applied", ["name"])
FILLED = Counter("regard_projection_filled", "Events read from the event store because Kafka lacked them", ["name"])
RETRIED = Counter("regard_projection_retries", "Batches tried again", ["name"])
SET_ASIDE = Counter("regard_projection_set_aside", "Events left out after the last attempt", ["name"])
UNDECODABLE = Counter("regard_projection_undecodable", "Kafka records that are not events", ["name"])
DELAY_S = Gauge("regard_projection_delay_seconds", "Age of the last event when it was applied", ["name"])
