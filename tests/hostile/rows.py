"""The table of hostile calls: a row for every RPC of the contract, checked against it by test_callers.

A row says how a valid request looks, who may make it, and what somebody without any right to the group is told. In a
request "$room" stands for the scene's room. The rows are in an order in which the rightful callers can make all the
calls one after the other: what destroys comes last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SERVED = ""
"""Answered, with nothing of the group in the answer."""

GROUP, ROOM, POST, FILE, ROLE = "ACC-01", "CHT-01", "FED-01", "FED-07", "RPC-07"


@dataclass(frozen=True)
class Row:
    """One RPC. `outsiders`: what non-members, removed members, former guests and administrators without a right get.

    `public`: what it answers to anyone, with whatever token. `ends_session`: to be called with a token of its own.
    """

    request: Mapping[str, Any]
    rightful: str = "member"
    outsiders: str = SERVED
    public: str = SERVED
    ends_session: bool = False


_IN_GROUP = {"group_id": "$group"}
_IN_ROOM = {"room_id": "$room"}
_ON_POST = {"post_id": "$post"}
_ON_COMMENT = {"post_id": "$post", "comment_id": "$comment"}
_ON_MESSAGE = {"room_id": "$room", "message_id": "$message"}
_OPEN = {"level": "LEVEL_OPEN"}
_RESTRICTED = {"level": "LEVEL_RESTRICTED"}
_TEXT = {"body": "hostile"}
_UPLOAD = "00000000-0000-4000-8000-00000000f11e"
_EMPTY_FILE = {
    "name": "hostile.txt", "media_type": "text/plain", "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
}  # fmt: skip
_PROFILE = {"name": "Hostile Person", "email": "made@hostile.example"}
_LONG = "another long enough password"

_AUTH = {
    "SignIn": Row({"email": "$auditor_email", "password": "$password", "client": "x"}, "nobody"),
    "Refresh": Row({"refresh_token": "$refresh_token"}, "nobody", public="IDN-04"),
    "GetJwks": Row({}, "nobody"),
    "ClaimInstallation": Row({"code": "x", "profile": _PROFILE, "password": _LONG}, "nobody", public="IDN-12"),
    "BeginPasskeySignIn": Row({}, "nobody"),
    "FinishPasskeySignIn": Row({"credential_json": "{}"}, "nobody", public="IDN-21"),
    "BeginPasskeyRegistration": Row({"current_password": "$password"}),
    "FinishPasskeyRegistration": Row({"credential_json": "{}", "name": "x"}, "", "IDN-22"),
    "ListSessions": Row({}),
    "EndSession": Row({"session_id": "00000000-0000-4000-8000-000000000000"}),
    "ListPasskeys": Row({}),
    "RemovePasskey": Row({"passkey_id": "00000000-0000-4000-8000-000000000000"}, "", "IDN-23"),
    "SignOut": Row({}, "auditor", ends_session=True),
}
_PEOPLE = {
    "GetMe": Row({}),
    "GetPerson": Row({"person_id": "$member"}),
    "BatchGetPeople": Row({"person_ids": ["$member"]}),
    "ListPeople": Row({}),
    "ListAdministration": Row({}),
    "ListFormerPeople": Row({}, "admin", ROLE),
    "ErasePerson": Row({"person_id": "$newcomer"}, "", ROLE),
    "ProvisionPerson": Row({"profile": _PROFILE}, "admin", ROLE),
    "GrantRole": Row({"person_id": "$spare", "role": "ROLE_STAFF_REPRESENTATIVE"}, "admin", ROLE),
    "RevokeRole": Row({"person_id": "$spare", "role": "ROLE_STAFF_REPRESENTATIVE"}, "admin", ROLE),
    "ChangePassword": Row({"current_password": "not this one", "new_password": _LONG}, "", "IDN-10"),
    "DeactivatePerson": Row({"person_id": "$newcomer"}, "admin", ROLE),
    "ReactivatePerson": Row({"person_id": "$newcomer"}, "admin", ROLE),
}
_GROUPS = {
    "CreateGroup": Row({"name": "hostile", "rules": _OPEN}),
    "GetGroup": Row(_IN_GROUP, "member", GROUP),
    "ListMyGroups": Row({}),
    "ListDiscoverableGroups": Row({}),
    "ListMembers": Row(_IN_GROUP, "member", GROUP),
    "WhoCanSee": Row(_IN_GROUP, "member", GROUP),
    "ListRules": Row(_IN_GROUP, "member", GROUP),
    "ListJoinRequests": Row(_IN_GROUP, "moderator", GROUP),
    "InviteMember": Row({**_IN_GROUP, "person_id": "$auditor"}, "moderator", GROUP),
    "ListMyInvitations": Row({}, "auditor"),
    "DeclineInvitation": Row(_IN_GROUP, "auditor", GROUP),
    "JoinGroup": Row(_IN_GROUP, "joiner", GROUP),
    "AcceptInvitation": Row(_IN_GROUP, "newcomer", GROUP),
    "SettleJoinRequest": Row({**_IN_GROUP, "person_id": "$outsider", "approve": False}, "moderator", GROUP),
    "AddGuest": Row({**_IN_GROUP, "person_id": "$guest", "until": "$tomorrow"}, "moderator", GROUP),
    "SetModerator": Row({**_IN_GROUP, "person_id": "$spare", "moderator": True}, "moderator", GROUP),
    "RenameGroup": Row({**_IN_GROUP, "name": "$name"}, "moderator", GROUP),
    "ProposeRules": Row({**_IN_GROUP, "rules": _RESTRICTED}, "moderator", GROUP),
    "VoteOnRules": Row({**_IN_GROUP, "version": 2, "agrees": False}, "member", GROUP),
    "ImportGroup": Row(
        {"external_id": "hostile:1", "name": "hostile", "rules": _OPEN, "moderator_ids": ["$spare"]}, "admin", ROLE
    ),
    "LeaveGroup": Row(_IN_GROUP, "leaver", GROUP),
    "RemoveMember": Row({**_IN_GROUP, "person_id": "$spare"}, "moderator", GROUP),
    "ArchiveGroup": Row(_IN_GROUP, "moderator", GROUP),
    "DeleteGroup": Row({**_IN_GROUP, "name": "$name"}, "moderator", GROUP),
}
_NAMED = {"break_glass_id": "00000000-0000-4000-8000-000000000001"}
_BREAK_GLASS = {
    "RequestBreakGlass": Row(
        {**_IN_GROUP, "reason": "PURPOSE_SECURITY_INCIDENT", "reference": "hostile", "ends_at": "$tomorrow"}, "", ROLE
    ),
    "ApproveBreakGlass": Row(_NAMED, "", ROLE),
    "RefuseBreakGlass": Row(_NAMED, "", ROLE),
    "EndBreakGlass": Row(_NAMED, "", ROLE),
    "ListBreakGlass": Row(_IN_GROUP, "member", GROUP),
}
_INTERNAL = {
    "GetContentKeys": Row({**_IN_GROUP, "authors": ["$member"]}, "service"),
    "OpenDirectGroup": Row({"person_ids": ["$member", "$moderator"], "opened_by": "$member"}, "service"),
}
_CHAT = {
    "OpenRoom": Row({**_IN_GROUP, "name": "hostile"}, "member", GROUP),
    "OpenDirectConversation": Row({"person_ids": ["$spare"]}),
    "ListRooms": Row({}),
    "GetRoom": Row(_IN_ROOM, "member", ROOM),
    "SendMessage": Row({**_IN_ROOM, **_TEXT}, "member", ROOM),
    "EditMessage": Row({**_ON_MESSAGE, **_TEXT}, "member", ROOM),
    "SetReaction": Row({**_ON_MESSAGE, "emoji": "👍", "present": True}, "member", ROOM),
    "ListMessages": Row(_IN_ROOM, "member", ROOM),
    "ListMyMessages": Row({}),
    "MarkRead": Row({**_IN_ROOM, "sequence": "1"}, "member", ROOM),
    "Subscribe": Row({}),
    "ImportRoom": Row({**_IN_GROUP, "external_id": "1", "name": "hostile"}, "admin", ROLE),
    "ImportMessages": Row(
        {
            **_IN_ROOM, "source": "hostile",
            "messages": [
                {"external_id": "1", "author_id": "$member", "body": "old", "written_at": "2020-01-01T00:00:00Z"}
            ],
        }, "admin", ROLE,
    ),
    "WithdrawMessage": Row(_ON_MESSAGE, "member", ROOM),
    "CloseRoom": Row(_IN_ROOM, "moderator", ROOM),
}  # fmt: skip
_FEED = {
    "PublishPost": Row({**_IN_GROUP, **_TEXT}, "member", GROUP),
    "GetPost": Row(_ON_POST, "member", POST),
    "EditPost": Row({**_ON_POST, **_TEXT}, "member", POST),
    "AddComment": Row({**_ON_POST, **_TEXT}, "member", POST),
    "EditComment": Row({**_ON_COMMENT, **_TEXT}, "member", POST),
    "ListComments": Row(_ON_POST, "member", POST),
    "SetReaction": Row({**_ON_COMMENT, "emoji": "👍", "present": True}, "member", POST),
    "ListGroupPosts": Row(_IN_GROUP, "member", GROUP),
    "GetHomeFeed": Row({}),
    "ListMentions": Row({}),
    "AddFile": Row({**_IN_GROUP, "upload_id": _UPLOAD, **_EMPTY_FILE}, "member", GROUP),
    "UploadPart": Row({**_IN_GROUP, "upload_id": _UPLOAD, "index": 1, "data": "aG9zdGlsZQ=="}, "member", GROUP),
    "ListMyTexts": Row({}),
    "ListFiles": Row(_IN_GROUP, "member", GROUP),
    "BatchGetFiles": Row({**_IN_GROUP, "file_ids": ["$file"]}, "member", GROUP),
    "DownloadFile": Row({"file_id": "$file"}, "member", FILE),
    "WithdrawFile": Row({"file_id": "$file"}, "member", FILE),
    "WithdrawComment": Row(_ON_COMMENT, "member", POST),
    "WithdrawPost": Row(_ON_POST, "member", POST),
}
_PROVISIONING = {
    "AddProvisioner": Row({"name": "hostile"}, "admin", ROLE),
    "ListProvisioners": Row({}, "admin", ROLE),
    "RevokeProvisioner": Row({"provisioner_id": "$provisioner"}, "admin", ROLE),
}
_SEARCH = {"group_ids": ["$group"], "purpose": "PURPOSE_INTERNAL_AUDIT", "purpose_reference": "hostile"}
_LEDGER = {
    "ListAccesses": Row(_IN_GROUP, "member", GROUP),
    "WatchAccesses": Row(_IN_GROUP, "member", GROUP),
    "GetReceipt": Row({**_IN_GROUP, "access_id": "$access"}, "member", GROUP),
    "ContestAccess": Row(
        {**_IN_GROUP, "access_id": "$access", "reason": "CONTEST_REASON_NOT_RECOGNISED"}, "member", GROUP
    ),
    "SettleContest": Row(
        {**_IN_GROUP, "access_id": "$access", "outcome": "CONTEST_OUTCOME_IN_ORDER", "answer": "hostile"},
        "auditor",
        ROLE,
    ),
    "ListContests": Row(_IN_GROUP, "member", GROUP),
    "ListSealedCounts": Row({}),
    "CountEntries": Row({}),
}
_AUDIT = {
    "SearchAccesses": Row(_SEARCH, "auditor", ROLE),
    "GetStatistics": Row({"query": _SEARCH}, "auditor", ROLE),
    "ExportAccesses": Row({"query": _SEARCH}, "auditor", ROLE),
    "CheckCompleteness": Row(_SEARCH, "auditor", ROLE),
    "GetBreakGlassTrail": Row(
        {**_NAMED, "purpose": "PURPOSE_INTERNAL_AUDIT", "purpose_reference": "hostile"}, "", ROLE
    ),
    "OpenLog": Row({"purpose": "PURPOSE_INTERNAL_AUDIT", "purpose_reference": "hostile"}, "auditor", ROLE),
}


def _named(service: str, rows: Mapping[str, Row]) -> dict[str, Row]:
    return {f"regard.{service}.{name}": row for name, row in rows.items()}


ROWS: dict[str, Row] = {
    **_named("chat.v1.ChatService", _CHAT),
    **_named("feed.v1.FeedService", _FEED),
    **_named("audit.v1.LedgerService", _LEDGER),
    **_named("audit.v1.AuditQueryService", _AUDIT),
    **_named("groups.v1.GroupInternalService", _INTERNAL),
    **_named("groups.v1.BreakGlassService", _BREAK_GLASS),
    **_named("groups.v1.GroupService", _GROUPS),
    **_named("identity.v1.PeopleService", _PEOPLE),
    **_named("identity.v1.AuthService", _AUTH),
    **_named("identity.v1.ProvisioningService", _PROVISIONING),
}
"""By the full name of the RPC."""
