"""What the directory's tables hold after which events, in whichever order accounts and administrators come."""

from random import Random

import pytest
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import ROLE_AUDITOR, ROLE_PLATFORM_ADMINISTRATOR
from regard.identity.v1 import events_pb2 as events

from services.identity.organisation import STREAM
from services.identity.views import METADATA, reduce
from tests.unit.tables import History, tables

SEALED = Sealed(subject="awa", key_id="1", nonce=bytes(12), ciphertext=b"sealed")


def _administrator(person_id: str) -> tuple[str, Message]:
    return STREAM, events.RoleGranted(person_id=person_id, role=ROLE_PLATFORM_ADMINISTRATOR)


def _account(person_id: str) -> list[tuple[str, Message]]:
    stream = f"user-{person_id}"
    return [
        (stream, events.PersonProvisioned(person_id=person_id, profile=SEALED)),
        (stream, events.RoleGranted(person_id=person_id, role=ROLE_AUDITOR)),
        (stream, events.ProfileCorrected(person_id=person_id, profile=SEALED)),
        (stream, events.PersonDeactivated(person_id=person_id)),
    ]


HISTORY = History.of(
    [
        *_account("awa"),
        _administrator("awa"),
        *_account("ben"),
        _administrator("ben"),
        (STREAM, events.RoleRevoked(person_id="awa", role=ROLE_PLATFORM_ADMINISTRATOR)),
    ]
)


@pytest.mark.parametrize("seed", range(30))
def test_the_order_in_which_streams_come_leaves_no_trace(seed: int) -> None:
    with tables(METADATA, reduce) as expected, tables(METADATA, reduce) as view:
        expected.given(HISTORY)
        view.given(HISTORY.interleaved(Random(seed)))
        assert view.everything(METADATA) == expected.everything(METADATA)
