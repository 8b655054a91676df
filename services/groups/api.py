"""groups' RPCs: translate, call, answer."""

from datetime import UTC, datetime

import grpc
from google.protobuf.message import Message
from regard.groups.v1 import break_glass_pb2 as bg
from regard.groups.v1 import groups_pb2 as pb
from regard.groups.v1.break_glass_pb2_grpc import BreakGlassServiceServicer
from regard.groups.v1.groups_pb2_grpc import GroupInternalServiceServicer, GroupServiceServicer

from services.common import moments, rpc
from services.common.clock import Clock
from services.groups.break_glass import BreakGlass, BreakGlassList
from services.groups.catalogue import Catalogue
from services.groups.changes import Changes
from services.groups.founding import Founding
from services.groups.group import commands
from services.groups.keys import ContentKeys
from services.groups.labels import Labels
from services.groups.registry import Registry

Context = grpc.aio.ServicerContext[Message, Message]
ContentKey = pb.GetContentKeysResponse.ContentKey


class GroupApi(GroupServiceServicer):
    """Groups: membership, rules, the panel."""

    def __init__(
        self, catalogue: Catalogue, founding: Founding, changes: Changes, registry: Registry, clock: Clock
    ) -> None:
        self._catalogue = catalogue
        self._founding = founding
        self._changes = changes
        self._registry = registry
        self._clock = clock

    async def CreateGroup(self, request: pb.CreateGroupRequest, context: Context) -> pb.CreateGroupResponse:
        labels = Labels(request.name, request.purpose)
        group_id = await self._founding.create(labels, request.rules, rpc.command_context())
        return pb.CreateGroupResponse(group=await self._catalogue.changed(rpc.caller(), group_id))

    async def GetGroup(self, request: pb.GetGroupRequest, context: Context) -> pb.GetGroupResponse:
        return pb.GetGroupResponse(group=await self._catalogue.get(rpc.caller(), request.group_id))

    async def ListMyGroups(self, request: pb.ListMyGroupsRequest, context: Context) -> pb.ListMyGroupsResponse:
        page = await self._catalogue.mine(rpc.caller(), request.page)
        return pb.ListMyGroupsResponse(groups=page.groups, page=page.info)

    async def ListDiscoverableGroups(
        self, request: pb.ListDiscoverableGroupsRequest, context: Context
    ) -> pb.ListDiscoverableGroupsResponse:
        page = await self._catalogue.to_join(rpc.caller(), request.page)
        return pb.ListDiscoverableGroupsResponse(groups=page.groups, page=page.info)

    async def ListMembers(self, request: pb.ListMembersRequest, context: Context) -> pb.ListMembersResponse:
        return await self._catalogue.members(rpc.caller(), request.group_id, request.page)

    async def WhoCanSee(self, request: pb.WhoCanSeeRequest, context: Context) -> pb.WhoCanSeeResponse:
        return await self._catalogue.who_can_see(rpc.caller(), request.group_id)

    async def RenameGroup(self, request: pb.RenameGroupRequest, context: Context) -> pb.RenameGroupResponse:
        await self._changes.rename(request.group_id, Labels(request.name, request.purpose))
        return pb.RenameGroupResponse(group=await self._catalogue.changed(rpc.caller(), request.group_id))

    async def InviteMember(self, request: pb.InviteMemberRequest, context: Context) -> pb.InviteMemberResponse:
        await self._changes.invite(request.group_id, request.person_id)
        return pb.InviteMemberResponse()

    async def ListMyInvitations(
        self, request: pb.ListMyInvitationsRequest, context: Context
    ) -> pb.ListMyInvitationsResponse:
        return pb.ListMyInvitationsResponse(invitations=await self._catalogue.invitations(rpc.caller()))

    async def AcceptInvitation(
        self, request: pb.AcceptInvitationRequest, context: Context
    ) -> pb.AcceptInvitationResponse:
        await self._registry.execute(request.group_id, commands.AcceptInvitation(*self._now()))
        return pb.AcceptInvitationResponse()

    async def DeclineInvitation(
        self, request: pb.DeclineInvitationRequest, context: Context
    ) -> pb.DeclineInvitationResponse:
        await self._registry.execute(request.group_id, commands.DeclineInvitation(*self._now()))
        return pb.DeclineInvitationResponse()

    async def JoinGroup(self, request: pb.JoinGroupRequest, context: Context) -> pb.JoinGroupResponse:
        return pb.JoinGroupResponse(joined=await self._changes.join(request.group_id))

    async def ListJoinRequests(
        self, request: pb.ListJoinRequestsRequest, context: Context
    ) -> pb.ListJoinRequestsResponse:
        requests = await self._catalogue.requests(rpc.caller(), request.group_id)
        return pb.ListJoinRequestsResponse(requests=requests)

    async def SettleJoinRequest(
        self, request: pb.SettleJoinRequestRequest, context: Context
    ) -> pb.SettleJoinRequestResponse:
        await self._changes.settle_request(request.group_id, request.person_id, approve=request.approve)
        return pb.SettleJoinRequestResponse()

    async def AddGuest(self, request: pb.AddGuestRequest, context: Context) -> pb.AddGuestResponse:
        until: datetime = request.until.ToDatetime(UTC)
        await self._changes.add_guest(request.group_id, request.person_id, until)
        return pb.AddGuestResponse()

    async def LeaveGroup(self, request: pb.LeaveGroupRequest, context: Context) -> pb.LeaveGroupResponse:
        await self._registry.execute(request.group_id, commands.Leave(*self._now()))
        return pb.LeaveGroupResponse()

    async def RemoveMember(self, request: pb.RemoveMemberRequest, context: Context) -> pb.RemoveMemberResponse:
        await self._registry.execute(request.group_id, commands.Remove(request.person_id, *self._now()))
        return pb.RemoveMemberResponse()

    async def SetModerator(self, request: pb.SetModeratorRequest, context: Context) -> pb.SetModeratorResponse:
        command = commands.SetModerator(request.person_id, request.moderator, *self._now())
        await self._registry.execute(request.group_id, command)
        return pb.SetModeratorResponse()

    async def ProposeRules(self, request: pb.ProposeRulesRequest, context: Context) -> pb.ProposeRulesResponse:
        version = await self._changes.propose_rules(request.group_id, request.rules)
        return pb.ProposeRulesResponse(version=version)

    async def VoteOnRules(self, request: pb.VoteOnRulesRequest, context: Context) -> pb.VoteOnRulesResponse:
        version = await self._changes.vote_on_rules(request.group_id, request.version, agrees=request.agrees)
        return pb.VoteOnRulesResponse(version=version)

    async def ListRules(self, request: pb.ListRulesRequest, context: Context) -> pb.ListRulesResponse:
        return pb.ListRulesResponse(versions=await self._catalogue.rules(rpc.caller(), request.group_id))

    async def ArchiveGroup(self, request: pb.ArchiveGroupRequest, context: Context) -> pb.ArchiveGroupResponse:
        await self._registry.execute(request.group_id, commands.Archive(*self._now()))
        return pb.ArchiveGroupResponse()

    async def DeleteGroup(self, request: pb.DeleteGroupRequest, context: Context) -> pb.DeleteGroupResponse:
        await self._changes.delete(request.group_id, request.name)
        return pb.DeleteGroupResponse()

    async def ImportGroup(self, request: pb.ImportGroupRequest, context: Context) -> pb.ImportGroupResponse:
        labels = Labels(request.name, request.purpose)
        group_id, created = await self._founding.import_group(
            request.external_id,
            labels,
            request.rules,
            request.moderator_ids,
            request.member_ids,
            rpc.command_context(),
        )
        return pb.ImportGroupResponse(group_id=group_id, created=created)

    def _now(self) -> tuple[str, datetime]:
        return rpc.caller().person_id, self._clock()


class BreakGlassApi(BreakGlassServiceServicer):
    """Break-glass: asked for by one person, approved by another."""

    def __init__(self, break_glass: BreakGlass, listed: BreakGlassList) -> None:
        self._break_glass = break_glass
        self._listed = listed

    async def RequestBreakGlass(
        self, request: bg.RequestBreakGlassRequest, context: Context
    ) -> bg.RequestBreakGlassResponse:
        id = await self._break_glass.request(
            request.group_id,
            request.reason,
            request.reference.strip(),
            request.scope,
            request.ends_at,
            request.disclose_at if request.HasField("disclose_at") else None,
            request.delay_reason.strip(),
        )
        return bg.RequestBreakGlassResponse(break_glass_id=id)

    async def ApproveBreakGlass(
        self, request: bg.ApproveBreakGlassRequest, context: Context
    ) -> bg.ApproveBreakGlassResponse:
        disclose_at = moments.of(request.disclose_at) if request.HasField("disclose_at") else None
        await self._break_glass.approve(request.break_glass_id, disclose_at)
        return bg.ApproveBreakGlassResponse()

    async def RefuseBreakGlass(
        self, request: bg.RefuseBreakGlassRequest, context: Context
    ) -> bg.RefuseBreakGlassResponse:
        await self._break_glass.refuse(request.break_glass_id)
        return bg.RefuseBreakGlassResponse()

    async def EndBreakGlass(self, request: bg.EndBreakGlassRequest, context: Context) -> bg.EndBreakGlassResponse:
        await self._break_glass.end(request.break_glass_id)
        return bg.EndBreakGlassResponse()

    async def ListBreakGlass(self, request: bg.ListBreakGlassRequest, context: Context) -> bg.ListBreakGlassResponse:
        return await self._listed.of(rpc.caller(), request.group_id, request.page)


class GroupInternalApi(GroupInternalServiceServicer):
    """What Regard's own services ask of groups."""

    def __init__(self, keys: ContentKeys, founding: Founding) -> None:
        self._keys = keys
        self._founding = founding

    async def GetContentKeys(self, request: pb.GetContentKeysRequest, context: Context) -> pb.GetContentKeysResponse:
        look_up = self._keys.ensure if request.create else self._keys.find
        found = await look_up(request.group_id, request.authors)
        keys = [
            ContentKey(author=author, key_id=key.key_id, key=key.secret, current=True) for author, key in found.items()
        ]
        return pb.GetContentKeysResponse(keys=keys)

    async def OpenDirectGroup(self, request: pb.OpenDirectGroupRequest, context: Context) -> pb.OpenDirectGroupResponse:
        group_id = await self._founding.open_direct(request.person_ids, request.opened_by, rpc.command_context())
        return pb.OpenDirectGroupResponse(group_id=group_id)
