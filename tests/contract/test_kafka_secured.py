"""A genuine broker that asks for TLS and a password; there is no embedded one that does."""

from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from services.common.kafka import Kafka
from services.common.settings import BadSettings
from tests import parts
from tests.contract.streaming import NOTES, Stage, eventually, view
from tests.genuine import KafkaServer

pytestmark = pytest.mark.skipif(not parts.is_real, reason="the embedded Kafka knows neither: `make real` runs these")


async def test_events_go_through_it(tmp_path: Path) -> None:
    with parts.kafka({}) as broker:
        assert isinstance(broker, KafkaServer)
        notes = Stage(tmp_path, broker)
        notes.kafka = Kafka.of(broker.secured(tmp_path))
        assert notes.kafka.password
        assert notes.kafka.password not in repr(notes.kafka)
        async with notes.running(view()), notes.relaying():
            await notes.write("note-1", "a", "b")
            await eventually(notes.shows_everything)
        await notes.close()


async def test_without_what_it_asks_for_nothing_is_reached(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("not the password")
    with parts.kafka({}) as broker:
        assert isinstance(broker, KafkaServer)
        wrong: tuple[dict[str, object], ...] = (
            {"kafka_password_file": other},
            {"kafka_user": "somebody"},
            {"kafka_user": ""},
            {"kafka_ca_file": None},
        )
        for given in wrong:
            with pytest.raises(KafkaError):
                await Kafka.of(broker.secured(tmp_path, **given)).create_topics([NOTES])
        with pytest.raises(BadSettings):
            Kafka.of(broker.secured(tmp_path, kafka_ca_file=other))
