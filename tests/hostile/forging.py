"""Tokens as forgers and careless issuers make them: with the installation's real keys where that is the point.

The real keys are taken from the data folder, as somebody would who stole its vault together with the master key. A
token that is signed by the right key and wrong in one claim tests that claim, and nothing else.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from services.common.internalkey import load_internal_key
from services.common.masterkey import load_master_key
from services.common.settings import Settings


@dataclass(frozen=True)
class Forger:
    """Has identity's signing key and the services' internal key."""

    kid: str
    signing: ECKey
    internal: ECKey

    @classmethod
    def of(cls, data: Path) -> "Forger":
        """With the keys of an installation's data folder."""
        settings = Settings(data=data)
        with contextlib.closing(sqlite3.connect(data / "vaults" / "identity.sqlite")) as vault:
            rows = vault.execute("SELECT kid, wrapped FROM signing_keys ORDER BY generation")
            kid, wrapped = rows.fetchone()
        private = load_master_key(settings).unwrap("signing-key", kid, wrapped)
        return cls(kid, ECKey.import_key(json.loads(private)), load_internal_key(settings))

    def claims(self, person_id: str, **changed: object) -> dict[str, Any]:
        """What identity would say of a person; None leaves a claim out."""
        now_s = int(time())
        usual: dict[str, object] = {
            "iss": "regard", "aud": "regard", "sub": person_id, "sid": "hostile", "roles": [], "client_id": "hostile",
            "iat": now_s, "exp": now_s + 600, "jti": "hostile",
        }  # fmt: skip
        return {name: value for name, value in (usual | changed).items() if value is not None}

    def signed(self, person_id: str, **changed: object) -> str:
        """By the right key, with these claims changed."""
        return jwt.encode(self._header(), self.claims(person_id, **changed), self.signing, ["ES256"])

    def unsigned(self, person_id: str) -> str:
        """Algorithm `none`."""
        return _plain({"alg": "none", "typ": "JWT", "kid": self.kid}, self.claims(person_id)) + "."

    def by_public_key(self, person_id: str) -> dict[str, str]:
        """HS256 with the public key, in each form that a verifier may hold it in, as the secret."""
        public = self.signing.as_dict(private=False)
        secrets = {
            "PEM": self.signing.as_pem(private=False),
            "DER": self.signing.as_der(private=False),
            "JWK": json.dumps(public).encode(),
            "nothing": b"",
        }
        plain = _plain({"alg": "HS256", "typ": "JWT", "kid": self.kid}, self.claims(person_id))
        return {
            name: f"{plain}.{base64url(hmac.digest(secret, plain.encode(), hashlib.sha256))}"
            for name, secret in secrets.items()
        }

    def by_others(self, person_id: str) -> dict[str, str]:
        """Well-made tokens by keys that aren't identity's, some under the name of one that is."""
        claims, strange = self.claims(person_id), ECKey.generate_key("P-256")
        larger, rsa = ECKey.generate_key("P-384"), RSAKey.generate_key(2048)
        own = {**self._header(), "jwk": strange.as_dict(private=False)}
        encode = jwt.encode
        return {
            "another key": encode(self._header(), claims, strange, ["ES256"]),
            "an unknown key": encode({**self._header(), "kid": "unknown"}, claims, strange, ["ES256"]),
            "no key id": encode({"alg": "ES256"}, claims, strange, ["ES256"]),
            "a key in the token": encode(own, claims, strange, ["ES256"]),
            "a larger curve": encode({**self._header(), "alg": "ES384"}, claims, larger, ["ES384"]),
            "RSA": encode({**self._header(), "alg": "RS256"}, claims, rsa, ["RS256"]),
            "a service's key": encode(self._header(), claims, self.internal, ["ES256"]),
        }

    def cut(self, person_id: str) -> dict[str, str]:
        """Pieces of a good token, and longer ones."""
        good = self.signed(person_id)
        header, payload, signature = good.split(".")
        longer = base64url(json.dumps(self.claims(person_id, exp=int(time()) + 86_400)).encode())
        zero = base64url(bytes(64))
        return {
            "half of one": good[: len(good) // 2],
            "one character less": good[:-1],
            "no signature": f"{header}.{payload}.",
            "a signature of zeros": f"{header}.{payload}.{zero}",
            "claims changed": f"{header}.{longer}.{signature}",
            "two signatures": f"{good}.{signature}",
            "garbage": "zibeline",
            "very long": "x" * 30_000,
            "dots": "." * 200,
        }

    def service(self, *, by: ECKey | None = None, **changed: object) -> str:
        """A token by which services know one another."""
        now_s = int(time())
        usual: dict[str, object] = {
            "iss": "hostile", "sub": "hostile", "aud": "regard-internal", "iat": now_s, "exp": now_s + 60,
        }  # fmt: skip
        claims = {name: value for name, value in (usual | changed).items() if value is not None}
        return jwt.encode({"alg": "ES256"}, claims, by or self.internal, ["ES256"])

    def _header(self) -> dict[str, Any]:
        return {"alg": "ES256", "typ": "JWT", "kid": self.kid}


def base64url(content: bytes) -> str:
    """Without padding, as JSON Web Tokens want it."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _plain(header: Mapping[str, object], claims: Mapping[str, object]) -> str:
    return ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
