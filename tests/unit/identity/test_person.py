"""What happens to an account, a row per branch."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given as for_all
from hypothesis import strategies as st
from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import Role
from regard.identity.v1.events_pb2 import (
    DirectoryRecordKept,
    PasswordSet,
    PersonDeactivated,
    PersonProvisioned,
    PersonReactivated,
    ProfileCorrected,
    RoleGranted,
    RoleRevoked,
    SessionRevoked,
    SignedIn,
)

from services.common.errors import Refused
from services.identity.person import (
    DECIDER,
    ChangePassword,
    Command,
    CorrectProfile,
    Deactivate,
    GrantRole,
    Maintain,
    Person,
    Provision,
    Reactivate,
    RevokeRole,
    RevokeSession,
    SignIn,
)
from tests.given import examples

given = examples(DECIDER)

ADA, ADMIN = "ada", "admin"
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PROFILE, OTHER_PROFILE = Sealed(ciphertext=b"profile"), Sealed(ciphertext=b"other profile")
HASH, OTHER_HASH = Sealed(ciphertext=b"hash"), Sealed(ciphertext=b"other hash")

PROVISIONED = PersonProvisioned(person_id=ADA, profile=PROFILE, email_hash="h", provisioned_by=ADMIN)
PASSWORD = PasswordSet(person_id=ADA, password_hash=HASH, set_by=ADMIN)
DEACTIVATED = PersonDeactivated(person_id=ADA, deactivated_by=ADMIN)
REACTIVATED = PersonReactivated(person_id=ADA, reactivated_by=ADMIN)
AUDITOR = RoleGranted(person_id=ADA, role=Role.ROLE_AUDITOR, granted_by=ADMIN)
NOT_AUDITOR = RoleRevoked(person_id=ADA, role=Role.ROLE_AUDITOR, revoked_by=ADMIN)


def signed_in(session_id: str, ends_at: datetime = NOW + timedelta(days=1)) -> SignedIn:
    return SignedIn(
        person_id=ADA, session_id=session_id, client="web", ends_at=Timestamp(seconds=int(ends_at.timestamp()))
    )


def revoked(session_id: str, reason: SessionRevoked.Reason) -> SessionRevoked:
    return SessionRevoked(person_id=ADA, session_id=session_id, reason=reason)


def provision(password_hash: Sealed | None = None) -> Provision:
    return Provision(ADA, "h", PROFILE, password_hash, ADMIN)


def test_an_account_is_made() -> None:
    person = given().when(provision()).then(PROVISIONED)
    assert (person.id, person.active, person.password_hash) == (ADA, True, None)


def test_an_account_is_made_with_a_first_password() -> None:
    given().when(provision(HASH)).then(PROVISIONED, PASSWORD)


def test_an_account_is_made_once() -> None:
    given(PROVISIONED).when(provision()).then()


def test_an_account_without_password_can_get_a_first_one() -> None:
    given(PROVISIONED).when(provision(HASH)).then(PASSWORD)


def test_provisioning_again_never_changes_a_password() -> None:
    given(PROVISIONED, PASSWORD).when(provision(OTHER_HASH)).then()


def test_a_corrected_profile_says_for_which_event_it_is_sealed() -> None:
    person = (
        given(PROVISIONED)
        .when(CorrectProfile(OTHER_PROFILE, ADMIN))
        .then(ProfileCorrected(person_id=ADA, profile=OTHER_PROFILE, corrected_by=ADMIN))
    )
    assert person.profile is not None
    assert person.profile.sealed == OTHER_PROFILE
    assert person.profile.event_type == "regard.identity.v1.ProfileCorrected"


def test_leaving_ends_the_sessions_that_are_open() -> None:
    over = signed_in("over", NOW)
    person = (
        given(PROVISIONED, over, signed_in("one"), signed_in("two"), revoked("two", SessionRevoked.REASON_SIGNED_OUT))
        .when(Deactivate(ADMIN, NOW))
        .then(DEACTIVATED, revoked("one", SessionRevoked.REASON_DEACTIVATED))
    )
    assert not person.active


def test_leaving_twice_changes_nothing() -> None:
    given(PROVISIONED, DEACTIVATED).when(Deactivate(ADMIN, NOW)).then()


def test_coming_back() -> None:
    assert given(PROVISIONED, DEACTIVATED).when(Reactivate(ADMIN)).then(REACTIVATED).active


def test_coming_back_twice_changes_nothing() -> None:
    given(PROVISIONED).when(Reactivate(ADMIN)).then()


RECORD = Sealed(ciphertext=b"record")
KEPT = DirectoryRecordKept(person_id=ADA, record=RECORD, kept_by=ADMIN)


def maintain(
    profile: Sealed | None = None, record: Sealed | None = None, active: bool = True, version: int | None = None
) -> Maintain:
    return Maintain(profile, record, active, version, ADMIN, NOW)


def test_a_directory_makes_an_account_with_its_record_which_may_be_inactive() -> None:
    command = Provision(ADA, "h", PROFILE, None, ADMIN, RECORD, active=False)
    person = given().when(command).then(PROVISIONED, KEPT, DEACTIVATED)
    assert (person.record, person.active, person.version) == (RECORD, False, 3)


def test_a_directory_changes_all_that_differs_at_once() -> None:
    corrected = ProfileCorrected(person_id=ADA, profile=OTHER_PROFILE, corrected_by=ADMIN)
    over = revoked("one", SessionRevoked.REASON_DEACTIVATED)
    person = (
        given(PROVISIONED, signed_in("one"))
        .when(maintain(OTHER_PROFILE, RECORD, active=False, version=1))
        .then(corrected, KEPT, DEACTIVATED, over)
    )
    assert (person.version, person.active, dict(person.sessions)) == (4, False, {})


def test_a_directory_that_says_nothing_new_changes_nothing() -> None:
    given(PROVISIONED).when(maintain(version=1)).then()
    given(PROVISIONED, DEACTIVATED).when(maintain(active=False)).then()


def test_a_directory_gives_access_back() -> None:
    given(PROVISIONED, DEACTIVATED).when(maintain()).then(REACTIVATED)


@pytest.mark.parametrize("version", [0, 1, 3])
def test_a_directory_that_expects_another_version_changes_nothing(version: int) -> None:
    given(PROVISIONED, KEPT).when(maintain(active=False, version=version)).raises("IDN-13")


def test_what_a_directory_does_not_see_leaves_its_version() -> None:
    given(PROVISIONED, AUDITOR, PASSWORD, signed_in("one")).when(maintain(record=RECORD, version=1)).then(KEPT)


def test_a_role_is_granted() -> None:
    person = given(PROVISIONED).when(GrantRole(Role.ROLE_AUDITOR, ADMIN)).then(AUDITOR)
    assert person.roles == {Role.ROLE_AUDITOR}


def test_a_role_is_granted_once() -> None:
    given(PROVISIONED, AUDITOR).when(GrantRole(Role.ROLE_AUDITOR, ADMIN)).then()


def test_nobody_who_left_gets_a_role() -> None:
    given(PROVISIONED, DEACTIVATED).when(GrantRole(Role.ROLE_AUDITOR, ADMIN)).raises("IDN-02")


def test_a_role_is_revoked() -> None:
    assert not given(PROVISIONED, AUDITOR).when(RevokeRole(Role.ROLE_AUDITOR, ADMIN)).then(NOT_AUDITOR).roles


def test_a_role_that_nobody_has_is_not_revoked() -> None:
    given(PROVISIONED).when(RevokeRole(Role.ROLE_AUDITOR, ADMIN)).then()


def test_changing_the_password_ends_the_other_sessions() -> None:
    person = (
        given(PROVISIONED, PASSWORD, signed_in("mine"), signed_in("other"))
        .when(ChangePassword(OTHER_HASH, ADA, "mine", NOW))
        .then(
            PasswordSet(person_id=ADA, password_hash=OTHER_HASH, set_by=ADA),
            revoked("other", SessionRevoked.REASON_PASSWORD_CHANGED),
        )
    )
    assert person.password_hash == OTHER_HASH
    assert set(person.sessions) == {"mine"}


def test_nobody_who_left_changes_a_password() -> None:
    given(PROVISIONED, DEACTIVATED).when(ChangePassword(OTHER_HASH, ADA, "mine", NOW)).raises("IDN-02")


def test_a_session_begins() -> None:
    ends_at = NOW + timedelta(days=1)
    person = given(PROVISIONED).when(SignIn("one", "web", ends_at)).then(signed_in("one", ends_at))
    assert person.sessions == {"one": ends_at}


def test_nobody_who_left_signs_in() -> None:
    given(PROVISIONED, DEACTIVATED).when(SignIn("one", "web", NOW)).raises("IDN-02")


def test_a_session_is_ended() -> None:
    command = RevokeSession("one", SessionRevoked.REASON_SIGNED_OUT)
    ended = revoked("one", SessionRevoked.REASON_SIGNED_OUT)
    assert not given(PROVISIONED, signed_in("one")).when(command).then(ended).sessions


def test_a_session_is_ended_once() -> None:
    command = RevokeSession("one", SessionRevoked.REASON_SIGNED_OUT)
    given(PROVISIONED, signed_in("one"), revoked("one", SessionRevoked.REASON_TOKEN_REUSED)).when(command).then()


COMMANDS = (
    CorrectProfile(OTHER_PROFILE, ADMIN),
    maintain(),
    maintain(active=False),
    Deactivate(ADMIN, NOW),
    Reactivate(ADMIN),
    GrantRole(Role.ROLE_AUDITOR, ADMIN),
    RevokeRole(Role.ROLE_AUDITOR, ADMIN),
    ChangePassword(OTHER_HASH, ADA, "one", NOW),
    SignIn("one", "web", NOW + timedelta(days=1)),
    SignIn("two", "app", NOW + timedelta(days=1)),
    RevokeSession("one", SessionRevoked.REASON_SIGNED_OUT),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_nothing_happens_to_nobody(command: Command) -> None:
    given().when(command).raises("IDN-06")


@for_all(st.lists(st.sampled_from((provision(), provision(HASH), *COMMANDS))))
def test_whatever_happens_who_left_has_no_session_and_nothing_repeats(commands: list[Command]) -> None:
    person, events = Person(), list[Message]()
    for command in commands:
        try:
            caused = tuple(DECIDER.decide(command, person))
        except Refused:
            continue
        person = DECIDER.fold(caused, person)
        events += caused
        if not isinstance(command, CorrectProfile | ChangePassword | SignIn):
            assert DECIDER.decide(command, person) == ()
        if not person.active:
            assert not person.sessions
            assert not isinstance(caused[-1] if caused else None, SignedIn)
    assert DECIDER.fold(events) == person
