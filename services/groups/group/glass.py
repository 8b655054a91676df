"""How a group is opened by break-glass, and closed again: what its own rules allow, when it comes to it."""

from datetime import UTC, datetime

from google.protobuf.message import Message
from regard.common.v1.options_pb2 import Role
from regard.groups.v1.events_pb2 import BreakGlassClosed
from regard.groups.v1.rules_pb2 import BREAK_GLASS_TWO_KEYS

from services.access import Action, Allowed, GroupPolicy, verdict
from services.groups.group.commands import CloseGlass, OpenGlass
from services.groups.group.state import Group
from services.groups.refusals import NO_BREAK_GLASS_HERE, NOT_IN_THIS_STATE, READS_ALREADY


def demand_breakable(policy: GroupPolicy, person_id: str, role: Role, at: datetime) -> None:
    """The rules let two keys open it, and the person needs that to read. Raises Refused: GRP-27, GRP-28."""
    if not policy.exists or policy.direct or policy.rules.break_glass != BREAK_GLASS_TWO_KEYS:
        raise NO_BREAK_GLASS_HERE()
    if isinstance(verdict(policy, person_id, (role,), Action.READ, at), Allowed):
        raise READS_ALREADY()


def open_glass(command: OpenGlass, group: Group) -> tuple[Message, ...]:
    """The opening, once: what was closed stays closed. Raises Refused: GRP-25, -27, -28."""
    opened = command.opened
    if opened.break_glass_id in group.glass:
        return ()
    if opened.ends_at.ToDatetime(UTC) <= command.at:
        raise NOT_IN_THIS_STATE()
    demand_breakable(group.policy, opened.reader_id, opened.reader_role, command.at)
    return (opened,)


def close_glass(command: CloseGlass, group: Group) -> tuple[Message, ...]:
    """The end, also before the opening, which then never comes."""
    id, policy = command.break_glass_id, group.policy
    is_open = any(one.break_glass_id == id for one in policy.opened.values())
    if not policy.exists or (id in group.glass and not is_open):
        return ()
    return (BreakGlassClosed(group_id=policy.group_id, break_glass_id=id, closed_by=command.by),)
