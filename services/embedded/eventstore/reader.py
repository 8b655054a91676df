"""The client of one Read call, and what it is sent."""

from collections.abc import Iterable
from uuid import uuid4

from google.protobuf.timestamp_pb2 import Timestamp
from kurrentdbclient.protos.v1 import streams_pb2

from services.embedded.eventstore import wire
from services.embedded.eventstore.answers import Context
from services.embedded.eventstore.model import Recorded

_Answer = streams_pb2.ReadResp


class Reader:
    """Sends answers in order; each call waits until the client's flow control takes the answer."""

    def __init__(self, context: Context, *, structured_ids: bool) -> None:
        self.context = context
        self._structured_ids = structured_ids

    async def event(self, event: Recorded) -> None:
        """One event."""
        await self.context.write(wire.event(event, structured_ids=self._structured_ids))

    async def events(self, events: Iterable[Recorded]) -> None:
        """Several events."""
        for event in events:
            await self.event(event)

    async def send(self, answer: _Answer) -> None:
        """Anything else."""
        await self.context.write(answer.SerializeToString())

    async def confirm(self) -> None:
        """The subscription stands: from its starting point on nothing will be missed."""
        confirmation = _Answer.SubscriptionConfirmation(subscription_id=str(uuid4()))
        await self.send(_Answer(confirmation=confirmation))

    async def caught_up(self, position: int) -> None:
        """All events up to `position` were sent; what comes now is live."""
        await self.send(_Answer(caught_up=_Answer.CaughtUp(timestamp=_now(), position=_position(position))))

    async def fell_behind(self, position: int) -> None:
        """The client is too slow for live events; what comes now is read from the log."""
        await self.send(_Answer(fell_behind=_Answer.FellBehind(timestamp=_now(), position=_position(position))))

    async def checkpoint(self, position: int) -> None:
        """Nothing up to `position` is still to come. Never beyond the last event looked at."""
        checkpoint = _Answer.Checkpoint(commit_position=position, prepare_position=position, timestamp=_now())
        await self.send(_Answer(checkpoint=checkpoint))


def _position(position: int) -> streams_pb2.ReadResp.Position:
    return _Answer.Position(commit_position=position, prepare_position=position)


def _now() -> Timestamp:
    now = Timestamp()
    now.GetCurrentTime()
    return now
