"""Hostile tokens: each must be refused, with nothing told about why beyond "not ours" or "expired"."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from regard.common.v1 import options_pb2

from services.common import rpc
from services.common.errors import Refused
from tests.unit.common.border import PERSON, Site, frozen_clock


@pytest.fixture
async def verifying() -> Site:
    return Site(frozen_clock())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unsigned(header: dict[str, str], claims: dict[str, object]) -> str:
    return ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims)) + "."


def _with_payload_of(token: str, other: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


def _signed_with_the_public_key(site: Site) -> str:
    """By hand, since no decent library lets one do it."""
    signed = _unsigned({"alg": "HS256", "kid": "k1"}, site.claims()).removesuffix(".")
    return f"{signed}.{_base64url(hmac.digest(site.key.as_pem(private=False), signed.encode(), 'sha256'))}"


HOSTILE: dict[str, Callable[[Site], str]] = {
    "empty": lambda site: "",
    "not a token": lambda site: "hello",
    "three dots": lambda site: "...",
    "two parts": lambda site: site.token().rpartition(".")[0],
    "not base64": lambda site: "§.§.§",
    "signature cut": lambda site: site.token()[:-4],
    "payload changed": lambda site: _with_payload_of(site.token(), site.token(sub="another")),
    "foreign key, our kid": lambda site: jwt.encode(
        {"alg": "ES256", "kid": "k1"}, site.claims(), ECKey.generate_key("P-256"), ["ES256"]
    ),
    "foreign key in the header": lambda site: jwt.encode(
        {"alg": "ES256", "kid": "k1", "jwk": (foreign := ECKey.generate_key("P-256")).as_dict(private=False)},
        site.claims(),
        foreign,
        ["ES256"],
    ),
    "unknown kid": lambda site: jwt.encode({"alg": "ES256", "kid": "k2"}, site.claims(), site.key, ["ES256"]),
    "no kid": lambda site: jwt.encode({"alg": "ES256"}, site.claims(), site.key, ["ES256"]),
    "alg none": lambda site: _unsigned({"alg": "none", "kid": "k1"}, site.claims()),
    "HS256 with the public key": _signed_with_the_public_key,
    "RS256": lambda site: jwt.encode(
        {"alg": "RS256", "kid": "k1"}, site.claims(), RSAKey.generate_key(2048), ["RS256"]
    ),
    "ES384": lambda site: jwt.encode(
        {"alg": "ES384", "kid": "k1"}, site.claims(), ECKey.generate_key("P-384"), ["ES384"]
    ),
    "wrong audience": lambda site: site.token(aud="another"),
    "internal audience": lambda site: site.token(aud="regard-internal"),
    "wrong issuer": lambda site: site.token(iss="another"),
    "from the future": lambda site: site.token(iat=int(site.clock().timestamp()) + 60),
    "not yet valid": lambda site: site.token(nbf=int(site.clock().timestamp()) + 60),
    "no sub": lambda site: site.token(sub=None),
    "empty sub": lambda site: site.token(sub=""),
    "sub is a number": lambda site: site.token(sub=7),
    "no sid": lambda site: site.token(sid=None),
    "sid is a list": lambda site: site.token(sid=["s1"]),
    "no exp": lambda site: site.token(exp=None),
    "exp is text": lambda site: site.token(exp="tomorrow"),
    "exp is NaN": lambda site: site.token(exp=float("nan")),
    "no iat": lambda site: site.token(iat=None),
    "no roles": lambda site: site.token(roles=None),
    "roles is text": lambda site: site.token(roles="auditor"),
    "roles of numbers": lambda site: site.token(roles=[2]),
    "a service's token": lambda site: site.service_tokens.token(),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_is_refused(verifying: Site, name: str) -> None:
    with pytest.raises(Refused) as refused:
        await verifying.people.verify(HOSTILE[name](verifying))
    assert refused.value.refusal.id == "RPC-04"


async def test_a_good_token_tells_who_calls(verifying: Site) -> None:
    token = verifying.token(roles=["auditor", "a_role_of_the_future"])
    caller = await verifying.people.verify(token)
    assert (caller.person_id, caller.session_id, caller.client, caller.service) == (PERSON, "s1", "tests", "")
    assert caller.roles == {options_pb2.ROLE_AUDITOR}
    assert token not in repr(caller)


@pytest.mark.parametrize("age_s", [0, 1, 3600])
async def test_an_expired_token_is_refused_as_such(verifying: Site, age_s: int) -> None:
    with pytest.raises(Refused) as refused:
        await verifying.people.verify(verifying.token(exp=int(verifying.clock().timestamp()) - age_s))
    assert refused.value.refusal.id == "RPC-05"


async def test_a_remembered_token_expires_too() -> None:
    now = [frozen_clock()()]
    site = Site(lambda: now[0])
    token = site.token()
    await site.people.verify(token)
    now[0] += timedelta(seconds=600)
    with pytest.raises(Refused) as refused:
        await site.people.verify(token)
    assert refused.value.refusal.id == "RPC-05"


async def test_keys_are_fetched_once_and_again_when_a_token_names_a_new_one() -> None:
    now = [frozen_clock()()]
    site = Site(lambda: now[0])
    await site.people.verify(site.token())
    await site.people.verify(site.token(sid="s2"))
    assert site.fetches == 1
    site.key = ECKey.generate_key("P-256", {"kid": "k2"})
    token = jwt.encode({"alg": "ES256", "kid": "k2"}, site.claims(), site.key, ["ES256"])
    now[0] += timedelta(seconds=6)
    assert (await site.people.verify(token)).person_id == PERSON
    for _ in range(3):
        with pytest.raises(Refused):
            await site.people.verify(site.token())  # its kid, k1, is gone
    assert site.fetches == 2, "an unknown key must not lead to a fetch for every call"


async def test_without_keys_nobody_is_told_to_sign_in_again(verifying: Site) -> None:
    async def unreachable() -> list[dict[str, str]]:
        raise ConnectionError

    people = rpc.TokenVerifier(rpc.Jwks(unreachable, verifying.clock), "regard", "regard", verifying.clock)
    with pytest.raises(Refused) as refused:
        await people.verify(verifying.token())
    assert refused.value.refusal.id == "RPC-15"


async def test_known_keys_go_on_when_identity_is_away() -> None:
    now = [frozen_clock()()]
    site = Site(lambda: now[0])
    await site.people.verify(site.token())

    async def unreachable() -> list[dict[str, str]]:
        raise ConnectionError

    site.jwks._fetch = unreachable
    now[0] += timedelta(seconds=301)
    assert (await site.people.verify(site.token())).person_id == PERSON


async def test_services_know_one_another(verifying: Site) -> None:
    other = rpc.ServiceTokens(verifying.internal_key, "chat", verifying.clock)
    assert other.verify(verifying.service_tokens.token()) == rpc.Caller(
        "", service="feed", token=verifying.service_tokens.token()
    )


async def test_a_service_token_of_another_installation_is_refused(verifying: Site) -> None:
    foreign = rpc.ServiceTokens(ECKey.generate_key("P-256"), "feed", verifying.clock)
    with pytest.raises(Refused) as refused:
        verifying.service_tokens.verify(foreign.token())
    assert refused.value.refusal.id == "RPC-04"


async def test_a_clock_that_is_set_back_makes_another_service_token() -> None:
    now = [frozen_clock()()]
    site = Site(lambda: now[0])
    site.service_tokens.token()
    now[0] -= timedelta(seconds=300)
    assert site.service_tokens.verify(site.service_tokens.token()).service == "feed"


async def test_a_service_token_lives_sixty_seconds() -> None:
    now = [frozen_clock()()]
    site = Site(lambda: now[0])
    old = site.service_tokens.token()
    now[0] += timedelta(seconds=31)
    assert site.service_tokens.token() != old
    assert site.service_tokens.verify(old).service == "feed"
    now[0] += timedelta(seconds=29)
    with pytest.raises(Refused) as refused:
        site.service_tokens.verify(old)
    assert refused.value.refusal.id == "RPC-05"


async def test_a_service_token_for_longer_is_refused(verifying: Site) -> None:
    now_s = int(verifying.clock().timestamp())
    claims: dict[str, object] = {"sub": "feed", "aud": "regard-internal", "iat": now_s, "exp": now_s + 3600}
    token = jwt.encode({"alg": "ES256"}, claims, verifying.internal_key, ["ES256"])
    with pytest.raises(Refused) as refused:
        verifying.service_tokens.verify(token)
    assert refused.value.refusal.id == "RPC-04"


def test_every_role_has_a_name_and_back() -> None:
    every = frozenset(options_pb2.Role.values())
    assert rpc.roles_named(rpc.role_name(role) for role in every) == every
