"""A person's account: profile, password, passkeys, roles, sessions.

Stream: user-<id>. Profile, password hash and passkeys are sealed with the person's key: nothing is readable without it.
The role of platform administrator is not here: organisation.py says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import Role
from regard.identity.v1.events_pb2 import (
    DirectoryRecordKept,
    PasskeyAdded,
    PasskeyRemoved,
    PasswordSet,
    PersonDeactivated,
    PersonErased,
    PersonProvisioned,
    PersonReactivated,
    ProfileCorrected,
    RoleGranted,
    RoleRevoked,
    SessionRevoked,
    SignedIn,
)

from services.common.decider import Decider
from services.common.ids import StreamName, stream_name
from services.identity.refusals import (
    ACCOUNT_INACTIVE,
    CHANGED_MEANWHILE,
    ERASED,
    NO_SUCH_PASSKEY,
    NO_SUCH_PERSON,
    STILL_ACTIVE,
    TOO_MANY_PASSKEYS,
)

CATEGORY = "user"
MOST_PASSKEYS = 10


@dataclass(frozen=True, slots=True)
class SealedProfile:
    """A profile as stored, with the full name of the event that it was sealed for."""

    sealed: Sealed
    event_type: str


@dataclass(frozen=True, slots=True)
class Person:
    """What decisions need to know; `sessions` gives each session that was not revoked with its latest end.

    `record` is what the company's directory says. `version` counts what changed of what a directory sees. Whoever was
    erased has nothing of all that any more.
    """

    id: str = ""
    profile: SealedProfile | None = None
    record: Sealed | None = None
    version: int = 0
    password_hash: Sealed | None = None
    passkeys: Mapping[str, Sealed] = field(default_factory=lambda: MappingProxyType({}))
    active: bool = False
    roles: frozenset[Role] = frozenset()
    sessions: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    erased: bool = False

    @property
    def exists(self) -> bool:
        """Whether the account was ever made."""
        return bool(self.id)


@dataclass(frozen=True, slots=True)
class Provision:
    """Make the account; one that exists only gets the password, if it has none.

    With a record of the company's directory, which may say that the person isn't active yet.
    """

    person_id: str
    email_hash: str
    profile: Sealed
    password_hash: Sealed | None
    by: str
    record: Sealed | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class CorrectProfile:
    """Put another profile in the place of the present one."""

    profile: Sealed
    by: str


@dataclass(frozen=True, slots=True)
class Deactivate:
    """End the person's access, and with it the sessions that have not ended `at` that time."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reactivate:
    """Give access back."""

    by: str


@dataclass(frozen=True, slots=True)
class Erase:
    """Forget for good who a person was whose access has ended."""

    by: str


@dataclass(frozen=True, slots=True)
class Maintain:
    """Make the account what the company's directory says; None leaves a part as it is, `version` is the one expected.

    Sessions that have not ended `at` that time end with the person's access.
    """

    profile: Sealed | None
    record: Sealed | None
    active: bool
    version: int | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GrantRole:
    """Give a role for the whole organisation."""

    role: Role
    by: str


@dataclass(frozen=True, slots=True)
class RevokeRole:
    """Take a role back."""

    role: Role
    by: str


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Set another password, and end the other sessions that have not ended `at` that time."""

    password_hash: Sealed
    by: str
    session_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AddPasskey:
    """Let the person sign in with a passkey too."""

    passkey_id: str
    passkey: Sealed


@dataclass(frozen=True, slots=True)
class RemovePasskey:
    """Let nobody sign in with a passkey any more."""

    passkey_id: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """Begin a session, after the password or a passkey was found right."""

    session_id: str
    client: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class RevokeSession:
    """End a session before its time."""

    session_id: str
    reason: SessionRevoked.Reason


Command = (
    Provision
    | CorrectProfile
    | Deactivate
    | Reactivate
    | Erase
    | Maintain
    | GrantRole
    | RevokeRole
    | ChangePassword
    | AddPasskey
    | RemovePasskey
    | SignIn
    | RevokeSession
)


def stream_of(person_id: str) -> StreamName:
    """The stream of a person."""
    return stream_name(CATEGORY, person_id)


def decide(command: Command, person: Person) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused."""
    if not person.exists and not isinstance(command, Provision):
        raise NO_SUCH_PERSON()
    if person.erased:
        if isinstance(command, Erase | Deactivate | RevokeRole | RevokeSession):
            return ()
        raise ERASED()
    match command:
        case Provision():
            return _provision(command, person)
        case CorrectProfile():
            return (ProfileCorrected(person_id=person.id, profile=command.profile, corrected_by=command.by),)
        case Deactivate():
            return _deactivate(command, person)
        case Reactivate():
            return _reactivate(command, person)
        case Erase():
            return _erase(command, person)
        case Maintain() if command.version not in {None, person.version}:
            raise CHANGED_MEANWHILE()
        case Maintain():
            return _maintain(command, person)
        case GrantRole() if command.role in person.roles:
            return ()
        case GrantRole():
            _must_be_active(person)
            return (RoleGranted(person_id=person.id, role=command.role, granted_by=command.by),)
        case RevokeRole() if command.role not in person.roles:
            return ()
        case RevokeRole():
            return (RoleRevoked(person_id=person.id, role=command.role, revoked_by=command.by),)
        case ChangePassword():
            _must_be_active(person)
            return (
                PasswordSet(person_id=person.id, password_hash=command.password_hash, set_by=command.by),
                *_revoke_all(person, command.at, SessionRevoked.REASON_PASSWORD_CHANGED, but=command.session_id),
            )
        case AddPasskey() if command.passkey_id in person.passkeys:
            return ()
        case AddPasskey() if len(person.passkeys) >= MOST_PASSKEYS:
            raise TOO_MANY_PASSKEYS(most=str(MOST_PASSKEYS))
        case AddPasskey():
            _must_be_active(person)
            return (PasskeyAdded(person_id=person.id, passkey_id=command.passkey_id, passkey=command.passkey),)
        case RemovePasskey() if command.passkey_id not in person.passkeys:
            raise NO_SUCH_PASSKEY()
        case RemovePasskey():
            return (PasskeyRemoved(person_id=person.id, passkey_id=command.passkey_id),)
        case SignIn():
            _must_be_active(person)
            return (_signed_in(command, person),)
        case RevokeSession() if command.session_id not in person.sessions:
            return ()
        case RevokeSession():
            return (_revoked(person, command.session_id, command.reason),)


def evolve(person: Person, event: Message) -> Person:
    """The person after `event`."""
    match event:
        case PersonProvisioned():
            return Person(id=event.person_id, profile=_profile(event, event.profile), active=True, version=1)
        case ProfileCorrected():
            return replace(person, profile=_profile(event, event.profile), version=person.version + 1)
        case DirectoryRecordKept():
            return replace(person, record=event.record, version=person.version + 1)
        case PersonDeactivated():
            return replace(person, active=False, version=person.version + 1)
        case PersonReactivated():
            return replace(person, active=True, version=person.version + 1)
        case PersonErased():
            return Person(id=person.id, version=person.version + 1, erased=True)
        case RoleGranted():
            return replace(person, roles=person.roles | {event.role})
        case RoleRevoked():
            return replace(person, roles=person.roles - {event.role})
        case PasswordSet():
            return replace(person, password_hash=event.password_hash)
        case PasskeyAdded():
            passkeys = {**person.passkeys, event.passkey_id: event.passkey}
            return replace(person, passkeys=MappingProxyType(passkeys))
        case PasskeyRemoved():
            others = {one: sealed for one, sealed in person.passkeys.items() if one != event.passkey_id}
            return replace(person, passkeys=MappingProxyType(others))
        case SignedIn():
            ends_at = datetime.fromtimestamp(event.ends_at.ToSeconds(), UTC)
            return replace(person, sessions=MappingProxyType({**person.sessions, event.session_id: ends_at}))
        case SessionRevoked():
            left = {session: end for session, end in person.sessions.items() if session != event.session_id}
            return replace(person, sessions=MappingProxyType(left))
        case _:
            return person


DECIDER: Decider[Command, Person] = Decider(CATEGORY, Person(), decide, evolve)


def _provision(command: Provision, person: Person) -> tuple[Message, ...]:
    events: list[Message] = []
    if not person.exists:
        events.append(
            PersonProvisioned(
                person_id=command.person_id,
                profile=command.profile,
                email_hash=command.email_hash,
                provisioned_by=command.by,
            )
        )
        if command.record is not None:
            events.append(DirectoryRecordKept(person_id=command.person_id, record=command.record, kept_by=command.by))
        if not command.active:
            events.append(PersonDeactivated(person_id=command.person_id, deactivated_by=command.by))
    if command.password_hash is not None and person.password_hash is None:
        events.append(PasswordSet(person_id=command.person_id, password_hash=command.password_hash, set_by=command.by))
    return tuple(events)


def _deactivate(command: Deactivate | Maintain, person: Person) -> tuple[Message, ...]:
    if not person.active:
        return ()
    left = PersonDeactivated(person_id=person.id, deactivated_by=command.by)
    return left, *_revoke_all(person, command.at, SessionRevoked.REASON_DEACTIVATED)


def _reactivate(command: Reactivate | Maintain, person: Person) -> tuple[Message, ...]:
    return () if person.active else (PersonReactivated(person_id=person.id, reactivated_by=command.by),)


def _erase(command: Erase, person: Person) -> tuple[Message, ...]:
    if person.active:
        raise STILL_ACTIVE()
    roles = (RoleRevoked(person_id=person.id, role=role, revoked_by=command.by) for role in sorted(person.roles))
    return *roles, PersonErased(person_id=person.id, erased_by=command.by)


def _maintain(command: Maintain, person: Person) -> tuple[Message, ...]:
    events: list[Message] = []
    if command.profile is not None:
        events.append(ProfileCorrected(person_id=person.id, profile=command.profile, corrected_by=command.by))
    if command.record is not None:
        events.append(DirectoryRecordKept(person_id=person.id, record=command.record, kept_by=command.by))
    return *events, *(_reactivate(command, person) if command.active else _deactivate(command, person))


def _must_be_active(person: Person) -> None:
    if not person.active:
        raise ACCOUNT_INACTIVE()


def _signed_in(command: SignIn, person: Person) -> SignedIn:
    ends_at = Timestamp()
    ends_at.FromDatetime(command.ends_at)
    return SignedIn(person_id=person.id, session_id=command.session_id, client=command.client, ends_at=ends_at)


def _revoke_all(
    person: Person, at: datetime, reason: SessionRevoked.Reason, but: str = ""
) -> tuple[SessionRevoked, ...]:
    open_sessions = (session for session, end in person.sessions.items() if end > at and session != but)
    return tuple(_revoked(person, session, reason) for session in open_sessions)


def _revoked(person: Person, session_id: str, reason: SessionRevoked.Reason) -> SessionRevoked:
    return SessionRevoked(person_id=person.id, session_id=session_id, reason=reason)


def _profile(event: Message, sealed: Sealed) -> SealedProfile:
    return SealedProfile(sealed, event.DESCRIPTOR.full_name)
