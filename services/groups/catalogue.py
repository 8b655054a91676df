"""Groups as people read them. Who asks for one group is checked by the guard, against the group's own stream.

Lists come from the view, a query and a look-up of keys each, and are in the order of names once these are opened.
"""

import unicodedata
from collections.abc import Iterable, Sequence
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

from services.access import Action, Denied, GroupPolicy, Guard, panel, verdict
from services.common import paging
from services.common.clock import Clock
from services.common.database import Database
from services.common.rpc import Caller
from services.groups import queries
from services.groups.group import DECIDER, SealedLabels
from services.groups.group.voting import timestamp
from services.groups.history import rules_history
from services.groups.labels import Labels, LabelSealing
from services.groups.panel import can_see, members_after
from services.groups.queries import GroupRow
from services.groups.registry import Registry
from services.groups.views import microseconds
from services.groups.wording import sentences

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
            row = await queries.group(connection, group_id)
        if row is None:
            return await self.changed(caller, group_id)
        labels = (await self._labels.open([row.labels]))[group_id]
        return self._shown(policy, caller, labels, _timestamp(row.created_at_us))

    async def changed(self, caller: Caller, group_id: str) -> Group:
        """A group that the caller just changed, from its stream, which the view may still have to follow."""
        events = await self._registry.events(group_id)
        group = DECIDER.fold(event.message for event in events)
        sealed: tuple[SealedLabels, ...] = (group.labels,) if group.labels else ()
        labels = (await self._labels.open(sealed)).get(group_id, Labels())
        return self._shown(group.policy, caller, labels, timestamp(events[0].recorded_at))

    async def mine(self, caller: Caller, page: PageRequest) -> Page:
        """The groups that the caller belongs to, by name."""
        async with self._database.read() as connection:
            rows = await queries.groups_of(connection, caller.person_id, microseconds(self._clock()))
        return await self._page(rows, page)

    async def to_join(self, caller: Caller, page: PageRequest) -> Page:
        """The groups that the caller may find and does not belong to, by name."""
        async with self._database.read() as connection:
            rows = await queries.groups_to_join(connection, caller.person_id, microseconds(self._clock()))
        return await self._page(rows, page)

    async def invitations(self, caller: Caller) -> list[Invitation]:
        """What the caller is invited to, newest first."""
        async with self._database.read() as connection:
            rows = await queries.invitations_of(connection, caller.person_id)
        labels = await self._labels.open(row.labels for row in rows)
        return [
            Invitation(
                group_id=row.labels.group_id,
                group_name=labels[row.labels.group_id].name,
                person_id=row.person_id,
                invited_by=row.invited_by,
                invited_at=_timestamp(row.invited_at_us),
            )
            for row in rows
        ]

    async def members(self, caller: Caller, group_id: str, page: PageRequest) -> ListMembersResponse:
        """Who belongs, moderators first, then those who came first."""
        policy = await self._inside(caller, group_id)
        after, size = paging.decode(page.token, like=(0, 0, "")), paging.size_of(page)
        following = members_after(policy, after)
        token = paging.encode(following[size - 1][0]) if len(following) > size else ""
        listed = [member for _, member in following[:size]]
        return ListMembersResponse(members=listed, page=PageInfo(next_token=token))

    async def who_can_see(self, caller: Caller, group_id: str) -> WhoCanSeeResponse:
        """The panel."""
        policy = await self._inside(caller, group_id)
        return WhoCanSeeResponse(
            entries=map(can_see, panel(policy, self._clock())),
            rules_version=policy.rules_version,
            sentences=sentences(policy.rules),
        )

    async def rules(self, caller: Caller, group_id: str) -> list[RulesVersion]:
        """The history of the rules, newest first."""
        await self._inside(caller, group_id)
        return rules_history(await self._registry.events(group_id))

    async def requests(self, caller: Caller, group_id: str) -> list[JoinRequest]:
        """Who asks to join, oldest first, for those who manage the members."""
        await self._guard.sight(caller, group_id, Action.MANAGE)
        async with self._database.read() as connection:
            rows = await queries.requests_of(connection, group_id)
        return [JoinRequest(person_id=person, requested_at=_timestamp(at_us)) for person, at_us in rows]

    async def _inside(self, caller: Caller, group_id: str) -> GroupPolicy:
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

    async def _page(self, rows: Iterable[GroupRow], page: PageRequest) -> Page:
        after, size = paging.decode(page.token, like=(0, "", "")), paging.size_of(page)
        by_id = {row.group_id: row for row in rows}
        labels = await self._labels.open(row.labels for row in by_id.values())
        keys = sorted(_by_name(labels[id], id) for id in by_id)
        following = [key for key in keys if after is None or key > after]
        token = paging.encode(following[size - 1]) if len(following) > size else ""
        return Page([_listed(by_id[id], labels[id]) for _, _, id in following[:size]], PageInfo(next_token=token))


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


def _by_name(labels: Labels, group_id: str) -> ByName:
    decomposed = unicodedata.normalize("NFKD", labels.name.casefold())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return (0 if plain else 1), plain, group_id


def _timestamp(at_us: int) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(at_us)
    return moment
