"""Passkeys: signing in with what a device holds, by Web Authentication (W3C, level 3).

A passkey alone signs in, so its owner must have unlocked the device for it (user verification). The device says whose
it is by the person's id; its public key lies sealed on their stream. The page must be at the address under which people
reach Regard, which is what a passkey is bound to.
"""

import asyncio
import uuid
from dataclasses import dataclass
from urllib.parse import urlsplit

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from regard.identity.v1 import identity_pb2
from regard.identity.v1.events_pb2 import PasskeyAdded
from sqlalchemy.dialects.postgresql import insert
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from services.common.clock import Clock
from services.common.database import Database
from services.common.decider import CommandContext
from services.common.ids import new_id
from services.identity import person
from services.identity.authentication import Authentication
from services.identity.challenges import LIFE_S, Challenges
from services.identity.keys import PersonKeys
from services.identity.profiles import open_passkey, open_profile, seal_passkey
from services.identity.refusals import BAD_PASSKEY, NO_SUCH_PERSON, PASSKEY_NOT_MADE
from services.identity.registry import Registry
from services.identity.vault import PASSKEY_USES

_SIGN_IN = "sign in"
_TIMEOUT_MS = LIFE_S * 1000
_MALFORMED = (WebAuthnException, ValueError, TypeError, KeyError)
"""What the library raises for what is not as it should be."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A passkey of somebody, opened, with how often its device says that it was used."""

    person_id: str
    id: str
    kept: PasskeyAdded.Kept
    sign_count: int
    used_at_s: int | None = None


class Passkeys:
    """Adds, lists, removes and believes passkeys."""

    def __init__(
        self,
        registry: Registry,
        keys: PersonKeys,
        authentication: Authentication,
        challenges: Challenges,
        vault: Database,
        url: str,
        clock: Clock,
    ) -> None:
        """`url`: the address under which people reach Regard."""
        self._registry = registry
        self._keys = keys
        self._authentication = authentication
        self._challenges = challenges
        self._vault = vault
        address = urlsplit(url)
        self._host, self._origin = address.hostname or "", f"{address.scheme}://{address.netloc}"
        self._clock = clock

    async def begin_registration(self, person_id: str, password: str) -> str:
        """What to ask a browser for a new passkey of the person. Raises Refused: IDN-03, IDN-06, IDN-10."""
        await self._authentication.prove(person_id, password)
        present, held = await asyncio.gather(self._registry.person(person_id), self._held(person_id))
        key = (await self._keys.find([person_id])).get(person_id)
        profile = open_profile(key, present.profile) if present.profile else None
        if profile is None:
            raise NO_SUCH_PERSON()
        options = generate_registration_options(
            rp_id=self._host,
            rp_name="Regard",
            user_id=person_id.encode(),
            user_name=profile.email,
            user_display_name=profile.name,
            challenge=await self._challenges.new(person_id),
            timeout=_TIMEOUT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.kept.credential_id) for one in held],
        )
        return options_to_json(options)

    async def finish_registration(
        self, person_id: str, credential_json: str, name: str, context: CommandContext
    ) -> identity_pb2.Passkey:
        """Adds what the browser made. Raises Refused: IDN-22, IDN-24."""
        try:
            credential = parse_registration_credential_json(credential_json)
            challenge = parse_client_data_json(credential.response.client_data_json).challenge
            made = verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise PASSKEY_NOT_MADE() from None
        if not await self._challenges.answered(person_id, challenge):
            raise PASSKEY_NOT_MADE()
        added_at = Timestamp()
        added_at.FromDatetime(self._clock())
        kept = PasskeyAdded.Kept(
            name=name,
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            backed_up=made.credential_backed_up,
            added_at=added_at,
            sign_count=made.sign_count,
        )
        passkey_id, key = new_id(self._clock), await self._keys.ensure(person_id)
        await self._registry.change(person_id, person.AddPasskey(passkey_id, seal_passkey(key, kept)), context)
        return _shown(_Found(person_id, passkey_id, kept, made.sign_count))

    async def of(self, person_id: str) -> list[identity_pb2.Passkey]:
        """The person's passkeys, the oldest first."""
        return [_shown(one) for one in await self._held(person_id)]

    async def remove(self, person_id: str, passkey_id: str, context: CommandContext) -> None:
        """Nobody signs in with it any more. Raises Refused (IDN-23)."""
        await self._registry.change(person_id, person.RemovePasskey(passkey_id), context)
        async with self._vault.begin() as transaction:
            await transaction.execute(sa.delete(PASSKEY_USES).where(PASSKEY_USES.c.passkey_id == passkey_id))

    async def begin_sign_in(self) -> str:
        """What to ask a browser for any passkey that it has for this address."""
        options = generate_authentication_options(
            rp_id=self._host,
            challenge=await self._challenges.new(_SIGN_IN),
            timeout=_TIMEOUT_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options)

    async def finish_sign_in(
        self, credential_json: str, client: str, context: CommandContext
    ) -> tuple[identity_pb2.Tokens, identity_pb2.Person]:
        """Begins a session of whoever holds the passkey. Raises Refused: IDN-02, IDN-21."""
        try:
            credential = parse_authentication_credential_json(credential_json)
            challenge = parse_client_data_json(credential.response.client_data_json).challenge
        except _MALFORMED:
            raise BAD_PASSKEY() from None
        found = await self._named_by(credential)
        if found is None:
            raise BAD_PASSKEY()
        try:
            signed = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=found.kept.public_key,
                credential_current_sign_count=found.sign_count,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise BAD_PASSKEY() from None
        if not await self._challenges.answered(_SIGN_IN, challenge):
            raise BAD_PASSKEY()
        tokens, shown = await self._authentication.begin(found.person_id, client, context)
        await self._used(found.id, signed.new_sign_count)
        return tokens, shown

    async def _named_by(self, credential: AuthenticationCredential) -> _Found | None:
        """The passkey that a device names, with whose it is."""
        try:
            person_id = str(uuid.UUID((credential.response.user_handle or b"").decode()))
        except ValueError:
            return None
        held = await self._held(person_id)
        return next((one for one in held if one.kept.credential_id == credential.raw_id), None)

    async def _held(self, person_id: str) -> list[_Found]:
        present, keys = await asyncio.gather(self._registry.person(person_id), self._keys.find([person_id]))
        opened = {one: open_passkey(keys.get(person_id), sealed) for one, sealed in present.passkeys.items()}
        query = sa.select(PASSKEY_USES).where(PASSKEY_USES.c.passkey_id.in_(opened))
        async with self._vault.read() as connection:
            used = {row.passkey_id: row for row in await connection.execute(query)}
        return [
            _Found(person_id, one, kept, used[one].sign_count, used[one].used_at_s)
            if one in used
            else _Found(person_id, one, kept, kept.sign_count)
            for one, kept in opened.items()
            if kept
        ]

    async def _used(self, passkey_id: str, sign_count: int) -> None:
        used = {"sign_count": sign_count, "used_at_s": int(self._clock().timestamp())}
        statement = insert(PASSKEY_USES).values(passkey_id=passkey_id, **used)
        async with self._vault.begin() as transaction:
            await transaction.execute(statement.on_conflict_do_update(index_elements=["passkey_id"], set_=used))


def _shown(found: _Found) -> identity_pb2.Passkey:
    shown = identity_pb2.Passkey(
        id=found.id, name=found.kept.name, added_at=found.kept.added_at, backed_up=found.kept.backed_up
    )
    if found.used_at_s is not None:
        shown.used_at.FromSeconds(found.used_at_s)
    return shown
