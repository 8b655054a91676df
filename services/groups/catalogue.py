"""Groups as people read them. Who asks for one group is checked by the guard, against the group's own stream.

Lists come from the view: names are opened with one look-up of keys, put in order, and a page of groups is read.
"""

import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp
from regard.common.v1.common_pb2 import PageInfo, PageRequest
from regard.groups.v1.groups_pb2 import (
    Group,
    Invitation,
    JoinRequest,
    ListMembersResponse,
    RulesVersion,
    WhoCanSeeResponse,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.access import Action, Denied, GroupPolicy, Guard, panel, verdict
from services.common import paging
from services.common.clock import Clock
from services.common.database import Database
from services.common.rpc import Caller
from services.groups import queries
from services.groups.group import DECIDER
from services.groups.group.voting import timestamp
from services.groups.history import rules_history
from services.groups.labels import Labels, LabelSealing
from services.groups.panel import can_see, members_after
from services.groups.queries import GroupRow, NameRow
from services.groups.registry import Registry
from services.groups.views import microseconds
from services.groups.wording import sentences

FindNames = Callable[[AsyncConnection, str, int], Awaitable[Sequence[NameRow]]]
"""Given who asks, and when in microseconds: the names of the groups of a list."""
ByName = tuple[int, str, str]
"""0 for groups with a name, 1 for direct conversations; the name without case and accents; the id."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list of groups."""

    groups: Sequence[Group]
    info: PageInfo


class Catalogue:
    """Reads groups. Raises Refused (ACC-..) for what the caller may not see."""

    def __init__(
        self, database: Database, registry: Registry, labels: LabelSealing, guard: Guard, clock: Clock
    ) -> None:
        self._database = database
        self._registry = registry
        self._labels = labels
        self._guard = guard
        self._clock = clock

    async def get(self, caller: Caller, group_id: str) -> Group:
        """A group that the caller may find."""
        policy = (await self._guard.sight(caller, group_id, Action.FIND)).policy
        async with self._database.read() as connection:
            found = await queries.groups(connection, [group_id], caller.person_id, self._now_us())
        if group_id not in found:
            return await self.changed(caller, group_id)
        row = found[group_id]
        return self._shown(policy, caller, await self._labels.open(row.labels), _timestamp(row.created_at_us))

    async def changed(self, caller: Caller, group_id: str) -> Group:
        """A group that the caller just changed, from its stream, which the view may still have to follow."""
        events = await self._registry.events(group_id)
        group = DECIDER.fold(event.message for event in events)
        labels = await self._labels.open(group.labels)
        return self._shown(group.policy, caller, labels, timestamp(events[0].recorded_at))

    async def mine(self, caller: Caller, page: PageRequest) -> Page:
        """The groups that the caller belongs to, by name."""
        return await self._page(caller, page, queries.names_of_groups_of)

    async def to_join(self, caller: Caller, page: PageRequest) -> Page:
        """The groups that the caller may find and does not belong to, by name."""
        return await self._page(caller, page, queries.names_of_groups_to_join)

    async def invitations(self, caller: Caller) -> list[Invitation]:
        """What the caller is invited to, newest first."""
        async with self._database.read() as connection:
            rows = await queries.invitations_of(connection, caller.person_id)
        opener = await self._labels.opener([row.labels.group_id for row in rows])
        return [
            Invitation(
                group_id=row.labels.group_id,
                group_name=opener.labels(row.labels).name,
                person_id=row.person_id,
                invited_by=row.invited_by,
                invited_at=_timestamp(row.invited_at_us),
            )
            for row in rows
        ]

    async def members(self, caller: Caller, group_id: str, page: PageRequest) -> ListMembersResponse:
        """Who belongs, moderators first, then those who came first."""
        policy = await self.inside(caller, group_id)
        after, size = paging.decode(page.token, like=(0, 0, "")), paging.size_of(page)
        following = members_after(policy, after)
        token = paging.encode(following[size - 1][0]) if len(following) > size else ""
        listed = [member for _, member in following[:size]]
        return ListMembersResponse(members=listed, page=PageInfo(next_token=token))

    async def who_can_see(self, caller: Caller, group_id: str) -> WhoCanSeeResponse:
        """The panel."""
        policy = await self.inside(caller, group_id)
        return WhoCanSeeResponse(
            entries=map(can_see, panel(policy, self._clock())),
            rules_version=policy.rules_version,
            sentences=sentences(policy.rules),
        )

    async def rules(self, caller: Caller, group_id: str) -> list[RulesVersion]:
        """The history of the rules, newest first."""
        await self.inside(caller, group_id)
        return rules_history(await self._registry.events(group_id))

    async def requests(self, caller: Caller, group_id: str) -> list[JoinRequest]:
        """Who asks to join, oldest first, for those who manage the members."""
        await self._guard.sight(caller, group_id, Action.MANAGE)
        async with self._database.read() as connection:
            rows = await queries.requests_of(connection, group_id)
        return [JoinRequest(person_id=person, requested_at=_timestamp(at_us)) for person, at_us in rows]

    async def inside(self, caller: Caller, group_id: str) -> GroupPolicy:
        """The policy, for those who read the group or manage its members."""
        policy, at = (await self._guard.sight(caller, group_id, Action.FIND)).policy, self._clock()
        reading = verdict(policy, caller.person_id, caller.roles, Action.READ, at)
        managing = verdict(policy, caller.person_id, caller.roles, Action.MANAGE, at)
        if isinstance(reading, Denied) and isinstance(managing, Denied):
            raise reading.refusal()
        return policy

    def _shown(self, policy: GroupPolicy, caller: Caller, labels: Labels, created_at: Timestamp) -> Group:
        membership = policy.member(caller.person_id, self._clock())
        return Group(
            id=policy.group_id,
            name=labels.name,
            purpose=labels.purpose,
            rules=policy.rules,
            rules_version=policy.rules_version,
            member_count=len(policy.members),
            my_role=membership.role if membership else None,
            archived=policy.archived,
            kind=policy.kind,
            created_at=created_at,
        )

    async def _page(self, caller: Caller, page: PageRequest, find_names: FindNames) -> Page:
        after, size, now_us = paging.decode(page.token, like=(0, "", "")), paging.size_of(page), self._now_us()
        async with self._database.read() as connection:
            names = await find_names(connection, caller.person_id, now_us)
            opener = await self._labels.opener([row.group_id for row in names])
            keys = sorted(_by_name(opener.name(row.group_id, row.event_type, row.name), row.group_id) for row in names)
            following = [key for key in keys if after is None or key > after]
            shown = [group_id for _, _, group_id in following[:size]]
            rows = await queries.groups(connection, shown, caller.person_id, now_us)
        token = paging.encode(following[size - 1]) if len(following) > size else ""
        groups = [_listed(rows[group_id], opener.labels(rows[group_id].labels)) for group_id in shown]
        return Page(groups, PageInfo(next_token=token))

    def _now_us(self) -> int:
        return microseconds(self._clock())


def _listed(row: GroupRow, labels: Labels) -> Group:
    return Group(
        id=row.group_id,
        name=labels.name,
        purpose=labels.purpose,
        rules=row.rules,
        rules_version=row.rules_version,
        member_count=row.member_count,
        my_role=row.role,
        archived=row.archived,
        kind=row.kind,
        created_at=_timestamp(row.created_at_us),
    )


def _by_name(name: str, group_id: str) -> ByName:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return (0 if plain else 1), plain, group_id


def _timestamp(at_us: int) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(at_us)
    return moment
