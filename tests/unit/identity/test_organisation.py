"""Somebody is always left to administer the platform."""

from hypothesis import given as for_all
from hypothesis import strategies as st
from regard.common.v1.options_pb2 import Role
from regard.identity.v1.events_pb2 import RoleGranted, RoleRevoked

from services.common.errors import Refused
from services.identity.organisation import (
    DECIDER,
    Claim,
    Command,
    GrantAdministration,
    Organisation,
    RevokeAdministration,
)
from tests.given import examples

given = examples(DECIDER)

ADMINISTRATOR = Role.ROLE_PLATFORM_ADMINISTRATOR
FIRST = RoleGranted(person_id="ada", role=ADMINISTRATOR)
SECOND = RoleGranted(person_id="bob", role=ADMINISTRATOR, granted_by="ada")


def test_the_first_administrator_claims() -> None:
    given().when(Claim("ada")).then(FIRST)


def test_the_same_claim_can_be_finished() -> None:
    given(FIRST).when(Claim("ada")).then()


def test_nobody_else_claims() -> None:
    given(FIRST).when(Claim("bob")).raises("IDN-12")


def test_nobody_claims_what_is_administered_by_several() -> None:
    given(FIRST, SECOND).when(Claim("ada")).raises("IDN-12")


def test_administration_is_granted() -> None:
    given(FIRST).when(GrantAdministration("bob", "ada")).then(SECOND)


def test_administration_is_granted_once() -> None:
    given(FIRST, SECOND).when(GrantAdministration("bob", "ada")).then()


def test_administration_is_revoked() -> None:
    revoked = RoleRevoked(person_id="ada", role=ADMINISTRATOR, revoked_by="bob")
    given(FIRST, SECOND).when(RevokeAdministration("ada", "bob")).then(revoked)


def test_who_does_not_administer_has_nothing_to_lose() -> None:
    given(FIRST).when(RevokeAdministration("bob", "ada")).then()


def test_the_last_administrator_stays() -> None:
    given(FIRST).when(RevokeAdministration("ada", "ada")).raises("IDN-08")


people = st.sampled_from(["ada", "bob", "cy"])
commands = st.one_of(
    people.map(Claim),
    people.map(lambda person: GrantAdministration(person, "ada")),
    people.map(lambda person: RevokeAdministration(person, "ada")),
)


@for_all(st.lists(commands))
def test_once_claimed_somebody_administers(done: list[Command]) -> None:
    organisation = Organisation()
    claimed = False
    for command in done:
        try:
            organisation = DECIDER.fold(DECIDER.decide(command, organisation), organisation)
        except Refused:
            continue
        claimed = claimed or bool(organisation.administrators)
        assert bool(organisation.administrators) == claimed
