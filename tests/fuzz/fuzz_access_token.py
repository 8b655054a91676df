"""Access tokens of people and of services: nothing but what their keys signed is taken."""

import asyncio
from datetime import UTC, datetime

import atheris
from joserfc import jwt
from joserfc.jwk import ECKey

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz

with atheris.instrument_imports(include=["services.common.rpc.tokens", "joserfc"]):
    from services.common.errors import Refused
    from services.common.rpc.tokens import Jwks, ServiceTokens, TokenVerifier

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
KEY, INTERNAL = (ECKey.generate_key("P-256", {"kid": kid}) for kid in ("k1", "k2"))
CLAIMS = {"iss": "regard", "aud": "regard", "sub": "p", "sid": "s", "roles": [], "iat": NOW_S, "exp": NOW_S + 600}
GOOD = jwt.encode({"alg": "ES256", "kid": "k1"}, CLAIMS, KEY, ["ES256"])
LOOP = asyncio.new_event_loop()


async def _fetch() -> list[dict[str, str]]:
    return [{name: str(value) for name, value in KEY.as_dict(private=False).items()}]


PEOPLE = TokenVerifier(Jwks(_fetch, lambda: NOW), "regard", "regard", lambda: NOW)
SERVICES = ServiceTokens(INTERNAL, "chat", lambda: NOW)
SERVICE = SERVICES.token()


def one(data: bytes) -> None:
    token = data.decode("latin-1")
    try:
        who = LOOP.run_until_complete(PEOPLE.verify(token))
    except Refused:
        pass
    else:
        # Base64 lets the last character of a signature be written in several ways; what is signed it does not.
        assert token.rpartition(".")[0] == GOOD.rpartition(".")[0]
        assert who.person_id == "p"
    try:
        service = SERVICES.verify(token)
    except Refused:
        return
    assert token.rpartition(".")[0] == SERVICE.rpartition(".")[0]
    assert service.service == "chat"


if __name__ == "__main__":
    header, payload, signature = GOOD.split(".")
    fuzz(one, [one_.encode() for one_ in (GOOD, SERVICE, f"{header}.{payload}.", f"{header}.e30.{signature}", "..")])
