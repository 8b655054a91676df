"""Making, changing and ending accounts: several streams and the vault together, each step repeatable."""

import uuid
from dataclasses import dataclass, replace

from regard.common.v1.common_pb2 import Sealed
from regard.common.v1.options_pb2 import Role
from regard.identity.v1 import events_pb2, identity_pb2
from regard.identity.v1.identity_pb2 import Profile

from services.common.clock import Clock
from services.common.decider import CommandContext
from services.common.ids import derived_id
from services.common.sealing import DataKey
from services.common.settings import Settings
from services.identity import organisation, person
from services.identity.address import normalised
from services.identity.installation import forget_installation_code, is_installation_code
from services.identity.keys import AddressHashes, PersonKeys
from services.identity.passwords import Passwords, check_length
from services.identity.person import Person
from services.identity.profiles import open_profile, open_record, seal_password_hash, seal_profile, seal_record
from services.identity.refusals import (
    ACCOUNT_INACTIVE,
    ADDRESS_TAKEN,
    ALREADY_CLAIMED,
    CHANGED_MEANWHILE,
    ERASED,
    NO_SUCH_PERSON,
    USER_TAKEN,
    WRONG_CODE,
)
from services.identity.registry import ADMINISTRATOR, Registry

Record = events_pb2.DirectoryRecordKept.Record

_ACCOUNTS = "0b9f0a5e-6c1e-4a5c-9d0e-3c6d7c1b8a42"


@dataclass(frozen=True, slots=True)
class Provisioned:
    """An account, and whether it is new."""

    person: identity_pb2.Person
    created: bool


class Accounts:
    """What administrators and the company's directory do with accounts. `by` in events is the actor of the context."""

    def __init__(
        self,
        registry: Registry,
        keys: PersonKeys,
        addresses: AddressHashes,
        passwords: Passwords,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._keys = keys
        self._addresses = addresses
        self._passwords = passwords
        self._settings = settings
        self._clock = clock

    async def provision(
        self,
        profile: Profile,
        password: str,
        external_id: str,
        context: CommandContext,
        *,
        active: bool = True,
        only_if_absent: bool = False,
    ) -> Provisioned:
        """Makes the account, `active` or not, or brings the profile of the one that exists up to date.

        An address that was claimed without the account being made, because something broke between the two, is taken
        up by the same command again. Raises Refused: IDN-07, IDN-09, IDN-26.
        """
        if password:
            check_length(password)
        email_hash = await self._addresses.of(profile.email)
        person_id = await self._claim(email_hash, external_id, context)
        present = await self._registry.person(person_id)
        if present.erased:
            raise ERASED()
        if present.exists and only_if_absent:
            return Provisioned(await self._shown(person_id), created=False)
        key = await self._keys.ensure(person_id)
        needs_password = bool(password) and present.password_hash is None
        password_hash = seal_password_hash(key, await self._passwords.hash(password)) if needs_password else None
        created = False
        if not present.exists or needs_password:
            created = await self._make(key, email_hash, profile, password_hash, active, context)
        if not created:
            await self._correct(key, profile, context)
        return Provisioned(await self._shown(person_id), created)

    async def claim_installation(
        self, code: str, profile: Profile, password: str, context: CommandContext
    ) -> identity_pb2.Person:
        """Makes the first administrator. Raises Refused: IDN-11; IDN-12 once there is one."""
        if not is_installation_code(self._settings, code):
            raise ALREADY_CLAIMED() if await self._registry.administrators() else WRONG_CODE()
        person_id = _person_id(await self._addresses.of(profile.email), "")
        # First the role, which only one can get, then the account; a crash in between is mended by the same claim.
        await self._registry.administer(organisation.Claim(person_id), context)
        provisioned = await self.provision(profile, password, "", context)
        forget_installation_code(self._settings)
        return provisioned.person

    async def enlist(self, profile: Profile, record: Record, active: bool, context: CommandContext) -> Person:
        """Makes the account of somebody whom the company's directory names, or takes up one that it had deleted.

        Raises Refused: IDN-17 if the address belongs to an account already.
        """
        email_hash = await self._addresses.of(profile.email)
        person_id = await self._claim(email_hash, "", context)
        present, key = await self._registry.person(person_id), await self._keys.ensure(person_id)
        if present.exists:
            kept = open_record(key, present.record) if present.record else None
            if present.active or not kept or not kept.removed:
                raise USER_TAKEN()
            return await self.maintain(person_id, profile, record, active, present.version, context)
        sealed = seal_profile(key, profile, events_pb2.PersonProvisioned)
        command = person.Provision(person_id, email_hash, sealed, None, context.actor, seal_record(key, record), active)
        outcome = await self._registry.change(person_id, command, context)
        if not outcome.events:  # somebody else made it a moment ago
            raise USER_TAKEN()
        return outcome.state

    async def maintain(
        self,
        person_id: str,
        profile: Profile,
        record: Record,
        active: bool,
        version: int | None,
        context: CommandContext,
    ) -> Person:
        """Makes an account what the company's directory says; `version` is the one expected, None for any.

        Raises Refused: IDN-06, IDN-13; IDN-07 for an address of somebody else's, IDN-08 for the last administrator.
        """
        present = await self._must_exist(person_id)
        if version not in {None, present.version}:
            raise CHANGED_MEANWHILE()
        key = await self._keys.ensure(person_id)
        kept = open_profile(key, present.profile) if present.profile else None
        if kept is None or normalised(kept.email) != normalised(profile.email):
            await self._take(await self._addresses.of(profile.email), person_id, context)
        is_new_record = present.record is None or open_record(key, present.record) != record
        command = person.Maintain(
            profile=seal_profile(key, profile, events_pb2.ProfileCorrected) if kept != profile else None,
            record=seal_record(key, record) if is_new_record else None,
            active=active,
            version=version,
            by=context.actor,
            at=self._clock(),
        )
        if active:
            return (await self._registry.change(person_id, command, context)).state
        return await self._end(person_id, command, context)

    async def deactivate(self, person_id: str, context: CommandContext) -> None:
        """Ends the person's access, and their administration of the platform. Raises Refused: IDN-06, IDN-08."""
        await self._must_exist(person_id)
        await self._end(person_id, person.Deactivate(context.actor, self._clock()), context)

    async def reactivate(self, person_id: str, context: CommandContext) -> None:
        """Gives access back. Raises Refused: IDN-06, IDN-26."""
        await self._registry.change(person_id, person.Reactivate(context.actor), context)

    async def erase(self, person_id: str, context: CommandContext) -> None:
        """Forgets for good who somebody was whose access has ended. Raises Refused: IDN-06, IDN-25.

        Repeating does what an interruption left undone.
        """
        await self._registry.change(person_id, person.Erase(context.actor), context)
        await self._keys.destroy(person_id)

    async def grant_role(self, person_id: str, role: Role, context: CommandContext) -> None:
        """Gives a role. Raises Refused: IDN-02, IDN-06."""
        if role != ADMINISTRATOR:
            await self._registry.change(person_id, person.GrantRole(role, context.actor), context)
            return
        await self._must_be_active(person_id)
        await self._registry.administer(organisation.GrantAdministration(person_id, context.actor), context)
        if not (await self._registry.person(person_id)).active:
            undo = organisation.RevokeAdministration(person_id, context.actor)
            await self._registry.administer(undo, _following(context, "undone"))
            raise ACCOUNT_INACTIVE()

    async def revoke_role(self, person_id: str, role: Role, context: CommandContext) -> None:
        """Takes a role back. Raises Refused: IDN-06; IDN-08 for the last administrator."""
        if role != ADMINISTRATOR:
            await self._registry.change(person_id, person.RevokeRole(role, context.actor), context)
            return
        await self._must_exist(person_id)
        await self._registry.administer(organisation.RevokeAdministration(person_id, context.actor), context)

    async def _end(
        self, person_id: str, command: person.Deactivate | person.Maintain, context: CommandContext
    ) -> Person:
        administration = organisation.RevokeAdministration(person_id, context.actor)
        await self._registry.administer(administration, context)
        ended = (await self._registry.change(person_id, command, context)).state
        # Again, for a grant that came between the two: grants look at the person after they are recorded.
        if person_id in await self._registry.administrators():
            await self._registry.administer(administration, _following(context, "again"))
        return ended

    async def _take(self, email_hash: str, person_id: str, context: CommandContext) -> None:
        owner = await self._registry.owner(email_hash) or await self._registry.claim(email_hash, person_id, context)
        if owner != person_id:
            raise ADDRESS_TAKEN()

    async def _claim(self, email_hash: str, external_id: str, context: CommandContext) -> str:
        """The account that the address belongs to: an address decides, whatever else an import says."""
        person_id = _person_id(email_hash, external_id)
        owner = await self._registry.owner(email_hash)
        if not owner:
            owner = await self._registry.claim(email_hash, person_id, context)
        if owner != person_id and external_id and (await self._registry.person(person_id)).exists:
            raise ADDRESS_TAKEN()
        return owner

    async def _make(
        self,
        key: DataKey,
        email_hash: str,
        profile: Profile,
        password_hash: Sealed | None,
        active: bool,
        context: CommandContext,
    ) -> bool:
        sealed = seal_profile(key, profile, events_pb2.PersonProvisioned)
        command = person.Provision(key.subject, email_hash, sealed, password_hash, context.actor, active=active)
        outcome = await self._registry.change(key.subject, command, context)
        return any(isinstance(event, events_pb2.PersonProvisioned) for event in outcome.events)

    async def _correct(self, key: DataKey, profile: Profile, context: CommandContext) -> None:
        present = await self._registry.person(key.subject)
        if present.profile is None or open_profile(key, present.profile) == profile:
            return
        sealed = seal_profile(key, profile, events_pb2.ProfileCorrected)
        correction = person.CorrectProfile(sealed, context.actor)
        await self._registry.change(key.subject, correction, _following(context, "profile"))

    async def _shown(self, person_id: str) -> identity_pb2.Person:
        shown = await self._registry.shown(person_id)
        if shown is None:
            raise NO_SUCH_PERSON()
        return shown

    async def _must_exist(self, person_id: str) -> Person:
        found = await self._registry.person(person_id)
        if not found.exists:
            raise NO_SUCH_PERSON()
        return found

    async def _must_be_active(self, person_id: str) -> None:
        if not (await self._must_exist(person_id)).active:
            raise ACCOUNT_INACTIVE()


def _person_id(email_hash: str, external_id: str) -> str:
    if external_id:
        return derived_id(_ACCOUNTS, "external", external_id)
    return derived_id(_ACCOUNTS, "address", email_hash)


def _following(context: CommandContext, step: str) -> CommandContext:
    """The context of a further command on a stream that the first one may have changed."""
    return replace(context, command_id=uuid.uuid5(context.command_id, step))
