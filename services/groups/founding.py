"""Making groups: by a colleague, from another tool's export, or behind a direct conversation."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from regard.groups.v1.events_pb2 import GroupCreated
from regard.groups.v1.rules_pb2 import MEMBER_ROLE_MEMBER, MEMBER_ROLE_MODERATOR, Rules

from services.common.decider import CommandContext
from services.common.ids import derived_id
from services.groups.group import commands
from services.groups.labels import Labels, LabelSealing
from services.groups.people import People
from services.groups.refusals import NO_SUCH_PERSON
from services.groups.registry import Registry

_CREATED = "4a0c3f0e-2f0d-4c0a-8a5e-6f1f7c9f2b11"
_IMPORTED = "9c5b7d52-3a51-4b53-9f4e-0d0c2a7a6e62"
_DIRECT = "c1d7a3f8-5f6b-4d0e-b7a9-2e8d4f1c9073"

_AT_ONCE = 500
"""People added by one append: an event store takes a megabyte at a time."""


class Founding:
    """Makes groups; doing it again with the same command, export or people finds the same group."""

    def __init__(self, registry: Registry, labels: LabelSealing, people: People) -> None:
        self._registry = registry
        self._labels = labels
        self._people = people

    async def create(self, labels: Labels, rules: Rules, context: CommandContext) -> str:
        """A working group of the actor's; its id. Raises Refused (GRP-16)."""
        group_id = derived_id(_CREATED, str(context.command_id))
        sealed = await self._labels.seal(group_id, GroupCreated, labels)
        command = commands.Create(group_id, sealed.name, sealed.purpose, rules, context.actor)
        await self._registry.execute(group_id, command, context)
        return group_id

    async def import_group(
        self,
        external_id: str,
        labels: Labels,
        rules: Rules,
        moderators: Sequence[str],
        members: Sequence[str],
        context: CommandContext,
    ) -> tuple[str, bool]:
        """The id of the group of that external id, and whether it is new; in either case everyone is in it.

        People whose account is not active are left out. Raises Refused: GRP-03, -16, -18, -19, -22.
        """
        group_id = derived_id(_IMPORTED, external_id)
        active = await self._people.active({*moderators, *members})
        roles = dict.fromkeys(members, MEMBER_ROLE_MEMBER) | dict.fromkeys(moderators, MEMBER_ROLE_MODERATOR)
        people = [(person, role) for person, role in roles.items() if person in active]
        if MEMBER_ROLE_MODERATOR not in dict(people).values():
            raise NO_SUCH_PERSON()
        # Whoever runs the import comes first, so that listing themselves is refused before anything is added; then the
        # moderators.
        people.sort(key=lambda one: (one[0] != context.actor, one[1] != MEMBER_ROLE_MODERATOR))
        sealed, created = await self._labels.seal(group_id, GroupCreated, labels), False
        for start in range(0, len(people), _AT_ONCE):
            some = tuple(people[start : start + _AT_ONCE])
            command = commands.Import(group_id, sealed.name, sealed.purpose, rules, some, context.actor)
            portion = replace(context, command_id=uuid.uuid5(context.command_id, str(start)))
            outcome = await self._registry.execute(group_id, command, portion)
            created |= any(isinstance(event, GroupCreated) for event in outcome.events)
        return group_id, created

    async def open_direct(self, people: Sequence[str], opened_by: str, context: CommandContext) -> str:
        """The id of the group behind the conversation of these people. Raises Refused: GRP-18, GRP-21."""
        together = tuple(sorted(people))
        group_id = derived_id(_DIRECT, *together)
        if not (await self._registry.load(group_id)).policy.exists and not await self._all_active(together):
            raise NO_SUCH_PERSON()
        await self._registry.execute(group_id, commands.OpenDirect(group_id, together, opened_by), context)
        return group_id

    async def _all_active(self, people: Sequence[str]) -> bool:
        return await self._people.active(people) == set(people)
