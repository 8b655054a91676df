"""Access tokens of people and service tokens of Regard's own parts: JSON Web Tokens (RFC 7519), ES256 only.

A person's token is signed by identity and verified with its published keys. A service's token is signed with the
installation's internal key, lives 60 seconds, and never stands for a person.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey
from regard.common.v1.options_pb2 import Role

from services.common.clock import Clock
from services.common.rpc.call import Caller
from services.common.rpc.refusals import BAD_TOKEN, EXPIRED_TOKEN, NO_KEYS
from services.common.telemetry import logger

ALGORITHM = "ES256"
INTERNAL_AUDIENCE = "regard-internal"
SERVICE_TOKEN_LIFE_S = 60

_LEEWAY_S = 5
"""How far the clocks of two machines may differ."""
_REFRESH_S = 300
_RETRY_S = 5
_REMEMBERED = 2048

_log = logger(__name__)

FetchJwks = Callable[[], Awaitable[Iterable[Mapping[str, str]]]]
"""Gives identity's public keys (RFC 7517)."""


def role_name(role: int) -> str:
    """A role as tokens and sentences write it: `auditor`."""
    return str(Role.Name(role)).removeprefix("ROLE_").lower()


def roles_named(names: Iterable[str]) -> frozenset[int]:
    """The roles of those names; names that this version doesn't know are left out."""
    known = {role_name(role): role for role in Role.values()}
    return frozenset(known[name] for name in names if name in known)


class Jwks:
    """Identity's public keys, kept five minutes, and fetched again when a token names one that isn't known."""

    def __init__(self, fetch: FetchJwks, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, ECKey] = {}
        self._fetched_at_s = float("-inf")
        self._tried_at_s = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> ECKey | None:
        """The key of that id, None if identity has no such key. Raises Refused (RPC-15) while no key is known."""
        async with self._lock:
            now_s = self._clock().timestamp()
            stale = now_s - self._fetched_at_s > _REFRESH_S or kid not in self._keys
            if stale and now_s - self._tried_at_s > _RETRY_S:
                await self._refresh(now_s)
        if not self._keys:
            raise NO_KEYS()
        return self._keys.get(kid)

    async def _refresh(self, now_s: float) -> None:
        try:
            found = await self._fetch()
            keys = {jwk["kid"]: ECKey.import_key(dict(jwk)) for jwk in found if _usable(jwk)}
        except Exception as error:
            # Whatever it is, tokens signed with the keys at hand must go on working.
            _log.warning("the keys of access tokens can't be fetched", exception=type(error).__name__)
            if self._keys:
                self._tried_at_s = now_s
            return
        self._keys = keys
        self._fetched_at_s = self._tried_at_s = now_s


def _usable(jwk: Mapping[str, str]) -> bool:
    return jwk.get("kty") == "EC" and jwk.get("crv") == "P-256" and bool(jwk.get("kid"))


class TokenVerifier:
    """Tells who a person's access token speaks for."""

    def __init__(self, jwks: Jwks, issuer: str, audience: str, clock: Clock) -> None:
        self._jwks = jwks
        self._clock = clock
        self._claims: dict[str, jwt.ClaimsOption] = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": audience},
            "exp": {"essential": True},
            "iat": {"essential": True},
            "sub": {"essential": True},
            "sid": {"essential": True},
            "roles": {"essential": True, "allow_blank": True},
        }
        self._verified: OrderedDict[str, tuple[Caller, float]] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """The person, with their roles and session. Raises Refused: RPC-04, RPC-05, RPC-15."""
        if remembered := self._verified.get(token):
            who, ends_at_s = remembered
            if ends_at_s <= self._clock().timestamp():
                raise EXPIRED_TOKEN()
            return who
        key = await self._jwks.key(_kid(token))
        if key is None:
            raise BAD_TOKEN()
        claims = _decode(token, key, self._claims, self._clock)
        person_id, session_id, roles = claims["sub"], claims["sid"], claims["roles"]
        client = claims.get("client_id", "")
        if not all(isinstance(text, str) for text in (session_id, client)) or not _is_texts(roles):
            raise BAD_TOKEN()
        who = Caller(person_id, roles_named(roles), session_id, client, token)
        self._remember(token, who, claims["exp"])
        return who

    def _remember(self, token: str, who: Caller, ends_at_s: float) -> None:
        self._verified[token] = (who, ends_at_s)
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)


class ServiceTokens:
    """Makes and recognises the tokens by which Regard's services know one another."""

    def __init__(self, internal_key: ECKey, service: str, clock: Clock) -> None:
        self._key = internal_key
        self._service = service
        self._clock = clock
        self._token = ""
        self._made_at_s = -SERVICE_TOKEN_LIFE_S

    def token(self) -> str:
        """A token of this service, good for 30 seconds at least."""
        now_s = int(self._clock().timestamp())
        # A clock that was set back makes the last one a token from the future, which nobody takes.
        if not 0 <= now_s - self._made_at_s < SERVICE_TOKEN_LIFE_S // 2:
            claims: dict[str, object] = {
                "iss": self._service,
                "sub": self._service,
                "aud": INTERNAL_AUDIENCE,
                "iat": now_s,
                "exp": now_s + SERVICE_TOKEN_LIFE_S,
            }
            self._token = jwt.encode({"alg": ALGORITHM}, claims, self._key, [ALGORITHM])
            self._made_at_s = now_s
        return self._token

    def verify(self, token: str) -> Caller:
        """The service that calls. Raises Refused: RPC-04, RPC-05."""
        essential: dict[str, jwt.ClaimsOption] = {
            "aud": {"essential": True, "value": INTERNAL_AUDIENCE},
            "exp": {"essential": True},
            "iat": {"essential": True},
            "sub": {"essential": True},
        }
        claims = _decode(token, self._key, essential, self._clock)
        if claims["exp"] - claims["iat"] > SERVICE_TOKEN_LIFE_S:
            raise BAD_TOKEN()
        return Caller("", service=claims["sub"], token=token)


def _kid(token: str) -> str:
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise BAD_TOKEN() from None
    kid = header.get("kid")
    # Said again by the verification itself; here so that a foreign algorithm never leads to fetching keys.
    if header.get("alg") != ALGORITHM or not isinstance(kid, str):
        raise BAD_TOKEN()
    return kid


def _decode(token: str, key: ECKey, essential: Mapping[str, jwt.ClaimsOption], clock: Clock) -> dict[str, Any]:
    try:
        claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        now_s = int(clock().timestamp())
        jwt.JWTClaimsRegistry(now=now_s, leeway=_LEEWAY_S, **essential).validate(claims)
        if claims["exp"] <= now_s:  # the leeway is for tokens from the future, not for old ones
            raise EXPIRED_TOKEN()
    except ExpiredTokenError:
        raise EXPIRED_TOKEN() from None
    except (JoseError, ValueError, TypeError):
        # The reason stays here: telling it would help only someone who forges tokens.
        raise BAD_TOKEN() from None
    return claims


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
