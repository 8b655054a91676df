"""History from a Mattermost bulk export (JSON Lines).

A channel becomes a group with one room: a public channel an open group, a private one a confidential group whose
members are the channel's. Posts and replies become messages with their authors, times and reactions. Direct channels
become direct conversations only when people open them in Regard; their posts are refused by line. Whoever runs the
import is made a member of nothing by it, since administrators do not read; what they wrote is imported. Lines are
described in Mattermost's documentation of the bulk loading tool.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from regard.chat.v1.chat_pb2 import ImportMessagesRequest, ImportRoomRequest
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN
from regard.groups.v1.groups_pb2 import ImportGroupRequest
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_BY_INVITATION,
    READERS_SHOWN_EVERYONE_BY_NAME,
    Rules,
)
from regard.identity.v1.identity_pb2 import GetMeRequest, Profile

from regard_client.client import AsyncRegard
from regard_client.errors import RegardError
from regard_client.importers.people import provision, refused_because
from regard_client.importers.report import BadFile, Progress, Report, each, patiently, silent

SOURCE = "mattermost"
MOST_LINE_BYTES = 4 * 1024 * 1024
LONGEST_BODY = 20_000
BATCH = 100
BATCH_BYTES = 400_000
"""A request holds 1 MiB at most."""

ImportedMessage = ImportMessagesRequest.ImportedMessage
ImportedReaction = ImportMessagesRequest.ImportedReaction
Json = dict[str, Any]
Channel = tuple[str, str]
"""Team and name."""


class _Line(Exception):
    """Why a line is refused."""


@dataclass(slots=True)
class _Member:
    """Someone of a channel."""

    username: str
    moderates: bool


@dataclass(slots=True)
class _Post:
    """A post or a reply; `id` and `reply_to` are made from what identifies them in the export, which has no ids."""

    line: int
    id: str
    reply_to: str
    username: str
    body: str
    created_ms: int
    reactions: list[tuple[str, str]]


@dataclass(slots=True)
class _Channel:
    line: int
    name: str
    purpose: str
    private: bool
    members: list[_Member] = field(default_factory=list)
    posts: list[_Post] = field(default_factory=list)


@dataclass(slots=True)
class Export:
    """What a file holds, as far as it can be understood."""

    users: dict[str, tuple[int, Profile]] = field(default_factory=dict)
    channels: dict[Channel, _Channel] = field(default_factory=dict)


def read_export(path: Path, report: Report) -> Export:
    """Reads and checks the whole file; refused lines and notes go to the report. Raises BadFile."""
    export = Export()
    teams: set[str] = set()
    seen: dict[str, int] = defaultdict(int)
    version = False
    for number, line in _lines(path, report):
        try:
            kind, value = _object(line)
            if not version and kind != "version":
                raise BadFile(f"{path.name} is not a Mattermost bulk export: its first line is no version.")
            match kind:
                case "version":
                    if value != 1:
                        raise BadFile(f"{path.name} is a bulk export of version {value!r}; Regard reads version 1.")
                    version = True
                case "team":
                    teams.add(_text(value, "name"))
                case "channel":
                    _channel(export, teams, number, value)
                case "user":
                    _user(export, report, number, value)
                case "post":
                    _post(export, report, seen, number, value)
                case "emoji":
                    report.notes["custom emoji keep their short name, without the picture"] += 1
                case "direct_channel" | "direct_post":
                    raise _Line("direct conversations are not imported: their people open them in Regard")
                case _:
                    raise _Line(f"a line of an unknown type: {kind[:40]}")
        except _Line as reason:
            report.refuse(number, str(reason))
    if not version:
        raise BadFile(f"{path.name} is not a Mattermost bulk export: it has no version line.")
    return export


def _lines(path: Path, report: Report) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            if len(line) > MOST_LINE_BYTES:
                report.refuse(number, f"longer than {MOST_LINE_BYTES // 1024 // 1024} MiB")
                while line and not line.endswith(b"\n"):
                    line = file.readline(MOST_LINE_BYTES)
            elif line.strip():
                yield number, line


def _object(line: bytes) -> tuple[str, Any]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        raise _Line("not JSON, or not UTF-8") from None
    if not isinstance(read, dict) or not isinstance(read.get("type"), str):
        raise _Line("no type")
    kind = read["type"]
    if kind != "version" and not isinstance(read.get(kind), dict):
        raise _Line(f"a line of type {kind[:40]} without its {kind[:40]}")
    return kind, read.get(kind)


def _text(value: Json, key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text.strip():
        raise _Line(f"no {key}")
    return text


def _list(value: Json, key: str) -> list[Json]:
    items = value.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _Line(f"{key} is not a list")
    return items


def _channel(export: Export, teams: set[str], number: int, value: Json) -> None:
    team, name = _text(value, "team"), _text(value, "name")
    if team not in teams:
        raise _Line(f"the team {team} is not in the export")
    if (team, name) in export.channels:
        raise _Line(f"the channel {name} of team {team} again")
    shown, purpose = value.get("display_name") or name, value.get("purpose") or ""
    export.channels[team, name] = _Channel(number, str(shown)[:120], str(purpose)[:500], value.get("type") == "P")


def _user(export: Export, report: Report, number: int, value: Json) -> None:
    username, email = _text(value, "username"), _text(value, "email")
    if username in export.users:
        raise _Line(f"the user {username} again")
    parts = [str(value.get(part) or "").strip() for part in ("first_name", "last_name")]
    name = " ".join(part for part in parts if part)
    if not name:
        name = username
        report.notes["people without a name bear their user name until their profile is corrected"] += 1
    language = "fr" if str(value.get("locale") or "").startswith("fr") else "en"
    for team in _list(value, "teams"):
        for membership in _list(team, "channels"):
            if channel := export.channels.get((str(team.get("name")), str(membership.get("name")))):
                channel.members.append(_Member(username, "channel_admin" in str(membership.get("roles")).split()))
    profile = Profile(name=name, email=email, function=str(value.get("position") or ""), language=language)
    export.users[username] = (number, profile)


def _post(export: Export, report: Report, seen: dict[str, int], number: int, value: Json) -> None:
    team, name = _text(value, "team"), _text(value, "channel")
    channel = export.channels.get((team, name))
    if channel is None:
        elsewhere = sorted(other for other, channel_name in export.channels if channel_name == name)
        hint = f"; team {elsewhere[0]} has one of that name" if elsewhere else ""
        raise _Line(f"the channel {name} is not of team {team}{hint}")
    root = _message(export, report, seen, number, channel, team, name, value, "")
    replies = [
        _message(export, report, seen, number, channel, team, name, reply, root.id) for reply in _list(value, "replies")
    ]
    # All or nothing: a post with a reply that cannot be read is refused whole.
    channel.posts += [root, *replies]


def _message(
    export: Export,
    report: Report,
    seen: dict[str, int],
    number: int,
    channel: _Channel,
    team: str,
    name: str,
    value: Json,
    reply_to: str,
) -> _Post:
    username, body, created_ms = _text(value, "user"), _text(value, "message"), value.get("create_at")
    if username not in export.users:
        raise _Line(f"the user {username} is not in the export")
    if not isinstance(created_ms, int) or isinstance(created_ms, bool) or not 0 < created_ms < 253_402_300_800_000:
        raise _Line("no create_at, in milliseconds since 1970")
    if len(body) > LONGEST_BODY:
        raise _Line(f"a message longer than {LONGEST_BODY} characters")
    reactions = []
    for reaction in _list(value, "reactions"):
        if (who := str(reaction.get("user"))) in export.users:
            reactions.append((who, _text(reaction, "emoji_name")[:64]))
        else:
            report.notes["reactions of people who are not in the export are left out"] += 1
    if value.get("attachments"):
        report.notes["attachments are left out"] += len(_list(value, "attachments"))
    # Same author, same millisecond: told apart by their order, which an export keeps.
    key = f"{team}/{name}/{username}/{created_ms}"
    seen[key] += 1
    return _Post(number, f"{key}/{seen[key]}", reply_to, username, body, created_ms, reactions)


async def import_mattermost(regard: AsyncRegard, path: Path, *, progress: Progress = silent) -> Report:
    """Imports a bulk export. Raises BadFile, or RegardError when the server gives up; repeating goes on from there."""
    report = Report()
    export = read_export(path, report)
    me = (await patiently(partial(regard.people.GetMe, GetMeRequest()))).person.id
    people: dict[str, str] = {}

    async def person(username: str) -> None:
        line, profile = export.users[username]
        if found := await provision(regard, report, line, profile):
            people[username] = found.id

    await each("people", export.users, person, progress)
    rooms: list[tuple[str, str, _Channel]] = []

    async def group(key: Channel) -> None:
        channel = export.channels[key]
        if room := await _open(regard, report, "/".join(key), channel, people, me):
            rooms.append((room, "/".join(key), channel))

    await each("groups", export.channels, group, progress)
    batches = []
    for room_id, _, channel in rooms:
        posts = [post for post in channel.posts if _known(report, post, people)]
        posts.sort(key=lambda post: post.created_ms)
        batches.append([(room_id, batch) for batch in _batches(posts)])

    async def conversation(batches: list[tuple[str, list[_Post]]]) -> None:
        # One room's batches one after another: the room's order is the order of arrival.
        for room_id, posts in batches:
            request = ImportMessagesRequest(
                room_id=room_id, source=SOURCE, messages=[_imported(post, people) for post in posts]
            )
            answer = await patiently(partial(regard.chat.ImportMessages, request))
            report.count("messages", True, answer.imported)
            report.count("messages", False, answer.present)

    await each("conversations", batches, conversation, progress)
    report.refused.sort()
    return report


async def _open(
    regard: AsyncRegard, report: Report, key: str, channel: _Channel, people: dict[str, str], me: str
) -> str | None:
    known = [member for member in channel.members if member.username in people]
    members = [member for member in known if people[member.username] != me]
    moderators = [member for member in members if member.moderates] or members[:1]
    if not moderators:
        nobody = "nobody but you belongs" if known else "nobody belongs"
        _refuse(report, channel, f"{nobody} to this channel, so nobody could look after it")
        return None
    if len(members) < len(known):
        report.notes[_left_out(channel)] += 1
    request = ImportGroupRequest(
        external_id=f"{SOURCE}:{key}",
        name=channel.name,
        purpose=channel.purpose,
        rules=_rules(channel),
        moderator_ids=[people[member.username] for member in moderators],
        member_ids=[people[member.username] for member in members if member not in moderators],
    )
    try:
        group = await patiently(partial(regard.groups.ImportGroup, request))
    except RegardError as error:
        if error.kind not in {"INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION", "NOT_FOUND"}:
            raise
        _refuse(report, channel, refused_because(error))
        return None
    report.count("groups", group.created)
    room_request = ImportRoomRequest(group_id=group.group_id, external_id=f"{SOURCE}:{key}", name=channel.name)
    return (await patiently(partial(regard.chat.ImportRoom, room_request))).room_id


def _refuse(report: Report, channel: _Channel, reason: str) -> None:
    report.refuse(channel.line, reason)
    for line in sorted({post.line for post in channel.posts}):
        report.refuse(line, f"its channel, line {channel.line}, was refused")


def _left_out(channel: _Channel) -> str:
    return (
        f"line {channel.line}: you run this import, so it does not make you a member of “{channel.name}”; "
        "one of its moderators can invite you"
    )


def _rules(channel: _Channel) -> Rules:
    return Rules(
        level=LEVEL_CONFIDENTIAL if channel.private else LEVEL_OPEN,
        join=JOIN_POLICY_BY_INVITATION if channel.private else JOIN_POLICY_ANYONE,
        readers=READERS_SHOWN_EVERYONE_BY_NAME,
        break_glass=BREAK_GLASS_NEVER,
    )


def _batches(posts: list[_Post]) -> Iterator[list[_Post]]:
    batch: list[_Post] = []
    size = 0
    for post in posts:
        bytes_more = len(post.body.encode()) + 120 * (len(post.reactions) + 2)
        if batch and (len(batch) == BATCH or size + bytes_more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(post)
        size += bytes_more
    if batch:
        yield batch


def _known(report: Report, post: _Post, people: dict[str, str]) -> bool:
    if post.username not in people:
        report.refuse(post.line, f"its author {post.username} was refused")
    return post.username in people


def _imported(post: _Post, people: dict[str, str]) -> ImportedMessage:
    written_at = Timestamp()
    written_at.FromMilliseconds(post.created_ms)
    return ImportedMessage(
        external_id=post.id,
        author_id=people[post.username],
        body=post.body,
        written_at=written_at,
        reply_to_external_id=post.reply_to,
        reactions=[
            ImportedReaction(person_id=people[who], emoji=emoji) for who, emoji in post.reactions if who in people
        ],
    )
