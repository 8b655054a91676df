"""The groups as the event store has them at this instant: what decides, where a view may be late."""

from services.common import rpc
from services.common.codec import Codec, Event
from services.common.decider import CommandContext, Outcome, execute
from services.common.eventstore import Streams
from services.groups.group import DECIDER, Command, Group, stream_of
from services.groups.views import TOPIC


class Registry:
    """Reads and changes the streams of groups. Every method may raise StoreUnavailable."""

    def __init__(self, store: Streams, codec: Codec) -> None:
        self._store = store
        self._codec = codec

    async def events(self, group_id: str) -> tuple[Event, ...]:
        """All that happened to the group; nothing for an id that is no group's."""
        return self._codec.decode_all((await self._store.load(stream_of(group_id))).events)

    async def load(self, group_id: str) -> Group:
        """The group; one that does not exist for an id that is no group's."""
        return DECIDER.fold(event.message for event in await self.events(group_id))

    async def execute(self, group_id: str, command: Command, context: CommandContext | None = None) -> Outcome[Group]:
        """Carries out a command, the present call's unless another context is given. Raises Refused."""
        stream = stream_of(group_id)
        outcome = await execute(self._store, self._codec, DECIDER, stream, command, context or rpc.command_context())
        if outcome.position:
            rpc.answer_token(TOPIC, stream, outcome.position)
        return outcome
