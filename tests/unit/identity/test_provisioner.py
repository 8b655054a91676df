"""What happens to a provisioning client, a row per branch; and its token."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from regard.identity.v1.events_pb2 import ProvisionerAdded, ProvisionerRevoked, ProvisionerUsed

from services.identity.provisioner import DECIDER, Add, Provisioner, Revoke, Use, hashed, named_in, new_token
from tests.given import examples

given = examples(DECIDER)

ID, ADMIN = "01900000-0000-7000-8000-000000000001", "admin"
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
TOKEN = new_token(ID)
ADDED = ProvisionerAdded(provisioner_id=ID, name="Okta", token_hash=hashed(TOKEN), added_by=ADMIN)
USED = ProvisionerUsed(provisioner_id=ID, used_at=Timestamp(seconds=int(NOW.timestamp())))
REVOKED = ProvisionerRevoked(provisioner_id=ID, revoked_by=ADMIN)


def test_a_client_is_added_once_and_its_token_counts() -> None:
    client = given().when(Add(ID, "Okta", hashed(TOKEN), ADMIN)).then(ADDED)
    assert client.accepts(TOKEN) and not client.accepts(new_token(ID))
    given(ADDED).when(Add(ID, "Okta", b"", ADMIN)).then()


def test_a_use_is_noted_once_a_day() -> None:
    given(ADDED).when(Use(NOW)).then(USED)
    given(ADDED, USED).when(Use(NOW + timedelta(hours=23))).then()
    assert len(given(ADDED, USED).when(Use(NOW + timedelta(hours=24))).events) == 1


def test_a_revoked_token_counts_no_more_and_is_revoked_once() -> None:
    assert not given(ADDED, USED).when(Revoke(ADMIN)).then(REVOKED).accepts(TOKEN)
    given(ADDED, REVOKED).when(Revoke(ADMIN)).then()


@pytest.mark.parametrize("command", [Use(NOW), Revoke(ADMIN)])
def test_nothing_happens_to_no_client(command: Use | Revoke) -> None:
    given().when(command).raises("IDN-15")
    assert not Provisioner().accepts("")


def test_only_what_looks_like_a_token_names_a_client() -> None:
    assert named_in(TOKEN) == ID
    path = TOKEN.replace(ID, "../" + ID[3:])
    for token in ("", TOKEN[:-1], TOKEN + "A", TOKEN.upper(), f" {TOKEN}", f"{TOKEN}\n", TOKEN.replace("_", "-"), path):
        assert named_in(token) == "", token
