"""A client that provisions people, and the one token that it calls with.

Stream: provisioner-<id>. Only the token's hash is anywhere; the token names its stream, so that it is checked without a
view and a revoked one is refused from the next call on.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.identity.v1.events_pb2 import ProvisionerAdded, ProvisionerRevoked, ProvisionerUsed

from services.common.decider import Decider
from services.common.ids import StreamName, stream_name
from services.identity.refusals import NO_SUCH_PROVISIONER

CATEGORY = "provisioner"
ACTOR_PREFIX = "provisioner:"
"""Before the identifier of a client, where events name who did something."""
USE_IS_NOTED_EVERY = timedelta(days=1)

_TOKEN = re.compile(r"regard-scim_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Provisioner:
    """What decisions need to know."""

    id: str = ""
    token_hash: bytes = b""
    used_at: datetime | None = None
    revoked: bool = False

    def accepts(self, token: str) -> bool:
        """Whether this is its token, and counts."""
        return bool(self.id) and not self.revoked and hmac.compare_digest(hashed(token), self.token_hash)


@dataclass(frozen=True, slots=True)
class Add:
    """Add the client."""

    id: str
    name: str
    token_hash: bytes
    by: str


@dataclass(frozen=True, slots=True)
class Use:
    """Note that it called."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Revoke:
    """End its token."""

    by: str


Command = Add | Use | Revoke


def stream_of(provisioner_id: str) -> StreamName:
    """The stream of a client."""
    return stream_name(CATEGORY, provisioner_id)


def new_token(provisioner_id: str) -> str:
    """A token that names its client, with 256 random bits."""
    return f"regard-scim_{provisioner_id}_{secrets.token_urlsafe(32)}"


def named_in(token: str) -> str:
    """The client that a token names; empty if it is no token."""
    match = _TOKEN.fullmatch(token)
    return match[1] if match else ""


def hashed(token: str) -> bytes:
    """What is kept of a token: of 256 random bits, a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def decide(command: Command, provisioner: Provisioner) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused."""
    match command:
        case Add() if provisioner.id:
            return ()
        case Add():
            return (
                ProvisionerAdded(
                    provisioner_id=command.id, name=command.name, token_hash=command.token_hash, added_by=command.by
                ),
            )
        case _ if not provisioner.id:
            raise NO_SUCH_PROVISIONER()
        case Use() if provisioner.used_at and command.at - provisioner.used_at < USE_IS_NOTED_EVERY:
            return ()
        case Use():
            used_at = Timestamp()
            used_at.FromDatetime(command.at)
            return (ProvisionerUsed(provisioner_id=provisioner.id, used_at=used_at),)
        case Revoke() if provisioner.revoked:
            return ()
        case Revoke():
            return (ProvisionerRevoked(provisioner_id=provisioner.id, revoked_by=command.by),)


def evolve(provisioner: Provisioner, event: Message) -> Provisioner:
    """The client after `event`."""
    match event:
        case ProvisionerAdded():
            return Provisioner(event.provisioner_id, event.token_hash)
        case ProvisionerUsed():
            return replace(provisioner, used_at=event.used_at.ToDatetime(UTC))
        case ProvisionerRevoked():
            return replace(provisioner, revoked=True)
        case _:
            return provisioner


DECIDER: Decider[Command, Provisioner] = Decider(CATEGORY, Provisioner(), decide, evolve)
