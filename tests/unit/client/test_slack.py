"""A Slack export: what is read, how each refused entry is named, and what hostile archives come to."""

import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from regard_client.importers import BadFile, Report
from regard_client.importers.archive import opened
from regard_client.importers.history import History, Post
from regard_client.importers.slack import read_export
from tests.unit.client.slack import CHANNELS, USERS, export, said

DAY = "hall/2017-12-01.json"


def read(path: Path, members: dict[str, Any] | None = None) -> tuple[History, dict[str, list[Post]], Report]:
    report = Report()
    with opened(export(path, members)) as archive:
        history = read_export(archive, path.name, report)
        posts = {key: [post for part in channel.read() for post in part] for key, channel in history.channels.items()}
    return history, posts, report


def test_people_channels_and_threads(tmp_path: Path) -> None:
    root, later = "1512104434.000490", "1512190000.000001"
    days = {
        "hall/2017-12-02.json": [said("U2", "Answer", later, thread_ts=root)],
        DAY: [
            said("U1", "Second", "1512104435.000000", reactions=[{"name": "tada", "users": ["U2", "U9"], "count": 2}]),
            said("U1", "Question", root, thread_ts=root, reply_count=1, edited={"user": "U1", "ts": later}),
            said("U3", "From who left", "1512104436.000000"),
            {"type": "message", "subtype": "channel_join", "user": "U1", "text": "joined", "ts": "1512104437.000000"},
        ],
        "board/2017-12-01.json": [said("U1", "Confidential")],
        "integration_logs.json": [],
    }
    history, posts, report = read(tmp_path / "e.zip", days)
    assert not report.refused
    assert {key: (user.profile.name, user.left) for key, user in history.users.items()} == {
        "U1": ("Awa Diallo", False),
        "U2": ("Léo Petit", False),
        "U3": ("Gone Away", True),
    }
    hall, board = history.channels["C1"], history.channels["G1"]
    assert (hall.name, hall.purpose, hall.private, board.private) == ("hall", "For all", False, True)
    assert [(member.user, member.moderates) for member in hall.members] == [("U1", False), ("U2", True)]
    assert [(post.user, post.body, post.created_ms, post.reply_to) for post in posts["C1"]] == [
        ("U1", "Question", 1512104434000, ""),
        ("U1", "Second", 1512104435000, ""),
        ("U3", "From who left", 1512104436000, ""),
        ("U2", "Answer", 1512190000000, f"C1/{root}"),
    ]
    assert posts["C1"][1].reactions == (("U2", "tada"),)
    assert [post.body for post in posts["G1"]] == ["Confidential"]
    assert sum(report.notes.values()) == 4  # a robot, a stranger's reaction, an edit, a message of Slack


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("<@U1> and <@U2|leo>, see <#C1|hall> <#C9|other>", "@Awa Diallo and @Léo Petit, see #hall #other"),
        ("<!here> <!subteam^S1|@team> <!date^1^{date}|today>", "@here @team today"),
        ("<https://x.fr/?a=1&amp;b=2|the page> <https://x.fr>", "[the page](https://x.fr/?a=1&b=2) https://x.fr"),
        ("1 &lt; 2 &amp;&amp; <@U9>", "1 < 2 && @U9"),
        ("<> <|> <", "<> <|> <"),
    ],
)
def test_marks_become_words_and_links(tmp_path: Path, text: str, body: str) -> None:
    _, posts, _ = read(tmp_path / "e.zip", {DAY: [said("U1", text)]})
    assert [post.body for post in posts["C1"]] == [body]


@pytest.mark.parametrize(
    ("entry", "id"),
    [
        ("text", "IMP-30"),
        (said("U1", "\ud800"), "IMP-30"),
        ({"type": "file"}, "IMP-37"),
        (said("U4", "Deployed", bot_id="B1"), "IMP-50"),
        (said("U1", "Robot", subtype="bot_message"), "IMP-50"),
        (said("", "Nobody"), "IMP-50"),
        (said("USLACKBOT", "Reminder"), "IMP-50"),
        (said("U9", "Stranger"), "IMP-35"),
        ({**said("U1", "x"), "user": ["U1"]}, "IMP-31"),
        (said("U1", "", files=[{"id": "F1"}]), "IMP-51"),
        (said("U1", " "), "IMP-31"),
        ({**said("U1", "x"), "text": {"a": 1}}, "IMP-31"),
        (said("U1", "x" * 20_001), "IMP-34"),
        (said("U1", "x", "yesterday"), "IMP-33"),
        (said("U1", "x", "99999999999999.1"), "IMP-33"),
        (said("U1", "x", "-1.5"), "IMP-33"),
        (said("U1", "x", reactions="many"), "IMP-32"),
        (said("U1", "x", reactions=[{"name": "tada", "users": "U1"}]), "IMP-32"),
    ],
)
def test_names_a_refused_entry_by_file_and_number_and_takes_nothing_of_it(tmp_path: Path, entry: Any, id: str) -> None:
    _, posts, report = read(
        tmp_path / "e.zip", {DAY: [said("U1", "before"), entry, said("U2", "after", "1512104440.1")]}
    )
    assert [(one.file, one.line, one.reason.split(":")[0]) for one in report.refused] == [(DAY, 2, id)]
    assert [post.body for post in posts["C1"]] == ["before", "after"]


@pytest.mark.parametrize(
    ("members", "refused"),
    [
        ({DAY: b"{"}, [(DAY, 1, "IMP-30")]),
        ({DAY: b"[" * 100_000}, [(DAY, 1, "IMP-30")]),
        ({DAY: "é".encode("latin-1")}, [(DAY, 1, "IMP-30")]),
        ({DAY: {}}, [(DAY, 1, "IMP-32")]),
        ({DAY: b" " * (64 * 1024**2 + 1)}, "whole"),
        ({"elsewhere/2017-12-01.json": []}, [("elsewhere/2017-12-01.json", 1, "IMP-56")]),
        ({"inner.zip": b"PK\x03\x04"}, [("inner.zip", 1, "IMP-56")]),
        ({"dms.json": [{"id": "D1", "members": ["U1", "U2"]}], "D1/2017-12-01.json": []}, [("dms.json", 1, "IMP-38")]),
        (
            {"mpims.json": [{"id": "G9", "name": "mpdm-a--b-1"}], "mpdm-a--b-1/2017-12-01.json": []},
            [("mpims.json", 1, "IMP-38")],
        ),
        (
            {"channels.json": [*CHANNELS, *CHANNELS, {"id": "C2"}, 7]},
            [("channels.json", 2, "IMP-36"), ("channels.json", 3, "IMP-31"), ("channels.json", 4, "IMP-30")],
        ),
        (
            {"users.json": [*USERS, USERS[0], {"id": "U7", "name": "x", "profile": {}}]},
            [("users.json", 5, "IMP-36"), ("users.json", 6, "IMP-12")],
        ),
    ],
)
def test_names_what_is_refused_of_other_files(tmp_path: Path, members: dict[str, Any], refused: Any) -> None:
    if refused == "whole":
        with pytest.raises(BadFile, match="IMP-63"):
            read(tmp_path / "e.zip", members)
        return
    _, _, report = read(tmp_path / "e.zip", members)
    assert [(one.file, one.line, one.reason.split(":")[0]) for one in sorted(report.refused)] == refused


def test_an_answer_to_what_is_not_imported_stands_alone(tmp_path: Path) -> None:
    day = [said("U4", "Robot", bot_id="B"), said("U1", "Answer", "1512104440.1", thread_ts="1512104434.000490")]
    _, posts, report = read(tmp_path / "e.zip", {DAY: day})
    assert [post.reply_to for post in posts["C1"]] == [""]
    assert any("stand alone" in note for note in report.notes)


@pytest.mark.parametrize("absent", ["users.json", "channels.json"])
def test_an_archive_of_something_else_is_refused_whole(tmp_path: Path, absent: str) -> None:
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr({"users.json": "channels.json", "channels.json": "users.json"}[absent], "[]")
    with opened(tmp_path / "e.zip") as archive, pytest.raises(BadFile, match="IMP-57"):
        read_export(archive, "e.zip", Report())


# Hostile archives


def hostile(path: Path, name: str, content: bytes = b"[]", **changes: Any) -> Path:
    """An export with one more file, of which the archive says something unusual."""
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    for key, value in changes.items():
        setattr(info, key, value)
    with zipfile.ZipFile(export(path), "a") as archive:
        archive.writestr(info, content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "changes", "id"),
    [
        ("../../etc/passwd", b"", {}, "IMP-64"),
        ("/etc/passwd", b"", {}, "IMP-64"),
        ("hall/../../x", b"", {}, "IMP-64"),
        ("hall/./x", b"", {}, "IMP-64"),
        ("hall//x", b"", {}, "IMP-64"),
        ("C:/windows/x", b"", {}, "IMP-64"),
        ("hall\\..\\x", b"", {}, "IMP-64"),
        ("hall/\x1b[2Jx", b"", {}, "IMP-64"),
        ("\u202etxt.exe", b"", {}, "IMP-64"),
        ("link", b"/etc/passwd", {"external_attr": 0o120777 << 16}, "IMP-65"),
        ("device", b"", {"external_attr": 0o060666 << 16}, "IMP-65"),
        ("USERS.json", b"[]", {}, "IMP-66"),
        ("odd", b"x", {"compress_type": zipfile.ZIP_BZIP2}, "IMP-68"),
        ("odd", b"x", {"compress_type": zipfile.ZIP_LZMA}, "IMP-68"),
        ("bomb", bytes(50 * 1024**2), {}, "IMP-63"),
    ],
)
def test_a_hostile_archive_is_refused_whole_and_says_why(
    tmp_path: Path, name: str, content: bytes, changes: dict[str, Any], id: str
) -> None:
    with pytest.raises(BadFile, match=id) as bad:
        with opened(hostile(tmp_path / "e.zip", name, content, **changes)):
            pass
    assert bad.value.text("fr") != bad.value.text("en")
    assert bad.value.text("en").isprintable()
    assert [one.name for one in tmp_path.iterdir()] == ["e.zip"], "nothing was unpacked"


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = export(tmp_path / "e.zip")
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(BadFile, match="IMP-67"), opened(path):
        pass


def test_a_name_that_is_not_unicode_is_refused_and_one_that_only_does_not_say_so_is_read(tmp_path: Path) -> None:
    path = export(tmp_path / "e.zip", {"hall/caf\u00e9.json": b"[]"})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the last file of each
        start = content.rindex(signature)
        content[start + flags + 1] &= ~0x08
    path.write_bytes(content)
    with opened(path) as archive:
        assert "hall/caf\u00e9.json" in archive
    path.write_bytes(bytes(content).replace("caf\u00e9".encode(), b"caf\xff\xfe"))
    with pytest.raises(BadFile, match="IMP-64"), opened(path):
        pass


def test_a_file_that_says_it_is_smaller_than_it_is_or_is_damaged_is_refused_alone(tmp_path: Path) -> None:
    path = export(
        tmp_path / "e.zip", {DAY: [said("U1", "x")], "hall/2017-12-02.json": [said("U1", "y", "1512190000.1")]}
    )
    content = bytearray(path.read_bytes())
    start = content.rindex(b"PK\x01\x02", 0, content.rindex(b"PK\x01\x02"))
    struct.pack_into("<L", content, start + 24, 1)
    path.write_bytes(content)
    report = Report()
    with opened(path) as archive:
        history = read_export(archive, path.name, report)
        assert [post.body for part in history.channels["C1"].read() for post in part] == ["y"]
    assert [(one.file, one.reason) for one in report.refused] == [(DAY, "IMP-70: it is damaged")]


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"not a zip" * 100, b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "e.zip").write_bytes(content)
    with pytest.raises(BadFile, match="IMP-60"), opened(tmp_path / "e.zip"):
        pass


def test_too_many_files_and_too_many_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export(tmp_path / "e.zip", {DAY: []})
    monkeypatch.setattr("regard_client.importers.archive.MOST_MEMBERS", 3)
    with pytest.raises(BadFile, match="IMP-61"), opened(path):
        pass
    monkeypatch.undo()
    monkeypatch.setattr("regard_client.importers.archive.MOST_BYTES", 100)
    with pytest.raises(BadFile, match="IMP-62"), opened(path):
        pass


def test_ten_thousand_tiny_files_are_read_one_day_at_a_time(tmp_path: Path) -> None:
    text = "x" * 2_000
    days = {
        f"hall/{2000 + n // 372}-{n // 31 % 12 + 1:02}-{n % 31 + 1:02}.json": [said("U1", text, f"{n + 1}.1")]
        for n in range(10_000)
    }
    assert len(days) == 10_000
    path = export(tmp_path / "e.zip", days)
    report = Report()
    with opened(path) as archive:
        history = read_export(archive, path.name, report)
        tracemalloc.start()
        count = sum(len(part) for part in history.channels["C1"].read())
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 10_000 and not report.refused
    assert peak_bytes < 10_000 * len(text) / 2, "the whole of it was never in memory"
