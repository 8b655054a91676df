"""Who was sent away before their access token ended: people who left, sessions that were closed, roles taken back."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable

from google.protobuf.message import DecodeError
from regard.identity.v1.events_pb2 import (
    PersonDeactivated,
    PersonReactivated,
    RoleGranted,
    RoleRevoked,
    SessionRevoked,
)

from services.access.following import follow
from services.common.codec import Codec
from services.common.eventstore import EventStore, Recorded
from services.common.rpc import Caller
from services.common.telemetry import logger

_PREFIXES = ("user-", "organisation-")

_REMEMBERED_SESSIONS = 100_000
"""Of those that ended; tokens live ten minutes, so that only the latest matter."""

_log = logger(__name__)


class Revocations:
    """Knows from the people's streams who may not call any more, a moment after it is written there."""

    def __init__(self, store: EventStore, codec: Codec, noticed: Callable[[], None]) -> None:
        """`noticed` is called after each change, for whoever has streams open."""
        self._store = store
        self._codec = codec
        self._noticed = noticed
        self._away: set[str] = set()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._taken: defaultdict[str, set[int]] = defaultdict(set)
        self._to_read = 0
        self.caught_up = asyncio.Event()

    def revoked(self, caller: Caller) -> bool:
        """Whether the caller's token stands for something that ended before it."""
        return (
            caller.person_id in self._away
            or caller.session_id in self._ended
            or not caller.roles.isdisjoint(self._taken.get(caller.person_id, ()))
        )

    async def run(self) -> None:
        """Follows the people's streams from their beginning, for ever."""
        await follow(self._store, _PREFIXES, after=0, handle=self._handle, connected=self._connected, lost=lambda: None)

    def _connected(self, head: int) -> None:
        self._to_read = head
        if not head:
            self.caught_up.set()

    async def _handle(self, recorded: Recorded) -> None:
        try:
            event = self._codec.decode(recorded)
        except DecodeError:
            _log.error("an event of a person cannot be read", position=recorded.position)
            event = None
        match event.message if event else None:
            case PersonDeactivated(person_id=person):
                self._away.add(person)
            case PersonReactivated(person_id=person):
                self._away.discard(person)
            case SessionRevoked(session_id=session):
                self._ended[session] = None
                if len(self._ended) > _REMEMBERED_SESSIONS:
                    self._ended.popitem(last=False)
            case RoleRevoked(person_id=person, role=role):
                self._taken[person].add(role)
            case RoleGranted(person_id=person, role=role):
                self._taken[person].discard(role)
            case _:
                return self._reached(recorded.position)
        self._noticed()
        return self._reached(recorded.position)

    def _reached(self, position: int) -> None:
        if position >= self._to_read:
            self.caught_up.set()
