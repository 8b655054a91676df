"""The `regard` command as people use it: in a process of its own, against the product that `regard up` started."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.product import LIMIT_S, Product
from tests.system.conftest import Company
from tests.system.wire import Wire

pytestmark = [pytest.mark.xdist_group("command"), pytest.mark.timeout(300)]

REGARD = str(Path(sys.executable).with_name("regard"))
REFUSED, USAGE, UNREACHABLE, PARTLY = 1, 2, 3, 4
SEARCH = ("--as", "awa", "audit", "search")
NOBODY = "00000000-0000-4000-8000-000000000000"
PASSWORD = "a long enough password"
ADMIN = "ada@example.org"


class Up(Product):
    """The product, by `regard up`, and what the command says against it."""

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.out.open("wb") as out, self.err.open("ab") as err:
            command = [REGARD, "up", *self._targets]
            return subprocess.Popen(command, stdout=out, stderr=err, env=self.environment)

    def begin(self, *arguments: str, out: Path, err: Path) -> "subprocess.Popen[bytes]":
        """The command, running."""
        environment = self.environment | {"XDG_CONFIG_HOME": str(self.folder / "config")}
        with out.open("wb") as to, err.open("wb") as errors:
            return subprocess.Popen([REGARD, *arguments], stdout=to, stderr=errors, env=environment)

    def says(self, *arguments: str, code: int = 0, text: str = "") -> str:
        """What the command prints, its errors if it fails; it ends with that status and shows nothing of its inside."""
        done = self.command(*arguments, text=text)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments} ended with {done.returncode}: {said}"
        assert "Traceback" not in said and ".py" not in said, said
        return done.stderr if code and code != PARTLY else done.stdout

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """What it prints for scripts."""
        return [json.loads(line) for line in self.says("--json", *arguments).splitlines()]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("town"))
    try:
        Company(up)
        yield up
        assert up.stop() == 0, up.err.read_text()
    finally:
        up.close()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An installation of nobody's, which Ada claims."""
    up = Up(tmp_path_factory.mktemp("empty"), "--empty")
    try:
        up.ready()
        assert "Nobody administers" in up.out.read_text() and up.code in up.out.read_text()
        assert "IDN-" in up.says("claim", "wrong", "Ada Min", ADMIN, text=PASSWORD + "\n", code=REFUSED)
        claimed = up.says("claim", up.code, "Ada Min", ADMIN, text=PASSWORD + "\n")
        assert "Ada Min" in claimed
        yield up
        assert up.stop() == 0, up.err.read_text()
    finally:
        up.close()


# Where is it, and who am I?


def test_status_tells_whether_it_answers_and_who_is_signed_in(town: Up) -> None:
    assert town.says("status").splitlines() == [f"{_url(town)}: answers", "nobody is signed in"]
    assert "personne n’est connecté" in town.says("--language", "fr", "status")
    (told,) = town.lines("--as", "leo", "status")
    assert told == {"url": _url(town), "answers": True, "person": "Léo Garnier"}


@pytest.mark.slow
def test_the_doctor_and_the_check_find_nothing_wrong(town: Up) -> None:
    assert town.says("doctor").count("✓") == 5
    assert "les clés de connexion" in town.says("--language", "fr", "doctor")
    assert "as the events say" in town.says("check")


def test_what_does_not_answer_is_said_with_what_to_do(town: Up, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{Wire.unused()}"
    assert "does not answer" in town.command("--url", nowhere, "status").stdout
    assert town.command("--url", nowhere, "status").returncode == UNREACHABLE
    assert "regard up" in town.says("--url", nowhere, "--as", "leo", "groups", code=UNREACHABLE)
    assert "ne répond pas" in town.says("--url", nowhere, "--language", "fr", "--as", "leo", "groups", code=UNREACHABLE)
    sick = town.command("--url", nowhere, "doctor")
    assert (sick.returncode, sick.stdout.count("✗")) == (REFUSED, 2)


def test_tokens_of_the_company_work_elsewhere(town: Up) -> None:
    listed = town.says("token").splitlines()
    assert len(listed) == 60 and listed[0].startswith("leo ")
    assert "Membre de" in town.says("--language", "fr", "token").splitlines()[0]
    headers = {"authorization": f"Bearer {town.says('token', 'leo').strip()}"}
    assert httpx.get(f"{_url(town)}/v1/people/me", headers=headers).json()["person"]["profile"]["name"] == "Léo Garnier"


@pytest.mark.slow
def test_a_session_is_kept_for_its_owner_until_signed_out(town: Up) -> None:
    password = json.loads((town.data / "demonstration.json").read_text())["password"]
    leo = "leo@atelier-mercier.example"
    assert "IDN-01: The" in town.says("sign-in", leo, text="wrong\n", code=REFUSED)
    assert "IDN-01: L’adresse" in town.says("--language", "fr", "sign-in", leo, text="wrong\n", code=REFUSED)
    assert "Nobody is signed in. Sign in with" in town.says("groups", code=USAGE)
    assert "Léo Garnier" in town.says("sign-in", leo, text=password + "\n")
    kept = town.folder / "config" / "regard" / "sessions.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert "Ligne 2" in town.says("groups")
    assert "Léo Garnier" in town.says("status")

    # An access token that has ended is renewed, and what renews it next is kept, however the command ends.
    sessions = json.loads(kept.read_text())
    for _ in range(2):
        (session,) = sessions.values()
        session["token"] = "ended"
        kept.write_text(json.dumps(sessions))
        town.says("ledger", NOBODY, code=REFUSED)
        sessions = json.loads(kept.read_text())
    assert "Ligne 2" in town.says("groups")

    before = kept.read_text()
    town.says("sign-out")
    assert "Nobody is signed in" in town.says("groups", code=USAGE)
    kept.write_text(before)  # as on another machine, where the session that has ended is still kept
    assert "nobody is signed in" in town.says("status")
    town.says("groups", code=REFUSED)
    town.says("sign-out")
    assert "Nobody is signed in" in town.says("sign-out", code=USAGE)


# Groups and what is said in them


def test_groups_by_name_and_by_the_beginning_of_it(town: Up) -> None:
    assert "Ligne 2" in town.says("--as", "leo", "groups")
    group = next(one for one in town.lines("--as", "leo", "groups") if one["name"] == "Ligne 2")
    for name in ("Ligne 2", "ligne 2", "lig", group["id"]):
        assert town.says("--as", "leo", "id", name).strip() == group["id"]
    for name, english, french in (("zzz", "None of", "Aucun de"), ("", "More than one", "Plusieurs")):
        assert english in town.says("--as", "leo", "id", name, code=USAGE)
        assert french in town.says("--language", "fr", "--as", "leo", "id", name, code=USAGE)
    assert "ACC-01: There is no such group" in town.says("--as", "leo", "who-can-see", NOBODY, code=REFUSED)
    assert "ACC-01: Ce groupe" in town.says("--as", "leo", "--language", "fr", "chat", NOBODY, code=REFUSED)


def test_a_group_is_created_talked_in_and_posted_to(town: Up) -> None:
    group = town.says("--as", "ines", "create-group", "Jardin", "--purpose", "Les tomates").strip()
    assert town.says("--as", "ines", "chat", "Jardin") == "", "who has said nothing yet reads nothing"
    for text in ("Il pleut.", "[bold]enfin[/bold]"):
        assert re.fullmatch(r"[0-9a-f-]{36}\n", town.says("--as", "ines", "chat", "Jardin", text))
    town.says("--as", "ines", "chat", "jar", "-", text="Deux\nlignes\n")
    town.says("--as", "ines", "post", "Jardin", "Un **compte rendu**")
    town.says("--as", "ines", "post", group, "-", text="Un autre")
    said = town.says("--as", "ines", "chat", "Jardin")
    assert all(text in said for text in ("Inès", "Il pleut.", "[bold]enfin[/bold]", "Deux", "lignes"))
    assert [one["body"] for one in town.lines("--as", "ines", "chat", "Jardin", "--limit", "2")] == [
        "[bold]enfin[/bold]",
        "Deux\nlignes",
    ]
    assert [one["body"] for one in town.lines("--as", "ines", "posts", "Jardin")] == ["Un autre", "Un **compte rendu**"]
    assert "compte rendu" in town.says("--as", "ines", "posts", "Jardin")
    assert "RPC-02" in town.says("--as", "ines", "post", "Jardin", "", code=REFUSED)


def test_files_are_uploaded_listed_downloaded_and_seen_to_be(town: Up, tmp_path: Path) -> None:
    town.says("--as", "camille", "create-group", "Plans")
    group = town.says("--as", "camille", "id", "Plans").strip()
    plan, folder = tmp_path / "Plan d’été.bin", tmp_path / "to"
    plan.write_bytes(bytes(range(256)) * 5000)  # three parts, one of them short
    folder.mkdir()
    file = town.says("--as", "camille", "upload", "Plans", str(plan)).strip()
    assert plan.name in town.says("--as", "camille", "files", "Plans")
    assert [one["id"] for one in town.lines("--as", "camille", "files", "Plans")] == [file]
    for name in (plan.name, "Plan d’été (2).bin"):
        said = town.says("--as", "camille", "download", file, "--to", str(folder)).strip()
        assert Path(said).name == name
        assert (folder / name).read_bytes() == plan.read_bytes()
    assert len(list(folder.iterdir())) == 2, "no draft is left"
    assert "FED-07" in town.says("--as", "leo", "download", file, "--to", str(folder), code=REFUSED)
    assert "ACC-01" in town.says("--as", "leo", "files", group, code=REFUSED)
    town.says("--as", "camille", "upload", "Plans", str(tmp_path / "nothing"), code=USAGE)
    town.says("--as", "camille", "download", file, "--to", str(tmp_path / "nowhere"), code=USAGE)
    large = tmp_path / "large"
    with large.open("wb") as sparse:
        sparse.truncate(64 * 1024 * 1024 + 1)
    assert "64 MiB" in town.says("--as", "camille", "upload", "Plans", str(large), code=USAGE)


def test_a_text_commands_nobodys_terminal(town: Up) -> None:
    town.says("--as", "ines", "create-group", "Terminal")
    town.says("--as", "ines", "chat", "Terminal", "avant\x1b]0;titre\x07\x1b[2J après")
    said = town.says("--as", "ines", "chat", "Terminal")
    assert "avant" in said and "après" in said and "\x1b" not in said and "\x07" not in said


def test_the_panel_says_who_can_see_in_both_languages(town: Up) -> None:
    english = town.says("--as", "leo", "who-can-see", "Ligne 2")
    assert "Camille Roussel" in english and "Auditors search the ledger" in english
    assert "Les auditeurs cherchent" in town.says("--language", "fr", "--as", "leo", "who-can-see", "Ligne 2")


def test_people_are_found(town: Up) -> None:
    assert "Nadia Benali" in town.says("--as", "leo", "people", "Nadia")
    assert [one["profile"]["name"] for one in town.lines("--as", "leo", "people", "nadia")] == ["Nadia Benali"]
    assert len(town.lines("--as", "leo", "people")) >= 60
    assert town.says("--as", "leo", "people", "zzzz") == ""


def test_who_has_left_is_found_and_erased_by_whoever_protects_the_data(town: Up) -> None:
    credentials = {"authorization": f"Bearer {town.says('token', 'nadia').strip()}"}
    with httpx.Client(base_url=_url(town), headers=credentials, timeout=60) as nadia:
        profile = {"name": "Odile Partie", "email": "odile.partie@atelier.example", "function": "Ajusteuse"}
        made = nadia.post("/v1/people:provision", json={"profile": profile, "inactive": True})
        person_id = made.json()["person"]["id"]
    (left,) = town.lines("--as", "nadia", "former", "list", "odile")
    assert (left["id"], left["profile"]["function"]) == (person_id, "Ajusteuse")
    assert "RPC-07" in town.says("--as", "nadia", "former", "erase", person_id, "--yes", code=REFUSED)
    assert "IDN-06" in town.says("--as", "ines", "former", "erase", NOBODY, "--yes", code=REFUSED)
    town.says("--as", "ines", "former", "erase", person_id, text="n\n", code=REFUSED)
    assert town.lines("--as", "ines", "former", "list", "odile") == [left]
    town.says("--as", "ines", "former", "erase", person_id, text="y\n")
    assert town.lines("--as", "ines", "former", "list", "odile") == []
    answer = httpx.get(f"{_url(town)}/v1/people/{person_id}", headers=credentials)
    assert "profile" not in answer.json()["person"]


def test_auditors_count_and_compare(town: Up) -> None:
    group = town.says("--as", "camille", "id", "Ligne 2").strip()
    counted = town.lines("--as", "awa", "audit", "statistics", group, "--reference", "2026-79")
    assert sum(int(one["accesses"]) for one in counted) >= 1
    assert "auditor" in town.says("--as", "awa", "audit", "statistics", group, "--reference", "2026-79")
    (compared,) = town.lines("--as", "awa", "audit", "completeness", "--reference", "2026-79")
    assert compared["guards"]
    assert "differences" not in compared
    told = town.says("--language", "fr", "--as", "awa", "audit", "completeness", group, "--reference", "2026-79")
    assert "Rien" in told
    refused = town.says("--as", "leo", "audit", "completeness", "--reference", "x", code=REFUSED)
    assert "RPC-07" in refused


def test_who_reads_and_who_audits_is_in_the_ledger(town: Up) -> None:
    group = town.says("--as", "camille", "id", "Ligne 2").strip()
    assert "capteur" in town.says("--as", "camille", "chat", "Ligne 2")
    assert "RPC-07" in town.says("--as", "leo", "audit", "search", group, "--reference", "x", code=REFUSED)
    searched = town.says("--as", "awa", "audit", "search", group, "--reference", "2026-77", "--limit", "3")
    assert len(searched.splitlines()) == 1 + 3
    # What others did becomes a line a moment later.
    town.until(lambda: "2026-77" in town.says("--as", "leo", "ledger", "Ligne 2"))
    assert "Camille Roussel, moderator, read" in town.says("--as", "leo", "ledger", "Ligne 2")
    newest = town.lines("--as", "leo", "ledger", group, "--limit", "2")
    assert len(newest) == 2 and newest[0]["at"] >= newest[1]["at"]
    assert "Camille Roussel, modér" in town.says("--language", "fr", "--as", "leo", "ledger", "Ligne 2")


def test_two_people_break_the_glass_and_the_members_see_it(town: Up) -> None:
    headers = {"authorization": f"Bearer {town.says('token', 'camille').strip()}"}
    rules = {
        "level": "LEVEL_CONFIDENTIAL",
        "breakGlass": "BREAK_GLASS_TWO_KEYS",
        "readers": "READERS_SHOWN_EVERYONE_BY_NAME",
    }
    made = httpx.post(f"{_url(town)}/v1/groups", headers=headers, json={"name": "Coffre", "rules": rules}).json()
    group = made["group"]["id"]
    town.says("--as", "camille", "post", "Coffre", "Un secret.")
    town.says("--as", "karim", "posts", group, code=REFUSED)
    why = ("--reason", "security_incident", "--reference", "incident 12", "--days", "7")
    id = town.says("--as", "karim", "break-glass", "request", group, *why).strip()
    assert "GRP-26" in town.says("--as", "karim", "break-glass", "approve", id, code=REFUSED)
    assert town.lines("--as", "camille", "break-glass", "list", "Coffre") == []
    town.says("--as", "ines", "break-glass", "approve", id)
    assert "Un secret." in town.says("--as", "karim", "posts", group)
    listed = town.says("--as", "camille", "break-glass", "list", "Coffre")
    assert all(word in listed for word in ("open", "Karim Haddad", "Inès Fournier", "incident 12"))
    assert "Karim Haddad" in town.says("--as", "camille", "who-can-see", "Coffre")
    town.until(lambda: "incident 12" in town.says("--as", "camille", "ledger", "Coffre"))
    town.says("--as", "mathilde", "break-glass", "end", id)
    town.says("--as", "karim", "posts", group, code=REFUSED)
    assert "GRP-25" in town.says("--as", "ines", "break-glass", "refuse", id, code=REFUSED)
    (told,) = town.lines("--as", "ines", "break-glass", "list")
    assert (told["state"], told["breakGlassId"]) == ("STATE_ENDED", id)
    trail = ("--as", "awa", "audit", "trail", id, "--reference", "2026-81")
    said = town.says(*trail)
    assert all(who in said for who in ("Karim Haddad", "Inès Fournier", "Mathilde", "incident 12", "all of the group"))
    assert "terminé" in town.says("--language", "fr", *trail)
    (whole,) = town.lines(*trail)
    assert {one["breakGlassId"] for one in whole["accesses"]} == {id}
    town.until(lambda: "2026-81" in town.says("--as", "camille", "ledger", "Coffre"))


def test_members_are_told_on_the_day_that_two_people_agreed_on(town: Up) -> None:
    headers = {"authorization": f"Bearer {town.says('token', 'camille').strip()}"}
    rules = {"level": "LEVEL_CONFIDENTIAL", "breakGlass": "BREAK_GLASS_TWO_KEYS"}
    made = httpx.post(f"{_url(town)}/v1/groups", headers=headers, json={"name": "Enquête", "rules": rules}).json()
    group = made["group"]["id"]
    town.says("--as", "camille", "post", "Enquête", "Un autre secret.")
    soon, day = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}" for days in (5, 30))
    why = ("--reason", "harassment_complaint", "--reference", "case 9", "--told", day)
    assert "GRP-29" in town.says("--as", "ines", "break-glass", "request", group, *why, code=REFUSED)
    id = town.says("--as", "ines", "break-glass", "request", group, *why, "--because", "an inquiry").strip()
    approve = ("--as", "karim", "break-glass", "approve", id)
    assert "GRP-30" in town.says(*approve, code=REFUSED)
    assert "GRP-30" in town.says(*approve, "--told", soon, code=REFUSED)
    town.says(*approve, "--told", day)
    town.says("--as", "ines", "posts", group, code=REFUSED)
    assert "Un autre secret." in town.says("--as", "ines", "--break-glass", id, "posts", group)
    assert day in town.says("--as", "mathilde", "break-glass", "list")
    assert town.lines("--as", "camille", "break-glass", "list", "Enquête") == []
    trail = ("--as", "awa", "audit", "trail", id, "--reference", "2026-82")
    town.until(lambda: len(town.lines(*trail)[0].get("accesses", [])) == 1)
    told = town.says("--as", "camille", "ledger", "Enquête")
    assert not any(word in told for word in ("Inès", "case 9", "2026-82"))
    assert "Karim" not in town.says("--as", "camille", "who-can-see", "Enquête")


def test_an_access_is_contested_answered_and_the_answer_read(town: Up) -> None:
    group = town.says("--as", "camille", "id", "Ligne 2").strip()
    town.says("--as", "awa", "audit", "search", group, "--reference", "2026-78")

    def searches() -> list[dict[str, Any]]:
        lines = town.lines("--as", "leo", "ledger", group, "--limit", "50")
        return [one for one in lines if one.get("purposeReference") == "2026-78"]

    town.until(lambda: bool(searches()))
    access = searches()[0]["accessId"]
    contest = ("--as", "leo", "contest", "add", group, access)
    assert "not_recognised" in town.says(*contest, "--reason", "fun", code=USAGE)
    # It may not be in the log yet.
    town.until(lambda: town.command(*contest).returncode == 0)
    answer = ("contest", "settle", group, access, "--outcome", "in_order", "--answer", "Audit annuel.")
    assert "AUD-42" in town.says("--as", "awa", *answer, code=REFUSED)
    town.says("--as", "ines", *answer)
    listed = town.says("--as", "camille", "contest", "list", "Ligne 2")
    assert all(word in listed for word in ("settled", "not_recognised", "Audit annuel.", "Inès Fournier"))
    assert searches()[0]["contest"] == "CONTEST_STATE_SETTLED"


# Streams


def test_listening_goes_on_where_the_connection_was_lost(town: Up, tmp_path: Path) -> None:
    def lives() -> int:
        entries = town.lines("--as", "camille", "ledger", "Ligne 2", "--limit", "200")
        return sum(one["action"] == "ACTION_LIVE" for one in entries)

    before = lives()
    with Wire(_port(town)) as wire, _following(town, tmp_path, wire, "listen") as heard:
        heard(lambda *_: lives() > before)  # recorded before the first frame: what is said from then on is heard
        town.says("--as", "camille", "chat", "Ligne 2", "Un.")
        heard(lambda out, _: "Camille Roussel: Un." in out)
        wire.cut()
        town.says("--as", "camille", "chat", "Ligne 2", "Deux, que personne n’entend.")
        heard(lambda _, err: err.count("does not answer") == 1)
        wire.mend()
        town.says("--as", "camille", "chat", "Ligne 2", "Trois.")
        out = heard(lambda out, _: "Trois." in out)
        assert [out.count(text) for text in ("Un.", "Deux, que personne", "Trois.")] == [1, 1, 1]


def test_watching_a_ledger_goes_on_too(town: Up, tmp_path: Path) -> None:
    group = town.says("--as", "leo", "id", "Ligne 2").strip()

    def search(reference: str) -> str:
        return town.says("--as", "awa", "audit", "search", group, "--reference", reference, "--limit", "1")

    with Wire(_port(town)) as wire, _following(town, tmp_path, wire, "ledger", "Ligne 2", "--watch") as heard:
        heard(lambda out, _: bool(search("2026-81")) and "2026-81" in out)
        wire.cut()
        heard(lambda _, err: "does not answer" in err)
        search("2026-82")
        wire.mend()
        search("2026-83")
        out = heard(lambda out, _: "2026-83" in out)
        assert [out.count(reference) for reference in ("2026-82", "2026-83")] == [1, 1]


@contextmanager
def _following(town: Up, folder: Path, wire: Wire, *arguments: str) -> Iterator[Callable[..., str]]:
    """Léo follows a stream over the wire, until Ctrl-C, which ends it quietly. What is given waits for a condition."""
    out, err = folder / "out", folder / "err"
    follower = town.begin("--url", wire.url, "--as", "leo", *arguments, out=out, err=err)

    def heard(condition: Callable[[str, str], bool]) -> str:
        town.until(lambda: condition(out.read_text(), err.read_text()) or follower.poll() is not None)
        assert follower.poll() is None, out.read_text() + err.read_text()
        return out.read_text()

    try:
        yield heard
        follower.send_signal(signal.SIGINT)
        assert follower.wait(LIMIT_S) == 0
        assert "Traceback" not in err.read_text()
    finally:
        follower.kill()
        follower.wait()


# People and history from elsewhere

PEOPLE = """name,email,language,roles
Amandine Vidal,amandine@example.org,fr,
,nobody@example.org,,
Tomasz Nowak,not an address,fr,
Tomasz Nowak,tomasz@example.org,fr,auditor
Again,AMANDINE@example.org,fr,
Boss,boss@example.org,fr,king
"""


@pytest.mark.slow
def test_people_are_imported_line_by_line_and_once(empty: Up) -> None:
    file = empty.folder / "people.csv"
    file.write_text(PEOPLE)
    for created, present in ((2, 0), (0, 2), (0, 2)):
        done = empty.command("--json", "import", "people", str(file))
        assert done.returncode == PARTLY, done.stderr
        told = json.loads(done.stdout)
        assert (told["created"].get("people", 0), told["present"].get("people", 0)) == (created, present)
        assert [one["line"] for one in told["refused"]] == [3, 4, 6, 7]
        assert all(one["reason"] for one in told["refused"])
    done = empty.command("import", "people", str(file))
    assert re.findall(r"(?m)^line (\d+) refused: .+$", done.stderr) == ["3", "4", "6", "7"]
    assert "true identity" in done.stderr or "real identities" in done.stderr
    assert "véritable identité" in empty.command("--language", "fr", "import", "people", str(file)).stderr
    assert [one["roles"] for one in empty.lines("people", "Tomasz")] == [["ROLE_AUDITOR"]]


def _export(*lines: dict[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in ({"type": "version", "version": 1}, *lines))


def _channel(name: str, kind: str = "P") -> dict[str, Any]:
    return {"type": "channel", "channel": {"team": "works", "name": name, "display_name": name.title(), "type": kind}}


def _user(email: str, *channels: str, moderates: bool = False) -> dict[str, Any]:
    name = email.partition("@")[0]
    last_name = "Min" if email == ADMIN else ""
    roles = "channel_user channel_admin" if moderates else "channel_user"
    teams = [{"name": "works", "channels": [{"name": channel, "roles": roles} for channel in channels]}]
    user = {"username": name, "email": email, "first_name": name.title(), "last_name": last_name, "teams": teams}
    return {"type": "user", "user": user}


def _post(channel: str, author: str, message: str, at: int) -> dict[str, Any]:
    content = {"team": "works", "channel": channel, "user": author, "message": message, "create_at": 1553166000000 + at}
    return {"type": "post", "post": content}


TEAM = {"type": "team", "team": {"name": "works", "display_name": "Works"}}


@pytest.mark.slow
def test_whoever_imports_history_stays_outside_and_is_told(empty: Up) -> None:
    file = empty.folder / "board.jsonl"
    file.write_text(
        _export(
            TEAM,
            _channel("board"),
            _channel("diary"),
            _user(ADMIN, "board", "diary", moderates=True),
            _user("mathilde@example.org", "board"),
            _post("board", "ada", "I asked for this tool.", 1),
            _post("board", "mathilde", "Thank you.", 2),
            _post("diary", "ada", "Dear diary", 3),
            _post("cellar", "ada", "In no channel", 4),
        )
    )
    for created in (2, 0, 0):
        done = empty.command("--json", "import", "mattermost", str(file))
        assert done.returncode == PARTLY, done.stderr
        told = json.loads(done.stdout)
        assert told["created"].get("messages", 0) == created
        assert told["present"].get("messages", 0) == 2 - created
        # Nobody else is in the diary, so nobody could look after it.
        assert [one["line"] for one in told["refused"]] == [4, 9, 10]
        assert [one for one in told["notes"] if "Board" in one]
    assert empty.says("groups") == ""
    # The message of who stays outside is there, for those inside.
    with _as(empty, "mathilde@example.org") as mathilde:
        (group,) = mathilde.get("/v1/groups:mine").json()["groups"]
        members = mathilde.get(f"/v1/groups/{group['id']}/members").json()["members"]
        assert [(one["role"]) for one in members] == ["MEMBER_ROLE_MODERATOR"]
        room = mathilde.get("/v1/rooms", params={"group_id": group["id"]}).json()["rooms"][0]["id"]
        messages = mathilde.get(f"/v1/rooms/{room}/messages").json()["messages"]
        assert [one["body"] for one in messages] == ["Thank you.", "I asked for this tool."]
        # Once a moderator has let them in, an import leaves them where they are.
        ada = empty.lines("people", "Ada Min")[0]["id"]
        assert mathilde.post(f"/v1/groups/{group['id']}:invite", json={"person_id": ada}).is_success
        token = json.loads((empty.folder / "config" / "regard" / "sessions.json").read_text())[_url(empty)]["token"]
        accepted = httpx.post(
            f"{_url(empty)}/v1/groups/{group['id']}:accept", json={}, headers={"authorization": f"Bearer {token}"}
        )
        assert accepted.is_success, accepted.text
    assert empty.command("import", "mattermost", str(file)).returncode == PARTLY
    assert [one["name"] for one in empty.lines("groups")] == ["Board"]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_was_ended_goes_on(empty: Up, tmp_path: Path, ending: signal.Signals) -> None:
    channel, count = f"long-{ending.name.lower()}", 60
    file = tmp_path / "long.jsonl"
    posts = (_post(channel, "mathilde", f"{number} " + "x" * 15_000, number) for number in range(count))
    file.write_text(_export(TEAM, _channel(channel), _user("mathilde@example.org", channel), *posts))
    with Wire(_port(empty)) as wire:
        wire.hold_after(600_000)
        sessions = empty.folder / "config" / "regard" / "sessions.json"
        kept = json.loads(sessions.read_text())
        sessions.write_text(json.dumps(kept | {wire.url: kept[_url(empty)]}))
        out, err = tmp_path / "out", tmp_path / "err"
        importing = empty.begin("--url", wire.url, "import", "mattermost", str(file), out=out, err=err)
        assert wire.held.wait(LIMIT_S)
        importing.send_signal(ending)
        status = importing.wait(LIMIT_S)
    assert "Traceback" not in err.read_text()
    if ending is signal.SIGINT:
        assert status == REFUSED
        assert "Repeat the command to go on" in err.read_text()
    told = json.loads(empty.says("--json", "import", "mattermost", str(file)))
    there, new = told["present"].get("messages", 0), told["created"].get("messages", 0)
    assert 0 < there < count
    assert there + new == count
    assert not told["created"].get("groups")
    again = json.loads(empty.says("--json", "import", "mattermost", str(file)))
    assert again["present"]["messages"] == count and not any(again["created"].values())


@contextmanager
def _as(empty: Up, email: str) -> Iterator[httpx.Client]:
    """Somebody who was imported, given a password."""
    with httpx.Client(base_url=_url(empty), timeout=60) as client:
        file = empty.folder / "password.csv"
        name = email.partition("@")[0].title()
        file.write_text(f"name,email,password\n{name},{email},{PASSWORD}\n")
        empty.says("import", "people", str(file))
        answer = client.post("/v1/auth:signIn", json={"email": email, "password": PASSWORD}).json()
        client.headers["authorization"] = f"Bearer {answer['tokens']['accessToken']}"
        yield client


@pytest.mark.slow
def test_an_installation_is_claimed_once(empty: Up) -> None:
    assert "Ada Min" in empty.says("status")
    refused = empty.says("claim", "any", "Eve", "eve@example.org", text=PASSWORD + "\n", code=REFUSED)
    assert "IDN-12" in refused


# Written wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said", "dit"),
    [
        (["nonsense"], USAGE, "nonsense", "nonsense"),
        (["--language", "de", "groups"], USAGE, "de", "de"),
        (["ledger"], USAGE, "group", "group"),
        (["--as", "leo", "posts", "Ligne 2", "--limit", "0"], USAGE, "limit", "limit"),
        (["--as", "leo", "posts", "Ligne 2", "--limit", "many"], USAGE, "limit", "limit"),
        (["--as", "nobody", "groups"], USAGE, "Nobody of the demonstration", "Personne"),
        (["--as", "p", "groups"], USAGE, "More than one person", "Plusieurs personnes"),
        (["token", "nobody"], USAGE, "Some who are: leo", "Par exemple : leo"),
        (["groups"], USAGE, "Nobody is signed in", "Personne n’est connecté"),
        (["--as", "leo", "create-group", "x", "--level", "secret"], USAGE, "no level “secret”", "niveau « secret »"),
        (["--as", "leo", "create-group", ""], REFUSED, "RPC-02", "RPC-02"),
        (
            [*SEARCH, NOBODY, "--reference", "x", "--purpose", "fun"],
            USAGE,
            "internal_audit",
            "motif",
        ),
        (
            [*SEARCH, NOBODY, "--reference", "x"],
            REFUSED,
            "ACC-01: There is",
            "ACC-01: Ce groupe",
        ),
        ([*SEARCH, "Ligne 2", "--reference", "x"], REFUSED, "RPC-02", "RPC-02"),
        (["--url", "nonsense", "--as", "leo", "groups"], USAGE, "is no address", "n’est pas une adresse"),
        (["--url", "ftp://x", "groups"], USAGE, "looks like http", "ressemble à http"),
        (["--url", "http://localhost:99999", "groups"], USAGE, "is no address", "n’est pas une adresse"),
        (["import", "people", "nowhere.csv"], USAGE, "is not a file", "n’est pas un fichier"),
        (["--as", "nadia", "import", "people", "{diary}"], USAGE, "no column", "Rien n’a été importé"),
        (["--as", "nadia", "import", "mattermost", "{diary}"], USAGE, "no", "Rien n’a été importé"),
        (["--as", "leo", "import", "people", "{people}"], REFUSED, "RPC-07: This is", "RPC-07"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_what_is_written_wrong_is_said(town: Up, arguments: list[str], code: int, said: str, dit: str) -> None:
    people, diary = town.folder / "people.csv", town.folder / "diary"
    people.write_text(PEOPLE)
    diary.write_text("Dear diary\n")
    arguments = [one.format(people=people, diary=diary) for one in arguments]
    assert said in town.says(*arguments, code=code)
    if "--language" not in arguments and arguments != ["nonsense"]:
        assert dit in town.says("--language", "fr", *arguments, code=code)


@pytest.mark.slow
def test_a_token_that_is_none_is_refused(town: Up) -> None:
    for token, code, said in (("é b", USAGE, "REGARD_TOKEN"), ("zzz", REFUSED, "GWY-01")):
        town.environment["REGARD_TOKEN"] = token
        try:
            assert said in town.says("groups", code=code)
        finally:
            del town.environment["REGARD_TOKEN"]
    town.environment["REGARD_TOKEN"] = town.says("token", "leo") + "\n"  # as files end
    try:
        assert "Ligne 2" in town.says("groups")
    finally:
        del town.environment["REGARD_TOKEN"]


@pytest.mark.slow
def test_where_there_is_no_installation_it_is_said(town: Up, tmp_path: Path) -> None:
    kept = town.environment["REGARD_DATA"]
    town.environment["REGARD_DATA"] = str(tmp_path / "nothing")
    try:
        assert "RUN-07" in town.says("check", code=REFUSED)
        assert "no demonstration company" in town.says("token", code=USAGE)
        assert "pas de société" in town.says("--language", "fr", "--as", "leo", "groups", code=USAGE)
    finally:
        town.environment["REGARD_DATA"] = kept


def _url(town: Up) -> str:
    return f"http://localhost:{_port(town)}"


def _port(town: Up) -> int:
    return int(town.environment["REGARD_PORT"])
