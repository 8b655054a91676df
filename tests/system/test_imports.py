"""Imports as an administrator runs them: repeated, killed in the middle, and of files that were made to harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.conftest import Company

pytestmark = pytest.mark.xdist_group("company")

PASSWORD = "correct horse battery"
MESSAGES = 2_500


def slack_export(path: Path, mark: str) -> Path:
    """People of their own, an open channel that is long, and a private one; three entries of each kind are refused."""
    users: list[dict[str, Any]] = [
        {"id": f"U{name}{mark}", "name": name, "profile": {"real_name": name.title(), "email": f"{name}.{mark}@x.fr"}}
        for name in ("ada", "bob")
    ]
    users.append({"id": "UGONE", "deleted": True, "profile": {"real_name": "Gone", "email": f"gone.{mark}@x.fr"}})
    users.append({"id": "UNONE", "profile": {"real_name": "Without Address"}})
    ada, bob = users[0]["id"], users[1]["id"]
    days: dict[str, list[dict[str, Any]]] = {}
    for number in range(MESSAGES):
        message = {
            "type": "message",
            "user": (ada, bob, "UGONE")[number % 3],
            "text": f"{number}",
            "ts": f"{1_600_000_000 + number}.5",
        }
        days.setdefault(f"long-{mark}/2020-09-{number // 100 + 1:02}.json", []).append(message)
    days[f"closed-{mark}/2020-09-01.json"] = [
        {"type": "message", "user": ada, "text": f"<@{bob}> sees this", "ts": "1600000000.1"},
        {"type": "message", "bot_id": "B", "text": "robot", "ts": "1600000001.1"},
    ]
    channels = [{"id": f"C{mark}", "name": f"long-{mark}", "creator": ada, "members": [ada, bob, "UGONE"]}]
    groups = [{"id": f"G{mark}", "name": f"closed-{mark}", "creator": ada, "members": [ada, bob]}]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ({"users.json": users, "channels.json": channels, "groups.json": groups} | days).items():
            archive.writestr(name, json.dumps(content))
        archive.writestr("dms.json", json.dumps([{"id": "D1", "members": [ada, bob]}]))
    return path


def run(company: Company, kind: str, file: Path) -> tuple[int, dict[str, Any]]:
    done = company.product.command("--as", "nadia", "--json", "import", kind, str(file))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def signed_in(company: Company, email: str) -> httpx.Client:
    answer = httpx.post(f"{company.url}/v1/auth:signIn", json={"email": email, "password": PASSWORD})
    token = answer.json()["tokens"]["accessToken"]
    return httpx.Client(base_url=company.url, headers={"authorization": f"Bearer {token}"}, timeout=60)


def bodies(client: httpx.Client, room: str) -> list[tuple[str, str]]:
    """Sender and text of every message of a room, the oldest first."""
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        parameters = {"page.size": 200} | ({"page.token": token} if token else {})
        answer = client.get(f"/v1/rooms/{room}/messages", params=parameters)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [(one["authorId"], one["body"]) for one in page["messages"]]
        token = page["page"]["nextToken"]
        if not token:
            return found[::-1]


def test_a_slack_import_that_is_killed_goes_on_where_it_was_and_repeating_changes_nothing(
    company: Company, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex[:8]
    people = tmp_path / "people.csv"
    people.write_text(f"name,email,password\nAda,ada.{mark}@x.fr,{PASSWORD}\n")
    assert run(company, "people", people)[0] == 0
    export = slack_export(tmp_path / "export.zip", mark)

    with signed_in(company, f"ada.{mark}@x.fr") as ada:

        def room(name: str) -> str:
            rooms = ada.get("/v1/rooms").json()["rooms"]
            return next((one["id"] for one in rooms if one["name"] == f"{name}-{mark}"), "")

        regard = str(Path(sys.executable).with_name("regard"))
        command = [regard, "--as", "nadia", "import", "slack", str(export)]
        with (tmp_path / "out").open("wb") as out:
            child = subprocess.Popen(command, env=company.product.environment, stdout=out, stderr=out)
            company.product.until(lambda: child.poll() is not None or bool((r := room("long")) and bodies(ada, r)))
            child.kill()
            child.wait()
        assert child.returncode < 0, (tmp_path / "out").read_text()
        before = len(bodies(ada, room("long")))
        print(f"killed when {before} of {MESSAGES} messages were there")
        assert 0 < before < MESSAGES

        code, told = run(company, "slack", export)
        assert code == 4  # imported, but entries are refused
        assert [(one["file"], one["line"], one["reason"].split(":")[0]) for one in told["refused"]] == [
            (f"closed-{mark}/2020-09-01.json", 2, "IMP-50"),
            ("dms.json", 1, "IMP-38"),
            ("users.json", 4, "IMP-12"),
        ]
        assert told["created"].get("messages", 0) + told["present"].get("messages", 0) == MESSAGES + 1
        assert told["created"]["messages"] <= MESSAGES + 1 - before
        # Views on servers follow a moment later.
        company.product.until(lambda: len(bodies(ada, room("long"))) >= MESSAGES and bool(bodies(ada, room("closed"))))
        after = bodies(ada, room("long"))
        assert [body for _, body in after] == [str(number) for number in range(MESSAGES)]
        assert len({author for author, _ in after}) == 3
        assert [body for _, body in bodies(ada, room("closed"))] == ["@Bob sees this"]

        assert run(company, "slack", export)[1] == told | {
            "created": {"messages": 0},
            "present": {"people": 3, "groups": 2, "messages": MESSAGES + 1},
        }
        assert bodies(ada, room("long")) == after
        (closed,) = [one for one in ada.get("/v1/groups:mine").json()["groups"] if one["name"] == f"closed-{mark}"]
        assert closed["rules"]["level"] == "LEVEL_CONFIDENTIAL" and closed["memberCount"] == 2
    with company.client("nadia") as nadia:
        assert nadia.get(f"/v1/groups/{closed['id']}").status_code == 404, "who imported it sees nothing of it"
        authors = sorted({author for author, _ in after})

        def active() -> dict[str, bool]:
            found = nadia.post("/v1/people:batchGet", json={"personIds": authors}).json()["people"]
            return {one["profile"]["name"]: one["active"] for one in found}

        company.product.until(lambda: active() == {"Ada": True, "Bob": True, "Gone": False})


def test_people_from_ldif_come_once_and_keep_their_account_with_a_new_address(company: Company, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex[:8]
    file = tmp_path / "people.ldif"
    record = "dn: uid={mark}\nobjectClass: inetOrgPerson\nuid: {mark}\ncn: Uma {mark}\nmail: {mail}\n"
    file.write_text(record.format(mark=mark, mail=f"uma.{mark}@x.fr") + "\ndn: uid=x\ncn: X\n")
    code, first = run(company, "people", file)
    assert (code, first["created"], first["refused"]) == (
        4,
        {"people": 1},
        [{"line": 7, "reason": "IMP-12: no e-mail address"}],
    )
    assert run(company, "people", file)[1]["present"] == {"people": 1}
    file.write_text(record.format(mark=mark, mail=f"married.{mark}@x.fr"))
    assert run(company, "people", file)[1] == {"created": {}, "present": {"people": 1}, "refused": [], "notes": {}}
    with company.client("nadia") as nadia:

        def addresses() -> list[str]:
            found = nadia.get("/v1/people", params={"query": mark}).json()["people"]
            return [one["profile"]["email"] for one in found]

        company.product.until(lambda: addresses() == [f"married.{mark}@x.fr"])


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_hostile_archive_is_refused_in_either_language_and_leaves_nothing(
    company: Company, tmp_path: Path, language: str
) -> None:
    path = slack_export(tmp_path / "export.zip", "hostile")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../escaped", "x")
    done = company.product.command("--as", "nadia", "--language", language, "import", "slack", str(path))
    assert done.returncode == 2
    assert "IMP-64" in done.stderr and ("mène hors de l’archive" if language == "fr" else "leads out") in done.stderr
    assert os.listdir(tmp_path) == ["export.zip"] and not (tmp_path.parent.parent / "escaped").exists()
    with company.client("nadia") as nadia:
        assert not nadia.get("/v1/people", params={"query": "gone hostile"}).json()["people"]
