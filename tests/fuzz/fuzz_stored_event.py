"""Events as they lie in the event store, sealed texts and wrapped keys among them: read whole, or refused as broken."""

import uuid
from datetime import UTC, datetime

import atheris
from google.protobuf.message import DecodeError
from regard.common.v1.common_pb2 import Sealed

from services.common import contracts
from services.common.eventstore import Recorded
from services.common.ids import Position, StreamName
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(
    include=["services.common.codec", "services.common.sealing", "services.common.masterkey"]
):
    from services.common.codec import Codec
    from services.common.masterkey import MasterKey, WrongMasterKey
    from services.common.sealing import NotSealedHere, Place, new_data_key, open_sealed, seal

CODEC = Codec(contracts.event_files())
TYPES = sorted(one.DESCRIPTOR.full_name for file in contracts.event_files() for one in file.messages)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DATA_KEY, PLACE = new_data_key("group/author", "1"), Place("type", "room-1", "body")
SEALED = seal(DATA_KEY, b"text", PLACE)
MASTER_KEY = MasterKey(bytes(32))
WRAPPED = MASTER_KEY.wrap("subject", "1", b"s" * 32)


def one(data: bytes) -> None:
    kind = TYPES[int.from_bytes(data[:2], "big") % len(TYPES)]
    stored = Recorded(StreamName("room-1"), 0, Position(1), uuid.UUID(int=0), kind, data[2:], {}, NOON)
    try:
        event = CODEC.decode(stored)
    except DecodeError:
        pass
    else:
        assert event is not None
        assert CODEC.encode(event.message)[0] == event.type
    _assert_sealed(data)
    try:
        assert MASTER_KEY.unwrap("subject", "1", data) == b"s" * 32
    except WrongMasterKey:
        return
    assert data == WRAPPED


def _assert_sealed(data: bytes) -> None:
    try:
        sealed = Sealed.FromString(data)
    except DecodeError:
        return
    try:
        opened = open_sealed(DATA_KEY, sealed, PLACE)
    except NotSealedHere:
        return
    assert opened == b"text"
    assert (sealed.nonce, sealed.ciphertext) == (SEALED.nonce, SEALED.ciphertext)


if __name__ == "__main__":
    fuzz(one, [WRAPPED, SEALED.SerializeToString(), *(number.to_bytes(2, "big") for number in range(len(TYPES)))])
