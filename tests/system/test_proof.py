"""From an access to its proof, as people get it: a receipt that verifies without Regard, a log that strangers read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from regard_client.cli.app import app
from tests.system.conftest import Company

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(300)]


class Command:
    """The `regard` command, with a configuration of its own."""

    def __init__(self, company: Company, folder: Path) -> None:
        self.company = company
        self.folder = folder

    def __call__(self, *arguments: str, who: str = "", url: str = "") -> Result:
        environment = {
            "XDG_CONFIG_HOME": str(self.folder),
            "REGARD_URL": url or self.company.url,
            "REGARD_TOKEN": self.company.token(who) if who else "",
            "REGARD_DATA": str(self.folder / "none"),
        }
        return CliRunner().invoke(app, [*arguments], env=environment)


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


def test_an_access_is_proved_to_whoever_trusts_the_policy(company: Company, tmp_path: Path) -> None:
    regard = Command(company, tmp_path / "config")
    group = done(regard("id", "Ligne 2", who="leo")).strip()
    done(regard("audit", "search", group, "--reference", "2026-15", who="awa"))
    done(regard("trust"))
    file = done(regard("receipt", "Ligne 2", "--to", str(tmp_path), who="leo")).strip()
    # Nobody answers at this address: verifying needs nobody.
    told = done(regard("verify", file, url="http://127.0.0.1:9"))
    assert told.count("✓") == 6
    assert "ACTION_SEARCH_LEDGER" in told
    record = json.loads(done(regard("--json", "verify", file, url="http://127.0.0.1:9")))["record"]
    assert (record["group"], record["access"]["purpose_reference"]) == (group, "2026-15")
    done(regard("log"))
    done(regard("monitor"))
    data = bytearray(Path(file).read_bytes())
    data[len(data) // 2] ^= 1
    Path(file).write_bytes(data)
    refused = regard("verify", file)
    assert refused.exit_code == 1
    assert "NOT VERIFIED" in refused.output


def test_an_auditor_exports_what_verifies_without_regard(company: Company, tmp_path: Path) -> None:
    regard, folder = Command(company, tmp_path / "config"), tmp_path / "kept" / "2026-17"
    group = done(regard("id", "Ligne 2", who="leo")).strip()
    asked = ("audit", "export", str(folder), "--group", group, "--reference", "2026-17")
    assert "RPC-07" in regard(*asked, who="leo").output
    assert "regard trust" in done(regard(*asked, who="awa"))
    assert folder.stat().st_mode & 0o77 == 0
    assert all(file.stat().st_mode & 0o77 == 0 for file in folder.rglob("*"))
    again = regard(*asked, who="awa")
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    assert [path.name for path in folder.parent.iterdir()] == ["2026-17"]
    done(regard("trust"))
    # Nobody answers at this address: verifying needs nobody.
    assert done(regard("verify", str(folder), url="http://127.0.0.1:9")).count("✓") == 3
    said = json.loads(done(regard("--json", "verify", str(folder), url="http://127.0.0.1:9")))
    assert (said["verified"], said["query"]["purpose_reference"]) == (True, "2026-17")
    period = ("--from", "2020-01-01", "--to", "2020-01-02T12:00+02:00")
    told = done(regard("audit", "export", str(folder.with_name("none")), *asked[3:], *period, who="awa"))
    assert "0 accesses are in the log" in told
    assert regard("audit", "export", str(folder.with_name("bad")), *asked[3:], "--from", "monday").exit_code == 2
    (folder / "accesses.csv").write_text("changed")
    refused = regard("verify", str(folder))
    assert refused.exit_code == 1
    assert "VER-15" in refused.output


def test_another_policy_is_not_trusted_in_its_place(company: Company, tmp_path: Path) -> None:
    regard = Command(company, tmp_path / "config")
    done(regard("trust"))
    done(regard("trust"))
    other = tmp_path / "policy"
    other.write_text("quorum none\n")
    refused = regard("trust", "--policy", str(other))
    assert refused.exit_code == 1
    assert "says otherwise" in refused.output


def test_an_auditor_gets_what_opens_the_log_and_a_monitor_counts_it(company: Company, tmp_path: Path) -> None:
    regard, openings, counts = Command(company, tmp_path / "config"), tmp_path / "openings", tmp_path / "counts.json"
    done(regard("trust"))
    assert "RPC-07" in regard("openings", str(openings), "--reference", "2026-16", who="leo").output
    assert not list(tmp_path.glob("openings*"))
    done(regard("openings", str(openings), "--reference", "2026-16", who="awa"))
    assert openings.stat().st_mode & 0o77 == 0
    done(regard("monitor", "--openings", str(openings), "--publish", str(counts)))
    said = json.loads(counts.read_text())
    assert sum(said[name] for name in ("open", "chaff", "sealed", "erased", "withheld")) == said["size"]
    assert said["unexplained"] == 0 < said["open"]
