"""What the present caller does to a group, with what a decision cannot know by itself: keys, names, accounts."""

import uuid
from dataclasses import replace
from datetime import datetime

from regard.common.v1.common_pb2 import Sealed
from regard.groups.v1.events_pb2 import GroupRenamed
from regard.groups.v1.groups_pb2 import RulesVersion
from regard.groups.v1.rules_pb2 import Rules

from services.common import rpc
from services.common.clock import Clock
from services.groups.group import commands
from services.groups.history import rules_history
from services.groups.keys import ContentKeys
from services.groups.labels import Labels, LabelSealing
from services.groups.people import People
from services.groups.refusals import NO_SUCH_PERSON
from services.groups.registry import Registry

_NOT_THIS = Sealed()
"""In place of a label that must not be the group's: the group then says why not, to those who may know it."""


class Changes:
    """Carries out commands. Raises Refused: what the group decides, and what is said here."""

    def __init__(
        self, registry: Registry, labels: LabelSealing, keys: ContentKeys, people: People, clock: Clock
    ) -> None:
        self._registry = registry
        self._labels = labels
        self._keys = keys
        self._people = people
        self._clock = clock

    async def rename(self, group_id: str, labels: Labels) -> None:
        """Gives another name and purpose."""
        name = purpose = _NOT_THIS
        if (await self._registry.load(group_id)).policy.exists:
            sealed = await self._labels.seal(group_id, GroupRenamed, labels)
            name, purpose = sealed.name, sealed.purpose
        await self._registry.execute(group_id, commands.Rename(name, purpose, *self._now()))

    async def delete(self, group_id: str, name: str) -> None:
        """Deletes the group of that name, and its keys; what an interruption leaves undone, upkeep does."""
        context = rpc.command_context()
        sealed = (await self._registry.load(group_id)).labels
        is_it = (await self._labels.open(sealed)).name == name
        confirmed = sealed.name if sealed and is_it else _NOT_THIS
        await self._registry.execute(group_id, commands.Delete(confirmed, *self._now()), context)
        await self._keys.destroy(group_id)
        confirming = replace(context, command_id=uuid.uuid5(context.command_id, "keys"))
        await self._registry.execute(group_id, commands.ConfirmKeysDestroyed(), confirming)

    async def invite(self, group_id: str, person_id: str) -> None:
        """Invites a colleague. Raises Refused (GRP-18)."""
        await self._demand_active(person_id)
        await self._registry.execute(group_id, commands.Invite(person_id, *self._now()))

    async def add_guest(self, group_id: str, person_id: str, until: datetime) -> None:
        """Lets a guest in. Raises Refused (GRP-18)."""
        await self._demand_active(person_id)
        await self._registry.execute(group_id, commands.AddGuest(person_id, until, *self._now()))

    async def settle_request(self, group_id: str, person_id: str, *, approve: bool) -> None:
        """Answers someone who asked to join. Raises Refused (GRP-18)."""
        if approve:
            await self._demand_active(person_id)
        await self._registry.execute(group_id, commands.SettleRequest(person_id, approve, *self._now()))

    async def join(self, group_id: str) -> bool:
        """Joins, or asks to; whether the caller belongs now."""
        by, at = self._now()
        outcome = await self._registry.execute(group_id, commands.Join(by, at))
        return outcome.state.policy.member(by, at) is not None

    async def propose_rules(self, group_id: str, rules: Rules) -> RulesVersion:
        """Proposes rules; what became of them. Those that are in force already stay as they are."""
        await self._registry.execute(group_id, commands.ProposeRules(rules, *self._now()))
        history = rules_history(await self._registry.events(group_id))
        return next(version for version in history if version.rules == rules)

    async def vote_on_rules(self, group_id: str, version: int, *, agrees: bool) -> RulesVersion:
        """Votes; where the vote stands."""
        await self._registry.execute(group_id, commands.Vote(version, agrees, *self._now()))
        history = rules_history(await self._registry.events(group_id))
        return next(one for one in history if one.version == version)

    async def _demand_active(self, person_id: str) -> None:
        if not await self._people.active([person_id]):
            raise NO_SUCH_PERSON()

    def _now(self) -> tuple[str, datetime]:
        return rpc.caller().person_id, self._clock()
