"""An e-mail address, known by its keyed hash, and the one person it belongs to.

Stream: claim-<hash>. The store refuses a second beginning of a stream: that is what makes an address unique.
"""

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

from google.protobuf.message import Message
from regard.identity.v1.events_pb2 import EmailClaimed

from services.common.decider import Decider
from services.common.ids import StreamName, stream_name

CATEGORY = "claim"


@dataclass(frozen=True, slots=True)
class Address:
    """Whose address it is; empty if nobody's."""

    person_id: str = ""


@dataclass(frozen=True, slots=True)
class ClaimAddress:
    """Take the address for a person, unless it is taken: then it stays who it belongs to."""

    person_id: str


def decide(command: ClaimAddress, address: Address) -> tuple[Message, ...]:
    """The claim, if nobody has the address."""
    return () if address.person_id else (EmailClaimed(person_id=command.person_id),)


def evolve(address: Address, event: Message) -> Address:
    """The address after `event`."""
    return Address(event.person_id) if isinstance(event, EmailClaimed) else address


DECIDER: Decider[ClaimAddress, Address] = Decider(CATEGORY, Address(), decide, evolve)


def stream_of(email_hash: str) -> StreamName:
    """The stream of an address."""
    return stream_name(CATEGORY, email_hash)


def hashed(email: str, pepper: bytes) -> str:
    """HMAC-SHA-256 of the normalised address, in hexadecimal: without the pepper, nobody can test guesses."""
    return hmac.new(pepper, normalised(email).encode(), hashlib.sha256).hexdigest()


def normalised(email: str) -> str:
    """What two spellings of one address have in common: NFKC, case folded, without spaces around it."""
    folded = unicodedata.normalize("NFKC", email).casefold()
    return unicodedata.normalize("NFKC", folded).strip()
