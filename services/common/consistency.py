"""Consistency tokens: a write's answer carries one, and a later read that brings it back sees at least that write."""

import base64
import binascii
from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from regard.common.v1.common_pb2 import ConsistencyToken

from services.common.errors import Kind, refusal
from services.common.ids import Position

if TYPE_CHECKING:
    from services.common.projection.progress import Progress
    from services.common.projection.topics import Partition

MALFORMED_TOKEN = refusal(
    "PRJ-01",
    Kind.INVALID_ARGUMENT,
    en="The consistency token is not one that Regard gave.",
    fr="Le jeton de cohérence n’est pas un jeton émis par Regard.",
    remedy_en="Send the tokens of earlier answers unchanged, joined by commas, or none.",
    remedy_fr="Renvoyez tels quels les jetons des réponses précédentes, séparés par des virgules, ou aucun.",
)
STALE = refusal(
    "PRJ-02",
    Kind.UNAVAILABLE,
    en="Your last change is recorded, but is not visible yet.",
    fr="Votre dernière modification est enregistrée, mais pas encore visible.",
    remedy_en="Ask again in a few seconds.",
    remedy_fr="Redemandez dans quelques secondes.",
)

HEADER = "x-consistency-token"
LONGEST_WAIT_S = 2.0
_MOST_TOKENS = 32
_LONGEST_TOKEN = 512


def encode(topic: str, stream: str, position: int) -> str:
    """The token of a write whose last event is at `position`."""
    token = ConsistencyToken(topic=topic, stream=stream, position=position)
    return base64.urlsafe_b64encode(token.SerializeToString(deterministic=True)).decode().rstrip("=")


def decode(header: str) -> tuple[ConsistencyToken, ...]:
    """The tokens that a header carries, joined by commas. Raises Refused (PRJ-01)."""
    texts = [text.strip() for text in header.split(",") if text.strip()]
    if len(texts) > _MOST_TOKENS:
        raise MALFORMED_TOKEN()
    return tuple(map(_decode_one, texts))


def _decode_one(text: str) -> ConsistencyToken:
    if len(text) > _LONGEST_TOKEN:
        raise MALFORMED_TOKEN()
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        token = ConsistencyToken.FromString(data)
    except (binascii.Error, ValueError, DecodeError):
        raise MALFORMED_TOKEN() from None
    if not (token.topic and token.stream and token.position > 0):
        raise MALFORMED_TOKEN()
    return token


def wanted(tokens: Iterable[ConsistencyToken], progress: "Progress") -> dict["Partition", Position]:
    """Which position each partition must have reached; tokens of topics that are not followed ask for nothing."""
    positions: dict[Partition, Position] = {}
    for token in tokens:
        partition = progress.topics and progress.topics.partition(token.stream)
        if partition and partition.topic == token.topic:
            positions[partition] = max(Position(token.position), positions.get(partition, Position(0)))
    return positions


async def wait_for(header: str, progress: "Progress", deadline_s: float) -> None:
    """Waits until `progress` includes what the tokens stand for, LONGEST_WAIT_S at most.

    Raises Refused: MALFORMED_TOKEN, STALE.
    """
    positions = wanted(decode(header), progress)
    if positions and not await progress.wait_for(positions, min(deadline_s, LONGEST_WAIT_S)):
        raise STALE()
