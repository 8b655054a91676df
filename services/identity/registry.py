"""The accounts as the event store has them at this instant: what may decide, where a view may be late."""

import asyncio
from typing import TypeVar

from regard.common.v1.options_pb2 import Role
from regard.identity.v1 import identity_pb2

from services.common import contracts, rpc
from services.common.codec import Codec
from services.common.decider import CommandContext, Decider, Outcome, execute
from services.common.eventstore import EventStore
from services.identity import address, organisation, person, provisioner
from services.identity.keys import PersonKeys
from services.identity.person import Command as PersonCommand
from services.identity.person import Person
from services.identity.profiles import open_profile
from services.identity.provisioner import Command as ProvisionerCommand
from services.identity.provisioner import Provisioner

Command = TypeVar("Command")
State = TypeVar("State")

_TOPIC = contracts.event_file_of("identity").topic

ADMINISTRATOR = Role.ROLE_PLATFORM_ADMINISTRATOR


class Registry:
    """Reads and changes identity's streams. Every method may raise StoreUnavailable."""

    def __init__(self, store: EventStore, codec: Codec, keys: PersonKeys) -> None:
        self._store = store
        self._codec = codec
        self._keys = keys

    async def owner(self, email_hash: str) -> str:
        """Whose address it is; empty if nobody's."""
        return (await self._load(address.DECIDER, address.stream_of(email_hash))).person_id

    async def person(self, person_id: str) -> Person:
        """The person; one that does not exist for an id that is nobody's."""
        return await self._load(person.DECIDER, person.stream_of(person_id))

    async def administrators(self) -> frozenset[str]:
        """The platform's administrators."""
        return (await self._load(organisation.DECIDER, organisation.STREAM)).administrators

    async def person_and_roles(self, person_id: str) -> tuple[Person, frozenset[Role]]:
        """The person and all roles they have, that of administrator included."""
        found, administrators = await asyncio.gather(self.person(person_id), self.administrators())
        return found, _all_roles(found, administrators)

    async def shown(self, person_id: str) -> identity_pb2.Person | None:
        """The person as colleagues see them; None if there is no such account."""
        found = await self.person(person_id)
        return await self.show(found) if found.exists else None

    async def show(self, found: Person) -> identity_pb2.Person:
        """The person as colleagues see them; without a profile if their key was destroyed."""
        administrators, keys = await asyncio.gather(self.administrators(), self._keys.find([found.id]))
        profile = open_profile(keys.get(found.id), found.profile) if found.profile else None
        roles = sorted(_all_roles(found, administrators))
        return identity_pb2.Person(id=found.id, profile=profile, roles=roles, active=found.active)

    async def claim(self, email_hash: str, person_id: str, context: CommandContext) -> str:
        """Whose address it is from now on: the person's, unless it was another's."""
        outcome = await self._execute(
            address.DECIDER, address.stream_of(email_hash), address.ClaimAddress(person_id), context
        )
        return outcome.state.person_id

    async def change(self, person_id: str, command: PersonCommand, context: CommandContext) -> Outcome[Person]:
        """Carries out a command on a person. Raises Refused."""
        return await self._execute(person.DECIDER, person.stream_of(person_id), command, context)

    async def administer(
        self, command: organisation.Command, context: CommandContext
    ) -> Outcome[organisation.Organisation]:
        """Carries out a command on the organisation. Raises Refused."""
        return await self._execute(organisation.DECIDER, organisation.STREAM, command, context)

    async def provisioner(self, provisioner_id: str) -> Provisioner:
        """The provisioning client; one that does not exist for an id that is nobody's."""
        return await self._load(provisioner.DECIDER, provisioner.stream_of(provisioner_id))

    async def provision(
        self, provisioner_id: str, command: ProvisionerCommand, context: CommandContext
    ) -> Outcome[Provisioner]:
        """Carries out a command on a provisioning client. Raises Refused."""
        return await self._execute(provisioner.DECIDER, provisioner.stream_of(provisioner_id), command, context)

    async def _load(self, decider: Decider[Command, State], stream: str) -> State:
        history = await self._store.load(stream)
        return decider.fold(event.message for event in self._codec.decode_all(history.events))

    async def _execute(
        self, decider: Decider[Command, State], stream: str, command: Command, context: CommandContext
    ) -> Outcome[State]:
        outcome = await execute(self._store, self._codec, decider, stream, command, context)
        if outcome.position:
            rpc.answer_token(_TOPIC, stream, outcome.position)
        return outcome


def _all_roles(found: Person, administrators: frozenset[str]) -> frozenset[Role]:
    return found.roles | ({ADMINISTRATOR} if found.id in administrators else frozenset())
