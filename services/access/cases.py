"""Break-glass of which members are told later: its own stream says what it opens, to the one reader who names it.

Read for each call, and only for calls that name one. The group's policy decides as ever whether its rules allow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from google.protobuf.message import Message
from regard.groups.v1.events_pb2 import (
    BreakGlassApproved,
    BreakGlassEnded,
    BreakGlassRefused,
    BreakGlassRequested,
)

from services.access.group import GroupPolicy, opening_of
from services.common import rpc
from services.common.codec import Codec
from services.common.eventstore import EventStore
from services.common.ids import stream_name

HEADER = "x-regard-break-glass"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def named() -> str:
    """The break-glass that the present call names; empty if it names none."""
    given = rpc.metadata(HEADER)
    return given if _ID.fullmatch(given) else ""


class Cases:
    """Reads them from the event store."""

    def __init__(self, store: EventStore, codec: Codec) -> None:
        self._store = store
        self._codec = codec

    async def added(self, policy: GroupPolicy, break_glass_id: str, reader_id: str) -> GroupPolicy:
        """The policy with what the break-glass opens of that group to that reader now, if anything.

        Raises Refused when the event store does not answer.
        """
        history = await self._store.load(stream_name("breakglass", break_glass_id))
        asked = _open(event.message for event in self._codec.decode_all(history.events))
        if asked is None or (asked.group_id, asked.requested_by) != (policy.group_id, reader_id):
            return policy
        return policy.opened_to(reader_id, opening_of(asked, asked.role, sealed=True))


def _open(events: Iterable[Message]) -> BreakGlassRequested | None:
    """What was asked for, if it is open and of those of which members are told later."""
    asked, is_open = None, False
    for event in events:
        match event:
            case BreakGlassRequested():
                asked = event
            case BreakGlassApproved():
                is_open = True
            case BreakGlassRefused() | BreakGlassEnded():
                is_open = False
            case _:
                pass
    return asked if asked and is_open and asked.HasField("disclose_at") else None
