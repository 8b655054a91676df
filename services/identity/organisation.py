"""The organisation: who administers the platform.

Stream: organisation-<id>, one per installation. That somebody is always left to administer it is a rule about several
people, so this role is decided here, on one stream, and not on each person's.
"""

from dataclasses import dataclass

from google.protobuf.message import Message
from regard.common.v1.options_pb2 import Role
from regard.identity.v1.events_pb2 import RoleGranted, RoleRevoked

from services.common.decider import Decider
from services.common.ids import StreamName, stream_name
from services.identity.refusals import ALREADY_CLAIMED, LAST_ADMINISTRATOR

CATEGORY = "organisation"
STREAM: StreamName = stream_name(CATEGORY, "a6f7d1f2-5b0e-4a63-8a2f-7f0c1f1b9d10")


@dataclass(frozen=True, slots=True)
class Organisation:
    """The platform's administrators; never empty once the installation was claimed."""

    administrators: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """Make the first administrator."""

    person_id: str


@dataclass(frozen=True, slots=True)
class GrantAdministration:
    """Make a person an administrator."""

    person_id: str
    by: str


@dataclass(frozen=True, slots=True)
class RevokeAdministration:
    """Take administration from a person."""

    person_id: str
    by: str


Command = Claim | GrantAdministration | RevokeAdministration


def decide(command: Command, organisation: Organisation) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused."""
    administrators, person = organisation.administrators, command.person_id
    match command:
        case Claim() if administrators == {person}:
            return ()
        case Claim() if administrators:
            raise ALREADY_CLAIMED()
        case Claim():
            return (RoleGranted(person_id=person, role=Role.ROLE_PLATFORM_ADMINISTRATOR),)
        case GrantAdministration() if person in administrators:
            return ()
        case GrantAdministration():
            return (RoleGranted(person_id=person, role=Role.ROLE_PLATFORM_ADMINISTRATOR, granted_by=command.by),)
        case RevokeAdministration() if person not in administrators:
            return ()
        case RevokeAdministration() if administrators == {person}:
            raise LAST_ADMINISTRATOR()
        case RevokeAdministration():
            return (RoleRevoked(person_id=person, role=Role.ROLE_PLATFORM_ADMINISTRATOR, revoked_by=command.by),)


def evolve(organisation: Organisation, event: Message) -> Organisation:
    """The organisation after `event`."""
    match event:
        case RoleGranted():
            return Organisation(organisation.administrators | {event.person_id})
        case RoleRevoked():
            return Organisation(organisation.administrators - {event.person_id})
        case _:
            return organisation


DECIDER: Decider[Command, Organisation] = Decider(CATEGORY, Organisation(), decide, evolve)
