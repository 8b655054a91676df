"""Access tokens, and the keys that sign them: ES256 (RFC 7518, 3.4), published as a JWK set (RFC 7517, 5).

Who verifies keeps the set for up to CACHED_S, and does not ask again for a key that it doesn't know. So a key is
published PUBLISHED_AHEAD_S before it signs, and stays until the last token that its predecessor's turn left is dead.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey
from regard.common.v1.options_pb2 import Role
from sqlalchemy.dialects.postgresql import insert

from services.common.clock import Clock
from services.common.database import Database
from services.common.ids import new_id
from services.common.masterkey import MasterKey
from services.common.rpc.tokens import ALGORITHM, role_name
from services.identity.vault import SIGNING_KEYS

ACCESS_TOKEN_LIFE_S = 600
CACHED_S = 300
PUBLISHED_AHEAD_S = 2 * CACHED_S
SIGNS_FOR_S = 30 * 86_400
_CLOCKS_DIFFER_S = 60
_READ_AGAIN_S = 60
"""How old another process's rotation can be before this one knows; well below PUBLISHED_AHEAD_S."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and from when on it signs, until the next generation does."""

    generation: int
    kid: str
    signs_from_s: int
    key: ECKey = field(repr=False, compare=False)


class PublicJwk(TypedDict):
    """A public key as RFC 7517 writes it."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    alg: str
    use: str


def signing(ring: Sequence[SigningKey], now_s: float) -> SigningKey:
    """The key that signs now: the last one whose turn has come; the first if the clock was set back before it.

    `ring` is in the order of generations, and not empty.
    """
    return [ring[0], *(key for key in ring if key.signs_from_s <= now_s)][-1]


def published(ring: Sequence[SigningKey], now_s: float) -> tuple[SigningKey, ...]:
    """The keys that tokens may carry now or soon: all but those whose last token has ended."""
    if not ring:
        return ()
    ends = [following.signs_from_s + ACCESS_TOKEN_LIFE_S + _CLOCKS_DIFFER_S for following in ring[1:]]
    return tuple(key for key, end_s in zip(ring, [*ends, float("inf")], strict=True) if now_s < end_s)


def is_rotation_due(ring: Sequence[SigningKey], now_s: float) -> bool:
    """Whether it is time to publish the next key."""
    return not ring or now_s >= ring[-1].signs_from_s + SIGNS_FOR_S - PUBLISHED_AHEAD_S


class SigningKeys:
    """The ring of keys, shared by all processes through the database, where private keys lie wrapped."""

    def __init__(self, vault: Database, master_key: MasterKey, clock: Clock) -> None:
        self._vault = vault
        self._master_key = master_key
        self._clock = clock
        self._ring: tuple[SigningKey, ...] = ()
        self._read_at_s = float("-inf")

    async def current(self) -> SigningKey:
        """The key to sign with."""
        ring, now_s = await self._fresh()
        return signing(ring, now_s)

    async def jwks(self) -> list[PublicJwk]:
        """The public keys to verify with."""
        ring, now_s = await self._fresh()
        return [public_jwk(key) for key in published(ring, now_s)]

    async def _fresh(self) -> tuple[tuple[SigningKey, ...], float]:
        now_s = self._clock().timestamp()
        if abs(now_s - self._read_at_s) > _READ_AGAIN_S:
            # Only a ring that is complete is kept: others who call meanwhile sign with it.
            ring = await self._read()
            if is_rotation_due(ring, now_s):
                await self._rotate(ring, int(now_s))
                ring = await self._read()
            self._ring, self._read_at_s = ring, now_s
        return self._ring, now_s

    async def _read(self) -> tuple[SigningKey, ...]:
        async with self._vault.read() as connection:
            rows = await connection.execute(sa.select(SIGNING_KEYS).order_by(SIGNING_KEYS.c.generation))
            return tuple(map(self._unwrapped, rows))

    async def _rotate(self, ring: Sequence[SigningKey], now_s: int) -> None:
        key = ECKey.generate_key("P-256")
        kid = key.thumbprint()
        private = json.dumps(key.as_dict(private=True)).encode()
        row = {
            "generation": ring[-1].generation + 1 if ring else 1,
            "kid": kid,
            "wrapped": self._master_key.wrap("signing-key", kid, private),
            "signs_from_s": now_s + PUBLISHED_AHEAD_S if ring else now_s,
        }
        outlived = {one.generation for one in ring} - {one.generation for one in published(ring, now_s)}
        async with self._vault.begin() as transaction:
            await transaction.execute(insert(SIGNING_KEYS).values(row).on_conflict_do_nothing())
            await transaction.execute(sa.delete(SIGNING_KEYS).where(SIGNING_KEYS.c.generation.in_(outlived)))

    def _unwrapped(self, row: sa.Row[int, str, bytes, int]) -> SigningKey:
        generation, kid, wrapped, signs_from_s = row
        private = json.loads(self._master_key.unwrap("signing-key", kid, wrapped))
        return SigningKey(generation, kid, signs_from_s, ECKey.import_key(private))


class AccessTokens:
    """Signs access tokens."""

    def __init__(self, keys: SigningKeys, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    async def issue(self, person_id: str, session_id: str, roles: Collection[Role], client: str) -> str:
        """A JSON Web Token for ACCESS_TOKEN_LIFE_S."""
        signing_key = await self._keys.current()
        now_s = int(self._clock().timestamp())
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": person_id,
            "sid": session_id,
            "roles": sorted(map(role_name, roles)),
            "client_id": client,
            "iat": now_s,
            "exp": now_s + ACCESS_TOKEN_LIFE_S,
            "jti": new_id(self._clock),
        }
        header = {"alg": ALGORITHM, "typ": "JWT", "kid": signing_key.kid}
        return jwt.encode(header, claims, signing_key.key, [ALGORITHM])


def public_jwk(key: SigningKey) -> PublicJwk:
    """The public half."""
    public = key.key.as_dict(private=False)
    return PublicJwk(
        kty="EC", crv="P-256", x=str(public["x"]), y=str(public["y"]), kid=key.kid, alg=ALGORITHM, use="sig"
    )
