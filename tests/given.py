"""Rules of an aggregate as examples: given these events, when this command, then those events.

given = examples(DECIDER)
given(GroupCreated(...)).when(RemoveMember(...)).then(MemberRemoved(...))
given().when(RemoveMember(...)).raises("GRP-07")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from services.common.decider import Decider
from services.common.errors import Refused

Command = TypeVar("Command")
State = TypeVar("State")


@dataclass(frozen=True)
class Given(Generic[Command, State]):
    """An aggregate with a past."""

    decider: Decider[Command, State]
    past: tuple[Message, ...]

    def when(self, command: Command) -> When[State]:
        """Lets the aggregate decide."""
        state = self.decider.fold(self.past)
        try:
            events = tuple(self.decider.decide(command, state))
        except Refused as refused:
            return When((), refused, state)
        return When(events, None, self.decider.fold(events, state))


@dataclass(frozen=True)
class When(Generic[State]):
    """What came of the command; `state` is the aggregate's afterwards."""

    events: tuple[Message, ...]
    refused: Refused | None
    state: State

    def then(self, *expected: Message) -> State:
        """Demands exactly these events, in this order; none at all means that nothing is left to do."""
        assert self.refused is None, f"refused: {self.refused}"
        assert self.events == expected
        return self.state

    def raises(self, id: str) -> Refused:
        """Demands the refusal with this id, whose sentences can be made in both languages."""
        assert self.refused is not None, f"not refused, but {self.events}"
        assert self.refused.refusal.id == id
        assert self.refused.describe("en")
        assert self.refused.describe("fr")
        return self.refused


def examples(decider: Decider[Command, State]) -> Callable[..., Given[Command, State]]:
    """The `given` of one aggregate."""
    return lambda *past: Given(decider, past)
