"""A Mattermost bulk export: what is read, and how each refused line is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from regard_client.importers import BadFile, Report
from regard_client.importers.history import History
from regard_client.importers.mattermost import read_export

TEAM = {"type": "team", "team": {"name": "works", "display_name": "Works"}}
OPEN = {"type": "channel", "channel": {"team": "works", "name": "hall", "display_name": "The hall", "type": "O"}}
PRIVATE = {"type": "channel", "channel": {"team": "works", "name": "board", "display_name": "Board", "type": "P"}}


def user(name: str, *channels: str, admin: bool = False) -> dict[str, Any]:
    roles = "channel_user channel_admin" if admin else "channel_user"
    memberships = [{"name": channel, "roles": roles} for channel in channels]
    teams = [{"name": "works", "channels": memberships}]
    return {"type": "user", "user": {"username": name, "email": f"{name}@x.fr", "first_name": name, "teams": teams}}


def post(author: str, message: str, at: int = 1_553_166_657_086, channel: str = "hall", **more: Any) -> dict[str, Any]:
    required = {"team": "works", "channel": channel, "user": author, "message": message, "create_at": at}
    return {"type": "post", "post": required | more}


def read(path: Path, *lines: dict[str, Any] | bytes, version: bool = True) -> tuple[History, Report]:
    first = [{"type": "version", "version": 1}] if version else []
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in (*first, *lines)]
    path.write_bytes(b"\n".join(encoded) + b"\n")
    report = Report()
    return read_export(path, report), report


def test_channels_members_and_threads(tmp_path: Path) -> None:
    thread = post("awa", "Question", replies=[{"user": "leo", "message": "Answer", "create_at": 1_553_166_657_000}])
    export, report = read(
        tmp_path / "e", TEAM, OPEN, PRIVATE, user("awa", "hall", "board", admin=True), user("leo", "hall"), thread
    )
    assert not report.refused
    hall = export.channels["works/hall"]
    assert [(member.user, member.moderates) for member in hall.members] == [("awa", True), ("leo", False)]
    assert [(one.body, bool(one.reply_to)) for one in hall.posts] == [("Question", False), ("Answer", True)]
    assert hall.posts[1].reply_to == hall.posts[0].id
    assert export.channels["works/board"].private


def test_two_posts_of_one_author_in_one_millisecond_are_two(tmp_path: Path) -> None:
    export, _ = read(tmp_path / "e", TEAM, OPEN, user("awa", "hall"), post("awa", "one"), post("awa", "two"))
    first, second = export.channels["works/hall"].posts
    assert first.id != second.id


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"type":"post"}', "no post"),
        (b'{"type":"poll","poll":{}}', "unknown type"),
        (post("nobody", "x"), "user nobody is not in the export"),
        (post("awa", "x", channel="cellar"), "channel works/cellar is not in the export"),
        (post("awa", " "), "no message"),
        (post("awa", "x" * 20_001), "longer than 20000 characters"),
        (post("awa", "x", at=0), "no create_at"),
        (post("awa", "x", replies=[{"user": "nobody", "message": "y", "create_at": 1}]), "user nobody"),
        (post("awa", "x", replies="many"), "replies is not a list"),
        ({"type": "direct_post", "direct_post": {}}, "direct conversations are not imported"),
        (b'{"type":"post","post":' + b" " * 4_200_000 + b"{}}", "longer than 4096 KiB"),
    ],
)
def test_names_a_refused_line_and_takes_nothing_of_it(
    tmp_path: Path, line: dict[str, Any] | bytes, reason: str
) -> None:
    export, report = read(tmp_path / "e", TEAM, OPEN, user("awa", "hall"), line, post("awa", "after"))
    assert [(one.line, reason in one.reason) for one in report.refused] == [(5, True)], report.refused
    assert [one.body for one in export.channels["works/hall"].posts] == ["after"]


@pytest.mark.parametrize("first", [{"type": "version", "version": 2}, TEAM])
def test_another_version_or_no_version_is_refused_whole(tmp_path: Path, first: dict[str, Any]) -> None:
    with pytest.raises(BadFile):
        read(tmp_path / "e", first, version=False)
