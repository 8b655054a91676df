"""History from a Mattermost bulk export (JSON Lines), brought in as history.py says.

Direct channels become direct conversations only when people open them in Regard; their posts are refused by line. Lines
are described in Mattermost's documentation of the bulk loading tool.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from regard.identity.v1.identity_pb2 import Profile

from regard_client.client import AsyncRegard
from regard_client.importers import reasons
from regard_client.importers.history import LONGEST_BODY, Channel, History, Member, Place, Post, User, bring_in
from regard_client.importers.reasons import Said
from regard_client.importers.report import BadFile, Progress, Report, is_text, silent

SOURCE = "mattermost"
MOST_LINE_BYTES = 4 * 1024 * 1024

Json = dict[str, Any]


class _Line(Exception):
    """Why a line is refused."""

    def __init__(self, why: Said) -> None:
        self.why = why
        super().__init__(why.reason.id)


def read_export(path: Path, report: Report) -> History:
    """Reads and checks the whole file; refused lines and notes go to the report. Raises BadFile."""
    export = History()
    teams: set[str] = set()
    seen: dict[str, int] = defaultdict(int)
    version = False
    for number, line in _lines(path, report):
        try:
            kind, value = _object(line)
            if not version and kind != "version":
                raise BadFile(reasons.NOT_MATTERMOST(file=path.name))
            match kind:
                case "version":
                    if value != 1:
                        raise BadFile(reasons.MATTERMOST_VERSION(file=path.name, version=str(value)[:20]))
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
                    report.note(reasons.CUSTOM_EMOJI())
                case "direct_channel" | "direct_post":
                    raise _Line(reasons.DIRECT())
                case _:
                    raise _Line(reasons.UNKNOWN_TYPE(type=kind[:40]))
        except _Line as refused:
            report.refuse(number, refused.why)
    if not version:
        raise BadFile(reasons.NOT_MATTERMOST(file=path.name))
    return export


def _lines(path: Path, report: Report) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            if len(line) > MOST_LINE_BYTES:
                report.refuse(number, reasons.LONG_LINE(kibibytes=MOST_LINE_BYTES // 1024))
                while line and not line.endswith(b"\n"):
                    line = file.readline(MOST_LINE_BYTES)
            elif line.strip():
                yield number, line


def _object(line: bytes) -> tuple[str, Any]:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        raise _Line(reasons.NOT_JSON()) from None
    if b"\\u" in line and not is_text(read):
        raise _Line(reasons.NOT_JSON())
    if not isinstance(read, dict) or not isinstance(read.get("type"), str):
        raise _Line(reasons.NO_FIELD(field="type"))
    kind = read["type"]
    if kind != "version" and not isinstance(read.get(kind), dict):
        raise _Line(reasons.NO_FIELD(field=kind[:40]))
    return kind, read.get(kind)


def _text(value: Json, key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text.strip():
        raise _Line(reasons.NO_FIELD(field=key))
    return text


def _list(value: Json, key: str) -> list[Json]:
    items = value.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _Line(reasons.NO_LIST(field=key))
    return items


def _channel(export: History, teams: set[str], number: int, value: Json) -> None:
    team, name = _text(value, "team"), _text(value, "name")
    key = f"{team}/{name}"
    if team not in teams:
        raise _Line(reasons.NOT_IN_EXPORT(what=f"team {team}"))
    if key in export.channels:
        raise _Line(reasons.AGAIN(what=f"channel {key}"))
    shown, purpose = value.get("display_name") or name, value.get("purpose") or ""
    private = value.get("type") == "P"
    export.channels[key] = Channel(Place("", number), str(shown)[:120], str(purpose)[:500], private)


def _user(export: History, report: Report, number: int, value: Json) -> None:
    username, email = _text(value, "username"), _text(value, "email")
    if username in export.users:
        raise _Line(reasons.AGAIN(what=f"user {username}"))
    parts = [str(value.get(part) or "").strip() for part in ("first_name", "last_name")]
    name = " ".join(part for part in parts if part)
    if not name:
        name = username
        report.note(reasons.USER_NAME_AS_NAME())
    language = "fr" if str(value.get("locale") or "").startswith("fr") else "en"
    for team in _list(value, "teams"):
        for membership in _list(team, "channels"):
            if channel := export.channels.get(f"{team.get('name')}/{membership.get('name')}"):
                channel.members.append(Member(username, "channel_admin" in str(membership.get("roles")).split()))
    profile = Profile(name=name, email=email, function=str(value.get("position") or ""), language=language)
    export.users[username] = User(Place("", number), profile, left=bool(value.get("delete_at")))


def _post(export: History, report: Report, seen: dict[str, int], number: int, value: Json) -> None:
    team, name = _text(value, "team"), _text(value, "channel")
    channel = export.channels.get(f"{team}/{name}")
    if channel is None:
        raise _Line(reasons.NOT_IN_EXPORT(what=f"channel {team}/{name}"))
    root = _message(export, report, seen, number, f"{team}/{name}", value, "")
    replies = [
        _message(export, report, seen, number, f"{team}/{name}", reply, root.id) for reply in _list(value, "replies")
    ]
    # All or nothing: a post with a reply that cannot be read is refused whole.
    channel.posts += [root, *replies]


def _message(
    export: History, report: Report, seen: dict[str, int], number: int, channel: str, value: Json, reply_to: str
) -> Post:
    username, body, created_ms = _text(value, "user"), _text(value, "message"), value.get("create_at")
    if username not in export.users:
        raise _Line(reasons.NOT_IN_EXPORT(what=f"user {username}"))
    if not isinstance(created_ms, int) or isinstance(created_ms, bool) or not 0 < created_ms < 253_402_300_800_000:
        raise _Line(reasons.NO_TIME(field="create_at"))
    if len(body) > LONGEST_BODY:
        raise _Line(reasons.LONG_MESSAGE(limit=LONGEST_BODY))
    reactions = []
    for reaction in _list(value, "reactions"):
        if (who := str(reaction.get("user"))) in export.users:
            reactions.append((who, _text(reaction, "emoji_name")[:64]))
        else:
            report.note(reasons.STRANGERS_REACTION())
    if value.get("attachments"):
        report.note(reasons.ATTACHMENTS(), len(_list(value, "attachments")))
    # Same author, same millisecond: told apart by their order, which an export keeps.
    key = f"{channel}/{username}/{created_ms}"
    seen[key] += 1
    return Post(Place("", number), f"{key}/{seen[key]}", reply_to, username, body, created_ms, tuple(reactions))


async def import_mattermost(regard: AsyncRegard, path: Path, *, progress: Progress = silent) -> Report:
    """Imports a bulk export. Raises BadFile, or RegardError when the server gives up; repeating goes on from there."""
    report = Report(regard.session.language)
    await bring_in(regard, SOURCE, read_export(path, report), report, progress)
    return report
