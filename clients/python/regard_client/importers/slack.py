"""History from a Slack export (ZIP), brought in as history.py says.

    users.json                       people; those who have left get an account without access, robots none
    channels.json, groups.json       public channels, and private ones
    <channel>/<yyyy-mm-dd>.json      messages; a thread's answers follow wherever their day is

Direct conversations are refused, as are messages of robots, messages of files alone, and whatever else cannot be read,
each by the number of its entry in its file. Slack's own marks for mentions and links become words and Markdown. An
export holds addresses of people only if it was made with them. The format is described in Slack's help and API pages.
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from regard.identity.v1.identity_pb2 import Profile

from regard_client.client import AsyncRegard
from regard_client.importers import reasons
from regard_client.importers.archive import Archive, BadMember, opened
from regard_client.importers.history import LONGEST_BODY, Channel, History, Member, Place, Post, User, bring_in
from regard_client.importers.reasons import Said
from regard_client.importers.report import BadFile, Progress, Report, is_text, silent
from regard_client.importers.rows import missing

SOURCE = "slack"

Json = dict[str, Any]

_LISTS = ("users.json", "channels.json", "groups.json", "dms.json", "mpims.json")
_KNOWN = {*_LISTS, "integration_logs.json", "canvases.json", "file_conversations.json", "lists.json", "org_users.json"}
_DAY = re.compile(r"(.+)/([0-9]{4}-[0-9]{2}-[0-9]{2})\.json")
_WRITTEN = {"", "me_message", "thread_broadcast", "file_share", "file_comment", "reply_broadcast"}
"""Subtypes of messages that somebody wrote."""
_MARK = re.compile(r"<([^<>|\n]+)(?:\|([^<>\n]*))?>")
_SLACKBOT = "USLACKBOT"


class _Entry(Exception):
    """Why an entry is refused."""

    def __init__(self, why: Said) -> None:
        self.why = why
        super().__init__(why.reason.id)


async def import_slack(regard: AsyncRegard, path: Path, *, progress: Progress = silent) -> Report:
    """Imports an export. Raises BadFile, or RegardError when the server gives up; repeating goes on from there."""
    report = Report(regard.session.language)
    with opened(path) as archive:
        await bring_in(regard, SOURCE, read_export(archive, path.name, report), report, progress)
    return report


def read_export(archive: Archive, name: str, report: Report) -> History:
    """Reads people and channels, and finds the days of each channel; refusals and notes go to the report.

    Raises BadFile if the archive, called `name`, is no Slack export. The days are read when their posts are asked for.
    """
    if absent := next((one for one in _LISTS[:2] if one not in archive), None):
        raise BadFile(reasons.NOT_SLACK(file=name, member=absent))
    history = History()
    names = _users(archive, report, history)
    folders: dict[str, str] = {}
    for file in ("channels.json", "groups.json"):
        _channels(archive, report, history, file, folders)
    direct = _direct_folders(archive, report)
    days: dict[str, list[str]] = {}
    for member in archive.names:
        match = _DAY.fullmatch(member)
        if match and match[1] in folders:
            days.setdefault(folders[match[1]], []).append(member)
        elif member not in _KNOWN and not (match and match[1] in direct):
            report.refuse(1, reasons.NOT_OF_SLACK(), member)
    labels = names | {f"#{key}": channel.name for key, channel in history.channels.items()}
    for key, channel in history.channels.items():
        channel.portions = _Days(archive, report, history, key, days.get(key, []), labels)
    return history


class _Days:
    """The posts of a channel, a day at a time, so that no more is in memory."""

    def __init__(
        self, archive: Archive, report: Report, history: History, channel: str, days: list[str], labels: dict[str, str]
    ) -> None:
        self._archive = archive
        self._report = report
        self._history = history
        self._channel = channel
        self._days = days
        self._labels = labels

    def __call__(self) -> Iterator[list[Post]]:
        """Each day's posts."""
        roots: set[str] = set()
        for day in self._days:
            posts: list[Post] = []
            for place, value in _entries(self._archive, self._report, day):
                try:
                    post = _post(self._history, self._report, self._channel, place, value, self._labels)
                except _Entry as refused:
                    self._report.refuse(place.line, refused.why, place.file)
                else:
                    posts += [post] if post else []
            posts.sort(key=lambda post: post.created_ms)
            roots |= {post.id for post in posts}
            yield [self._with_root(post, roots) for post in posts]

    def _with_root(self, post: Post, roots: set[str]) -> Post:
        if not post.reply_to or post.reply_to in roots:
            return post
        self._report.note(reasons.LOST_ROOT())
        return replace(post, reply_to="")


def _entries(archive: Archive, report: Report, file: str) -> Iterator[tuple[Place, Json]]:
    """The objects of a file's list, with their numbers; nothing of a file that is no such list."""
    if file not in archive:
        return
    try:
        content = archive.read(file)
        read = json.loads(content)
    except BadMember as bad:
        report.refuse(1, bad.why, file)
        return
    except (ValueError, RecursionError):
        report.refuse(1, reasons.NOT_JSON(), file)
        return
    if not isinstance(read, list):
        report.refuse(1, reasons.NO_LIST(field=file), file)
        return
    for number, value in enumerate(read, 1):
        if isinstance(value, dict) and (b"\\u" not in content or is_text(value)):
            yield Place(file, number), value
        else:
            report.refuse(number, reasons.NOT_JSON(), file)


def _users(archive: Archive, report: Report, history: History) -> dict[str, str]:
    """Fills in the people; gives the name of everyone by identifier, for mentions."""
    names: dict[str, str] = {}
    for place, value in _entries(archive, report, "users.json"):
        try:
            _user(history, report, place, value, names)
        except _Entry as refused:
            report.refuse(place.line, refused.why, place.file)
    return names


def _user(history: History, report: Report, place: Place, value: Json, names: dict[str, str]) -> None:
    id, said = _text(value, "id"), value.get("profile")
    said = said if isinstance(said, dict) else {}
    shown = [said.get("real_name"), value.get("real_name"), said.get("display_name"), value.get("name")]
    name = next((text.strip() for text in shown if isinstance(text, str) and text.strip()), "")
    names.setdefault(id, name)
    if value.get("is_bot") or id == _SLACKBOT:
        report.note(reasons.ROBOTS())
        return
    if id in history.users:
        raise _Entry(reasons.AGAIN(what=f"user {id}"))
    email, title = said.get("email"), said.get("title")
    if reason := missing(name, email if isinstance(email, str) else ""):
        raise _Entry(reason)
    profile = Profile(name=name[:200], email=email, function=title[:200] if isinstance(title, str) else "")
    history.users[id] = User(place, profile, left=bool(value.get("deleted")))


def _channels(archive: Archive, report: Report, history: History, file: str, folders: dict[str, str]) -> None:
    """Fills in channels; `folders` learns which folder holds whose days."""
    for place, value in _entries(archive, report, file):
        try:
            id, name = _text(value, "id"), _text(value, "name")
            if id in history.channels or name in folders:
                raise _Entry(reasons.AGAIN(what=f"channel {name}"))
            purpose = value.get("purpose")
            text = purpose.get("value") if isinstance(purpose, dict) else ""
            creator, members = value.get("creator"), value.get("members")
            channel = Channel(place, name[:120], str(text or "")[:500], private=file == "groups.json")
            if not isinstance(members or [], list):
                raise _Entry(reasons.NO_LIST(field="members"))
            for member in dict.fromkeys(one for one in members or () if isinstance(one, str)):
                if member in history.users and not history.users[member].left:
                    channel.members.append(Member(member, moderates=member == creator))
        except _Entry as refused:
            report.refuse(place.line, refused.why, place.file)
        else:
            history.channels[id] = channel
            folders[name] = id


def _direct_folders(archive: Archive, report: Report) -> set[str]:
    """The folders of direct conversations, each of which is refused."""
    found: set[str] = set()
    for file in ("dms.json", "mpims.json"):
        for place, value in _entries(archive, report, file):
            found |= {str(value[key]) for key in ("id", "name") if isinstance(value.get(key), str)}
            report.refuse(place.line, reasons.DIRECT(), place.file)
    return found


def _post(
    history: History, report: Report, channel: str, place: Place, value: Json, labels: dict[str, str]
) -> Post | None:
    """A message; None for one of the tool itself."""
    if value.get("type") != "message":
        raise _Entry(reasons.UNKNOWN_TYPE(type=str(value.get("type"))[:40]))
    subtype, user = str(value.get("subtype") or ""), value.get("user")
    if subtype == "bot_message" or value.get("bot_id") or not user or user == _SLACKBOT:
        raise _Entry(reasons.NO_AUTHOR())
    if subtype not in _WRITTEN:
        report.note(reasons.SYSTEM_MESSAGES())
        return None
    user, ts = _text(value, "user"), _text(value, "ts")
    if user not in history.users:
        raise _Entry(reasons.NOT_IN_EXPORT(what=f"user {labels.get(user) or user[:40]}"))
    files = value.get("files")
    body = _markdown(value.get("text"), labels)
    if not body.strip():
        raise _Entry(reasons.ONLY_FILES() if files else reasons.NO_FIELD(field="text"))
    if len(body) > LONGEST_BODY:
        raise _Entry(reasons.LONG_MESSAGE(limit=LONGEST_BODY))
    if isinstance(files, list) and files:
        report.note(reasons.ATTACHMENTS(), len(files))
    if value.get("edited"):
        report.note(reasons.ONLY_LAST_VERSION())
    thread = value.get("thread_ts")
    reply_to = f"{channel}/{thread}" if isinstance(thread, str) and thread != ts else ""
    reactions = tuple(_reactions(history, report, value))
    return Post(place, f"{channel}/{ts}", reply_to[:300], user, body, _milliseconds(ts), reactions)


def _reactions(history: History, report: Report, value: Json) -> Iterator[tuple[str, str]]:
    reactions = value.get("reactions") or []
    if not isinstance(reactions, list):
        raise _Entry(reasons.NO_LIST(field="reactions"))
    for reaction in reactions:
        who = reaction.get("users") if isinstance(reaction, dict) else None
        if not isinstance(who, list):
            raise _Entry(reasons.NO_LIST(field="users"))
        emoji = _text(reaction, "name")[:64]
        for user in who:
            if isinstance(user, str) and user in history.users:
                yield user, emoji
            else:
                report.note(reasons.STRANGERS_REACTION())


def _text(value: Json, key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text.strip():
        raise _Entry(reasons.NO_FIELD(field=key))
    return text


def _milliseconds(ts: str) -> int:
    """Of "1512104434.000490": seconds since 1970, and what makes it unique in its channel."""
    try:
        at = int(Decimal(ts) * 1000) if re.fullmatch(r"[0-9]{1,11}\.[0-9]{1,9}", ts, re.ASCII) else 0
    except InvalidOperation:
        at = 0
    if not 0 < at < 253_402_300_800_000:
        raise _Entry(reasons.NO_TIME(field="ts"))
    return at


def _markdown(text: object, labels: dict[str, str]) -> str:
    """Slack's text as Markdown: marks become words and links, and escapes what they stand for."""
    return html.unescape(_MARK.sub(lambda mark: _word(mark, labels), text)) if isinstance(text, str) else ""


def _word(mark: re.Match[str], labels: dict[str, str]) -> str:
    target, label = mark[1], mark[2] or ""
    match target[0]:
        case "@":
            return f"@{labels.get(target[1:]) or label.removeprefix('@') or target[1:]}"
        case "#":
            return f"#{labels.get(target) or label or target[1:]}"
        case "!":
            return label or f"@{target[1:].partition('^')[0]}"
        case _:
            return f"[{label}]({target})" if label and label != target else target
