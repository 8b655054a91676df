"""How a group begins, and how it ends."""

from google.protobuf.message import Message
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL
from regard.groups.v1.events_pb2 import (
    GroupArchived,
    GroupCreated,
    GroupDeleted,
    GroupRenamed,
    KeysDestroyed,
    MemberAdded,
    RulesRejected,
)
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    GROUP_KIND_DIRECT,
    GROUP_KIND_WORKING,
    JOIN_POLICY_BY_INVITATION,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    PAST_VISIBILITY_ALL,
    READERS_SHOWN_EVERYONE_BY_NAME,
    Rules,
)

from services.groups.group.commands import Archive, ConfirmKeysDestroyed, Create, Delete, Import, OpenDirect, Rename
from services.groups.group.rights import demand_moderator, demand_unarchived
from services.groups.group.state import Group
from services.groups.group.voting import demand_consent_in_range
from services.groups.refusals import DELETED_FOR_GOOD, NAME_DIFFERS, NOT_AMONG_THEM, NOT_YOUR_OWN_WAY_IN

DIRECT_RULES = Rules(
    level=LEVEL_CONFIDENTIAL,
    join=JOIN_POLICY_BY_INVITATION,
    past=PAST_VISIBILITY_ALL,
    readers=READERS_SHOWN_EVERYONE_BY_NAME,
    break_glass=BREAK_GLASS_NEVER,
)


def create(command: Create, group: Group) -> tuple[Message, ...]:
    """The group, with its creator as moderator. Raises Refused (GRP-16)."""
    if group.labels:
        return ()
    demand_consent_in_range(command.rules)
    return (
        _created(command),
        MemberAdded(group_id=command.group_id, person_id=command.by, role=MEMBER_ROLE_MODERATOR, added_by=command.by),
    )


def open_direct(command: OpenDirect, group: Group) -> tuple[Message, ...]:
    """The conversation's group, if it is not there. Raises Refused (GRP-21)."""
    if command.by not in command.people:
        raise NOT_AMONG_THEM()
    if group.labels:
        return ()
    created = GroupCreated(group_id=command.group_id, rules=DIRECT_RULES, created_by=command.by, kind=GROUP_KIND_DIRECT)
    return created, *(
        MemberAdded(group_id=command.group_id, person_id=person, role=MEMBER_ROLE_MEMBER, added_by=command.by)
        for person in command.people
    )


def import_group(command: Import, group: Group) -> tuple[Message, ...]:
    """The group or what is missing of it. Raises Refused: GRP-03, GRP-16, GRP-19, GRP-22."""
    if group.policy.deleted:
        raise DELETED_FOR_GOOD()
    missing = [one for one in command.people if one[0] not in group.policy.members and one[0] not in group.former]
    if command.by in dict(missing):
        # Whoever runs Regard does not read; a moderator may have invited them since, and then they are not missing.
        raise NOT_YOUR_OWN_WAY_IN()
    added = tuple(
        MemberAdded(group_id=command.group_id, person_id=person, role=role, added_by=command.by)
        for person, role in missing
    )
    if not group.labels:
        demand_consent_in_range(command.rules)
        return _created(command), *added
    if missing:
        demand_unarchived(group)
    return added


def rename(command: Rename, group: Group) -> tuple[Message, ...]:
    """Other labels. Raises Refused: ACC-.., GRP-01, GRP-02, GRP-03."""
    demand_moderator(group, command.by, command.at)
    demand_unarchived(group)
    return (
        GroupRenamed(group_id=group.policy.group_id, name=command.name, purpose=command.purpose, renamed_by=command.by),
    )


def archive(command: Archive, group: Group) -> tuple[Message, ...]:
    """The end of writing, and of a vote under way. Raises Refused: ACC-.., GRP-01, GRP-02."""
    demand_moderator(group, command.by, command.at)
    return () if group.policy.archived else archived(group, command.by)


def archived(group: Group, by: str) -> tuple[Message, ...]:
    """The events that close the group."""
    group_id, proposal = group.policy.group_id, group.proposal
    rejected = (RulesRejected(group_id=group_id, version=proposal.version),) if proposal else ()
    return *rejected, GroupArchived(group_id=group_id, archived_by=by)


def delete(command: Delete, group: Group) -> tuple[Message, ...]:
    """The end of the group. Raises Refused: ACC-.., GRP-01, GRP-02, GRP-17."""
    demand_moderator(group, command.by, command.at)
    if group.labels is None or group.labels.name != command.name:
        raise NAME_DIFFERS()
    return (GroupDeleted(group_id=group.policy.group_id, deleted_by=command.by),)


def confirm_keys_destroyed(command: ConfirmKeysDestroyed, group: Group) -> tuple[Message, ...]:
    """What is said once the keys of a deleted group are gone, or those of an author; said once."""
    if command.author:
        is_said = group.policy.deleted or command.author in group.erased
        return () if is_said else (KeysDestroyed(group_id=group.policy.group_id, author_id=command.author),)
    if not group.policy.deleted or group.keys_destroyed:
        return ()
    return (KeysDestroyed(group_id=group.policy.group_id),)


def _created(command: Create | Import) -> GroupCreated:
    return GroupCreated(
        group_id=command.group_id,
        name=command.name,
        purpose=command.purpose,
        rules=command.rules,
        created_by=command.by,
        kind=GROUP_KIND_WORKING,
    )
