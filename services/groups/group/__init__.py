"""A confidential working group: who belongs, and under which rules. A direct conversation is one too, fixed for ever.

Stream: group-<id>. A group's rules never change what was written under earlier rules. A working group that is not
archived always has a moderator.

commands     what can be asked
state        what decisions need to know, and how events change it
rights       who may
making       beginning and end
membership   coming and going
voting       how rules change
glass        break-glass
"""

from collections.abc import Iterable
from typing import assert_never

from google.protobuf.message import Message

from services.common.decider import Decider
from services.common.ids import StreamName, stream_name
from services.groups.group import commands, glass, making, membership, voting
from services.groups.group.commands import Command
from services.groups.group.state import Group, Proposal, SealedLabels, evolve, fold

__all__ = ["CATEGORY", "DECIDER", "Command", "Group", "Proposal", "SealedLabels", "decide", "stream_of"]

CATEGORY = "group"


def stream_of(group_id: str) -> StreamName:
    """The stream of a group."""
    return stream_name(CATEGORY, group_id)


def decide(command: Command, group: Group) -> tuple[Message, ...]:
    """The events that `command` causes; () when it is so already. Raises Refused."""
    match command:
        case commands.Create():
            return making.create(command, group)
        case commands.OpenDirect():
            return making.open_direct(command, group)
        case commands.Import():
            return making.import_group(command, group)
        case commands.Rename():
            return making.rename(command, group)
        case commands.Archive():
            return making.archive(command, group)
        case commands.Delete():
            return making.delete(command, group)
        case commands.ConfirmKeysDestroyed():
            return making.confirm_keys_destroyed(command, group)
        case commands.ProposeRules():
            return voting.propose(command, group)
        case commands.Vote():
            return voting.vote(command, group)
        case commands.CloseVote():
            return voting.close(command, group)
        case commands.Invite():
            return membership.invite(command, group)
        case commands.AcceptInvitation():
            return membership.accept(command, group)
        case commands.DeclineInvitation():
            return membership.decline(command, group)
        case commands.Join():
            return membership.join(command, group)
        case commands.SettleRequest():
            return membership.settle(command, group)
        case commands.AddGuest():
            return membership.add_guest(command, group)
        case commands.Leave():
            return membership.leave(command, group)
        case commands.Remove():
            return membership.remove(command, group)
        case commands.SetModerator():
            return membership.set_moderator(command, group)
        case commands.Expire():
            return membership.expire(command, group)
        case commands.Depart():
            return membership.depart(command, group)
        case commands.OpenGlass():
            return glass.open_glass(command, group)
        case commands.CloseGlass():
            return glass.close_glass(command, group)
        case _:
            assert_never(command)


class _GroupDecider(Decider[Command, Group]):
    def fold(self, messages: Iterable[Message], state: Group | None = None) -> Group:
        """As any decider's, at once."""
        return fold(self.initial if state is None else state, messages)


DECIDER = _GroupDecider(CATEGORY, Group(), decide, evolve)
