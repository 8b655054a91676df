"""What is committed to: records as bytes, and the leaf that stands for each in the log. Pure.

A record is one JSON object with sorted keys and no white space. It is never serialised again: its bytes are the record.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from regard.audit.v1.events_pb2 import AccessesRecorded, LiveAccessClosed

from regard_client.verify.hashing import format_hash
from regard_client.verify.record import commitment
from services.common.codec import Codec
from services.common.eventstore import Recorded
from services.common.ids import key_of

Commitment = NewType("Commitment", bytes)
"""32 bytes that stand for a record, and open to it alone. See regard_client.verify.record."""

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is on a group's access stream: `index` of `of` in the event at `revision`."""

    group_id: str
    revision: int
    index: int
    of: int


def places(event: Recorded, codec: Codec) -> Sequence[tuple[Place, Body, str]]:
    """What an event of an access stream holds: place, body of the record, and the access it is about ("" if none).

    There is at least one, whatever the event is: every revision is accounted for.
    """
    bodies = list(_bodies(event, codec))
    group_id = key_of(event.stream)
    return [
        (Place(group_id, event.revision, index, len(bodies)), body, access_id)
        for index, (body, access_id) in enumerate(bodies)
    ]


def _bodies(event: Recorded, codec: Codec) -> Iterable[tuple[Body, str]]:
    match _message(event, codec):
        case AccessesRecorded() as recorded if recorded.accesses:
            for access in recorded.accesses:
                body = _plain(access)
                body.pop("author_ids", None)  # for finding what concerns an author; the objects are named already
                yield {"kind": "access", "access": body}, access.access_id
        case LiveAccessClosed() as closed:
            body = _plain(closed)
            body.pop("group_id", None)
            yield {"kind": "live_closed", "closed": body}, closed.access_id
        case _:
            yield {"kind": "event", "type": event.type, "sha256": hashlib.sha256(event.data).hexdigest()}, ""


def _message(event: Recorded, codec: Codec) -> Message | None:
    try:
        decoded = codec.decode(event)
    except DecodeError:  # what is no event of ours still has its place
        return None
    return decoded.message if decoded else None


def _plain(message: Message) -> dict[str, object]:
    return dict(MessageToDict(message, preserving_proto_field_name=True))


def placed(place: Place, body: Body, previous: Commitment | None) -> bytes:
    """The record of a place. `previous`: what the group's place before this one is committed to by."""
    return canonical(
        {
            **body,
            "group": place.group_id,
            "revision": place.revision,
            "index": place.index,
            "of": place.of,
            "previous": format_hash(previous) if previous else "",
        }
    )


def tombstone(leaves: Iterable[tuple[int, int]], reason: str, requested_by: str, at: datetime) -> bytes:
    """The record of an erasure. `leaves`: first and last of each run."""
    return canonical(
        {
            "kind": "tombstone",
            "leaves": [list(run) for run in leaves],
            "reason": reason,
            "requested_by": requested_by,
            "at": at.isoformat(),
        }
    )


def seal(leaves: Iterable[tuple[int, int]], until: datetime) -> bytes:
    """The record that says until when entries stay closed, and nothing else. `leaves`: first and last of each run."""
    return canonical({"kind": "sealed", "leaves": [list(run) for run in leaves], "until": until.isoformat()})


def chaff(index: int) -> bytes:
    """The record of a leaf that stands for nothing."""
    return canonical({"kind": "chaff", "index": index})


def canonical(record: Body) -> bytes:
    """The record as bytes."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def committed(salt: bytes, record: bytes) -> Commitment:
    """What stands for the record."""
    return Commitment(commitment(salt, record))


def leaf(value: Commitment) -> bytes:
    """The entry of the log: as long for everything, so that it tells nothing."""
    return b"\x01" + value
