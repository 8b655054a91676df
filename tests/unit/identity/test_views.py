"""What identity's tables hold after which events, in whichever order accounts and administrators come."""

from collections.abc import Callable, Sequence
from random import Random

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import ROLE_AUDITOR, ROLE_PLATFORM_ADMINISTRATOR
from regard.identity.v1 import events_pb2 as events

from services.common.codec import Event
from services.identity.organisation import STREAM
from services.identity.views import ADMINISTRATION_METADATA, METADATA, reduce, reduce_administration
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
        (stream, events.PersonErased(person_id=person_id)),
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
@pytest.mark.parametrize(
    ("metadata", "reducer"),
    [(METADATA, reduce), (ADMINISTRATION_METADATA, reduce_administration)],
    ids=["people", "administration"],
)
def test_the_order_in_which_streams_come_leaves_no_trace(
    metadata: sa.MetaData, reducer: Callable[[Event], Sequence[sa.Executable]], seed: int
) -> None:
    with tables(metadata, reducer) as expected, tables(metadata, reducer) as view:
        expected.given(HISTORY)
        view.given(HISTORY.interleaved(Random(seed)))
        assert view.everything(metadata) == expected.everything(metadata)
