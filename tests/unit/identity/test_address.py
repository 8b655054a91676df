"""One address, one person; two spellings, one address."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from regard.identity.v1.events_pb2 import EmailClaimed

from services.identity.address import DECIDER, ClaimAddress, hashed, normalised
from tests.given import examples

given = examples(DECIDER)


def test_an_address_is_claimed() -> None:
    assert given().when(ClaimAddress("ada")).then(EmailClaimed(person_id="ada")).person_id == "ada"


def test_an_address_stays_with_who_claimed_it() -> None:
    address = given(EmailClaimed(person_id="ada")).when(ClaimAddress("bob")).then()
    assert address.person_id == "ada"


@pytest.mark.parametrize("spelling", ["ada@example.org", " Ada@Example.ORG\n", "ａｄａ@example.org", "ADA@EXAMPLE.ORG"])
def test_spellings_of_one_address_are_known_by_one_hash(spelling: str) -> None:
    assert hashed(spelling, b"pepper") == hashed("ada@example.org", b"pepper")


def test_another_address_and_another_pepper_give_another_hash() -> None:
    assert len({hashed("ada@a.org", b"1"), hashed("ada@b.org", b"1"), hashed("ada@a.org", b"2")}) == 3


@for_all(st.text())
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)
