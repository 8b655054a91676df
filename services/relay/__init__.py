"""The relay: carries every service's events from the event store to its Kafka topic."""
