"""Who calls, and what they have seen: tokens, language, and the proofs of their own writes."""

import base64
import binascii
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from google.protobuf.message import DecodeError
from regard.common.v1.common_pb2 import ConsistencyToken
from regard.identity.v1.identity_pb2 import Tokens

CONSISTENCY = "x-consistency-token"
BREAK_GLASS = "x-regard-break-glass"
_EARLY_S = 30
"""Seconds before its end from which an access token is renewed."""
_PROOFS = 16
"""Most proofs to send with a call."""


@dataclass(slots=True)
class Session:
    """A caller's state, shared by all calls of one client. An access token is enough; a refresh token renews it.

    `break_glass`: the one under which to read, where members are told of it later.
    """

    token: str = ""
    refresh_token: str = field(default="", repr=False)
    language: Literal["fr", "en"] = "fr"
    client: str = "regard-python"
    break_glass: str = ""
    _seen: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict, repr=False)

    def take(self, tokens: Tokens) -> None:
        """Goes on with new tokens."""
        self.token, self.refresh_token = tokens.access_token, tokens.refresh_token

    @property
    def ending(self) -> bool:
        """Whether the access token should be renewed now, and can be."""
        return bool(self.refresh_token) and _expiry(self.token) - time.time() < _EARLY_S

    def metadata(self, given: Iterable[tuple[str, str | bytes]] | None) -> list[tuple[str, str | bytes]]:
        """What to send with a call, besides what the caller gives."""
        sent: list[tuple[str, str | bytes]] = list(given or ())
        names = {name for name, _ in sent}
        own = {
            "accept-language": self.language,
            # Made once per call, so that a retry below this line is the same command.
            "idempotency-key": str(uuid.uuid4()),
            **({"authorization": f"Bearer {self.token}"} if self.token else {}),
            **({BREAK_GLASS: self.break_glass} if self.break_glass else {}),
            **({CONSISTENCY: ",".join(token for _, token in self._seen.values())} if self._seen else {}),
        }
        return sent + [(name, value) for name, value in own.items() if name not in names]

    def saw(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> None:
        """Keeps the newest proofs from an answer's metadata: one a stream, of the streams touched last."""
        for name, value in metadata or ():
            if name != CONSISTENCY:
                continue
            for text in (value if isinstance(value, str) else value.decode()).split(","):
                token = _decoded(text)
                if token and token.position >= self._seen.get((token.topic, token.stream), (0, ""))[0]:
                    self._seen.pop((token.topic, token.stream), None)
                    self._seen[token.topic, token.stream] = (token.position, text)
        while len(self._seen) > _PROOFS:
            del self._seen[next(iter(self._seen))]


def _decoded(text: str) -> ConsistencyToken | None:
    try:
        return ConsistencyToken.FromString(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, DecodeError):
        return None


def _expiry(token: str) -> float:
    try:
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, ValueError, TypeError):
        return 0.0
