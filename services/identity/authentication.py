"""Signing in, going on, signing out, changing the password."""

import uuid
from dataclasses import replace

from regard.common.v1.common_pb2 import Sealed
from regard.identity.v1 import identity_pb2
from regard.identity.v1.events_pb2 import SessionRevoked

from services.common.clock import Clock
from services.common.decider import CommandContext
from services.common.errors import Refused
from services.common.ids import derived_id, new_id
from services.identity import person
from services.identity.keys import AddressHashes, PersonKeys
from services.identity.passwords import Passwords
from services.identity.profiles import open_password_hash, seal_password_hash
from services.identity.refusals import BAD_CREDENTIALS, SESSION_OVER, TOKEN_REUSED, WRONG_PASSWORD
from services.identity.registry import Registry
from services.identity.sessions import Going, Sessions
from services.identity.throttle import Throttle
from services.identity.tokens import ACCESS_TOKEN_LIFE_S, AccessTokens

_NOBODY = "7d1f3f0c-1f4b-4f0e-8a67-2b0c5a9e6d31"


class Authentication:
    """Who proves who they are, and gets tokens for it."""

    def __init__(
        self,
        registry: Registry,
        keys: PersonKeys,
        addresses: AddressHashes,
        passwords: Passwords,
        throttle: Throttle,
        sessions: Sessions,
        access_tokens: AccessTokens,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._keys = keys
        self._addresses = addresses
        self._passwords = passwords
        self._throttle = throttle
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._clock = clock

    async def sign_in(
        self, email: str, password: str, client: str, context: CommandContext
    ) -> tuple[identity_pb2.Tokens, identity_pb2.Person]:
        """Begins a session.

        An unknown address takes the same steps as a known one, up to hashing the password, and ends the same way.
        Raises Refused: IDN-01, IDN-02, IDN-03.
        """
        email_hash = await self._addresses.of(email)
        self._throttle.attempt(email_hash)
        person_id = await self._registry.owner(email_hash) or derived_id(_NOBODY, email_hash)
        present = await self._registry.person(person_id)
        if not await self._is_password(person_id, present.password_hash, password):
            raise BAD_CREDENTIALS()
        self._throttle.succeeded(email_hash)
        return await self.begin(person_id, client, context)

    async def begin(
        self, person_id: str, client: str, context: CommandContext
    ) -> tuple[identity_pb2.Tokens, identity_pb2.Person]:
        """Begins a session of someone who has proved who they are. Raises Refused (IDN-02)."""
        # Not the caller's idempotency-key: two sign-ins are two sessions.
        context = replace(context, command_id=uuid.uuid4(), actor=person_id)
        session_id, ends_at = new_id(self._clock), self._sessions.end_of_new()
        signed_in = await self._registry.change(person_id, person.SignIn(session_id, client, ends_at), context)
        refresh_token = await self._sessions.begin(session_id, person_id, client, ends_at)
        shown = await self._registry.show(signed_in.state)
        access_token = await self._access_tokens.issue(person_id, session_id, shown.roles, client)
        return _tokens(access_token, refresh_token), shown

    async def refresh(self, refresh_token: str, context: CommandContext) -> identity_pb2.Tokens:
        """The next pair of tokens. A token that was used before ends its session. Raises Refused: IDN-04, IDN-05."""
        session = await self._sessions.find(refresh_token)
        # Everything that can fail comes before the token is used up, so that it is still good for another attempt.
        present, roles = await self._registry.person_and_roles(session.person_id)
        if not present.active or session.id not in present.sessions:
            raise SESSION_OVER()
        access_token = await self._access_tokens.issue(session.person_id, session.id, roles, session.client)
        try:
            following = await self._sessions.rotate(refresh_token)
        except Refused as refused:
            if refused.refusal is TOKEN_REUSED:
                await self._revoke(session.person_id, session.id, SessionRevoked.REASON_TOKEN_REUSED, context)
            raise
        return _tokens(access_token, following)

    async def sessions(self, person_id: str) -> list[Going]:
        """Where the person is signed in, the session renewed last first."""
        # The person's stream says which were revoked, as by another password.
        standing = (await self._registry.person(person_id)).sessions
        return [one for one in await self._sessions.of(person_id) if one.id in standing]

    async def sign_out(self, person_id: str, session_id: str, context: CommandContext) -> None:
        """Ends a session of the person's; one that is none is none already."""
        await self._revoke(person_id, session_id, SessionRevoked.REASON_SIGNED_OUT, context)
        await self._sessions.forget(person_id, session_id)

    async def change_password(
        self, person_id: str, session_id: str, current: str, new: str, context: CommandContext
    ) -> None:
        """Sets another password and ends the person's other sessions. Raises Refused: IDN-02, IDN-03, IDN-10."""
        await self.prove(person_id, current)
        key = await self._keys.ensure(person_id)
        sealed = seal_password_hash(key, await self._passwords.hash(new))
        command = person.ChangePassword(sealed, context.actor, session_id, self._clock())
        await self._registry.change(person_id, command, context)

    async def prove(self, person_id: str, password: str) -> None:
        """Makes sure that somebody signed in knows their password. Raises Refused: IDN-03, IDN-10."""
        self._throttle.attempt(person_id)
        present = await self._registry.person(person_id)
        if not await self._is_password(person_id, present.password_hash, password):
            raise WRONG_PASSWORD()
        self._throttle.succeeded(person_id)

    async def _is_password(self, person_id: str, sealed: Sealed | None, password: str) -> bool:
        key = (await self._keys.find([person_id])).get(person_id)
        encoded = open_password_hash(key, sealed) if key and sealed else None
        return await self._passwords.verify(encoded, password)

    async def _revoke(
        self, person_id: str, session_id: str, reason: SessionRevoked.Reason, context: CommandContext
    ) -> None:
        await self._registry.change(person_id, person.RevokeSession(session_id, reason), context)


def _tokens(access_token: str, refresh_token: str) -> identity_pb2.Tokens:
    return identity_pb2.Tokens(access_token=access_token, expires_in_s=ACCESS_TOKEN_LIFE_S, refresh_token=refresh_token)
