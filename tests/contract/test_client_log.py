"""A log over HTTP as clients see it: verified, compared with what was seen, read again as a whole; the command too."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from regard_client.cli.app import app
from regard_client.errors import RegardError
from regard_client.log import LastSeen, TransparencyLog
from regard_client.monitor import Counts, Opening, explain, format_head, parse_opening, verified_entries
from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.hashing import format_hash
from regard_client.verify.history import require_growth
from regard_client.verify.notes import parse_note
from regard_client.verify.policy import Party, Policy
from regard_client.verify.reasons import Unverified
from regard_client.verify.receipt import Receipt
from regard_client.verify.record import commitment
from regard_client.verify.tiles import Bundle, Tile
from regard_client.verify.tree import inclusion_proof
from tests.unit.verify.logs import Log, opening, served
from tests.unit.verify.receipts import COUNCIL, LOG, LOG_MLDSA, ORIGIN, POLICY, receipt

ONLY_LOG = Policy((Party(LOG.verifier),))
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TREE, FORK = Log.of(700), Log.of(700, fork_at=100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


@pytest.fixture
def log(tmp_path: Path, folder: Path) -> Iterator[TransparencyLog]:
    with served(folder) as url, TransparencyLog(url, ONLY_LOG, LastSeen(tmp_path / "seen")) as opened:
        yield opened


def test_a_log_that_grows_is_followed(log: TransparencyLog, folder: Path) -> None:
    for size in (0, 1, 255, 256, 257, 300, 300, 700):
        TREE.write(folder, size)
        assert log.look().checkpoint == parse_checkpoint(TREE.note(size).text)


def test_what_was_seen_is_kept_from_one_client_to_the_next(tmp_path: Path, folder: Path) -> None:
    seen = LastSeen(tmp_path / "seen")
    for size in (300, 299):
        TREE.write(folder, size)
        with served(folder) as url, TransparencyLog(url, ONLY_LOG, LastSeen(tmp_path / "seen")) as log:
            if size == 300:
                log.look()
                continue
            with pytest.raises(Unverified, match="VER-10") as raised:
                log.look()
    assert seen.get(ORIGIN, ONLY_LOG) == TREE.note(300), "what was seen is not forgotten for less"
    evidence = raised.value.evidence
    assert [parse_note(evidence[name]) for name in ("last", "now")] == [TREE.note(300), TREE.note(299)]


def test_a_log_with_other_keys_is_another_log_to_whoever_trusts_these(tmp_path: Path, folder: Path) -> None:
    TREE.write(folder, 300)
    with served(folder) as url, TransparencyLog(url, ONLY_LOG, LastSeen(tmp_path / "seen")) as log:
        log.look()
        shutil.rmtree(folder / "tile")
        Log.of(7, LOG_MLDSA).write(folder)
        anew = Policy((Party(LOG_MLDSA.verifier),))
        with pytest.raises(Unverified, match="VER-03"):
            log.look()
        with TransparencyLog(url, anew, LastSeen(tmp_path / "seen")) as other:
            assert other.look().checkpoint.size == 7


@pytest.mark.parametrize("size", [300, 700])
def test_a_fork_is_reported_with_its_evidence(log: TransparencyLog, folder: Path, size: int) -> None:
    TREE.write(folder, 300)
    log.look()
    shutil.rmtree(folder / "tile")
    FORK.write(folder, size)
    with pytest.raises(Unverified, match="VER-11") as raised:
        log.look()
    evidence = raised.value.evidence
    last, now = (ONLY_LOG.open(evidence[name]).note for name in ("last", "now"))
    assert (last, now) == (TREE.note(300), FORK.note(size))
    # Whoever gets the evidence sees the same without the log.
    proof = tuple(evidence["proof"][at : at + 32] for at in range(0, len(evidence["proof"]), 32))
    with pytest.raises(Unverified, match="VER-11"):
        require_growth(last, now, lambda old, new: proof)  # type: ignore[arg-type,return-value]


def test_a_checkpoint_that_the_policy_refuses_is_not_kept(tmp_path: Path, folder: Path) -> None:
    TREE.write(folder, 300)
    seen = LastSeen(tmp_path / "seen")
    with served(folder) as url, TransparencyLog(url, POLICY, seen) as log, pytest.raises(Unverified, match="VER-08"):
        log.look()
    assert seen.get(ORIGIN, POLICY) is None


def test_a_partial_file_that_has_gone_is_taken_from_the_full_one(log: TransparencyLog, folder: Path) -> None:
    TREE.write(folder, 200)
    shutil.rmtree(folder / "tile")
    TREE.write(folder, 700)
    assert log.tile(Tile(0, 0, 200)) == b"".join(TREE.leaves[:200])
    assert log.entries(Bundle(0, 200)) == tuple(TREE.entries[:200])
    with pytest.raises(RegardError, match="no tile/0/003"):
        log.tile(Tile(0, 3, 7))


def test_a_log_that_is_away_is_no_fork(tmp_path: Path, folder: Path) -> None:
    with served(folder) as url:
        pass
    with TransparencyLog(url, ONLY_LOG, LastSeen(tmp_path / "seen")) as log, pytest.raises(RegardError) as raised:
        log.look()
    assert raised.value.unreachable


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 700])
def test_the_whole_log_is_read_again(log: TransparencyLog, folder: Path, size: int) -> None:
    TREE.write(folder, size)
    entries = list(verified_entries(log, log.look().checkpoint))
    assert entries == list(enumerate(TREE.entries[:size]))


def test_every_changed_file_of_a_log_is_noticed(log: TransparencyLog, folder: Path) -> None:
    TREE.write(folder)
    checkpoint = log.look().checkpoint
    files = sorted(file for file in (folder / "tile").rglob("*") if file.is_file())
    assert len(files) == 7
    for file in files:
        data = file.read_bytes()
        for at in {0, len(data) // 2, len(data) - 1}:
            file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(Unverified):
                list(verified_entries(log, checkpoint))
        file.write_bytes(data)
    list(verified_entries(log, checkpoint))


def test_a_root_that_the_entries_do_not_make_is_noticed(log: TransparencyLog, folder: Path) -> None:
    TREE.write(folder)
    with pytest.raises(Unverified, match="MON-02"):
        list(verified_entries(log, parse_checkpoint(FORK.note().text)))


EXPLAINED = [
    opening(0),
    opening(1, kind="chaff", index=1),
    opening(2),
    opening(3),
    opening(4, kind="tombstone", leaves=[[2, 2]], reason="expired"),
    opening(5, kind="sealed", leaves=[[3, 3], [7, 8]], until="2026-07-01T00:00:00+00:00"),
    opening(6, kind="chaff", index=6),
    opening(7),
    opening(8),
]


def counted(openings: list[Opening], given: list[Opening], now: datetime = NOW) -> Counts:
    return explain(enumerate(Log(openings).entries), given, now)


def test_entries_are_explained_and_the_counts_add_up() -> None:
    given = [one for one in EXPLAINED if one.index not in {2, 3, 7, 8}]
    assert counted(EXPLAINED, given) == Counts(open=3, chaff=2, sealed=3, erased=1, withheld=0, unexplained=0)
    assert counted(EXPLAINED, EXPLAINED) == Counts(open=7, chaff=2, sealed=0, erased=0, withheld=0, unexplained=0)
    kept_back = [replace(one, salt=b"", record=b"") if one.index in {0, 8} else one for one in EXPLAINED]
    assert counted(EXPLAINED, kept_back) == Counts(open=5, chaff=2, sealed=0, erased=0, withheld=2, unexplained=0)


def test_what_nobody_opens_or_accounts_for_is_unexplained() -> None:
    assert counted(EXPLAINED, []) == Counts(0, 0, 0, 0, 0, unexplained=9)
    without = [one for one in EXPLAINED if one.index not in {0, 2, 3, 7, 8}]
    assert counted(EXPLAINED, without).unexplained == 1
    assert counted(EXPLAINED, without, datetime(2026, 8, 1, tzinfo=UTC)) == Counts(2, 2, 0, 1, 0, unexplained=4)


def test_what_does_not_open_an_entry_is_refused() -> None:
    for wrong in (
        [replace(EXPLAINED[0], salt=bytes(32))],
        [replace(EXPLAINED[0], record=EXPLAINED[2].record)],
        [replace(EXPLAINED[0], index=9)],
        [EXPLAINED[2], EXPLAINED[1]],
    ):
        with pytest.raises(Unverified, match="MON-03"):
            counted(EXPLAINED, wrong)
    misplaced = opening(0, kind="chaff", index=1)
    with pytest.raises(Unverified, match="MON-03"):
        counted([misplaced], [misplaced])


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "tombstone"},
        {"kind": "tombstone", "leaves": [[1]]},
        {"kind": "tombstone", "leaves": [[True, 1]]},
        {"kind": "tombstone", "leaves": ["ab"]},
        {"kind": "sealed", "leaves": [[0, 1]], "until": "soon"},
        {"kind": "sealed", "leaves": [[0, 1]], "until": "2026-07-01"},
    ],
)
def test_records_that_say_nothing_of_entries_are_refused(record: dict[str, object]) -> None:
    one = opening(0, **record)
    with pytest.raises(Unverified, match="VER-01"):
        counted([one], [one])


INFINITE = '{"index":Infinity,"salt":"","record":""}'


def test_openings_are_lines_that_can_be_read() -> None:
    assert [parse_opening(str(one)) for one in EXPLAINED] == EXPLAINED
    for line in (
        "",
        "[]",
        "{}",
        '{"index":0,"salt":"*","record":""}',
        '{"index":"0","salt":"","record":""}',
        INFINITE,
        "[" * 9999,
    ):
        with pytest.raises(Unverified, match="VER-01"):
            parse_opening(line)


class Command:
    """The `regard` command with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config"
        self.policy = folder / "policy"
        self.policy.write_bytes(bytes(POLICY))

    def __call__(self, *arguments: str | Path) -> Result:
        environment = {"XDG_CONFIG_HOME": str(self.config), "REGARD_POLICY": str(self.policy)}
        return CliRunner().invoke(app, [*map(str, arguments)], env=environment)


@pytest.fixture
def regard(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_the_command_verifies_receipts_and_says_each_step(regard: Command, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.tlog-proof", tmp_path / "b.tlog-proof"
    data = bytes(receipt(LOG, LOG_MLDSA, COUNCIL))
    good.write_bytes(data)
    done = regard("verify", good)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("✓") == 6
    assert "léo" in done.stdout
    french = regard("--language", "fr", "verify", good)
    assert "Assez de témoins" in french.stdout
    assert "C’est le journal déjà vu ici." in french.stdout
    bad.write_bytes(data.replace(b"index 6", b"index 7"))
    refused = regard("verify", bad, good)
    assert refused.exit_code == 1
    assert "✗ NOT VERIFIED: VER-04" in refused.stdout
    assert "Verified. The record says:" in refused.stdout
    lines = [json.loads(line) for line in regard("--json", "verify", bad, good).stdout.splitlines()]
    assert [(one["verified"], one.get("id")) for one in lines] == [(False, "VER-04"), (True, None)]


def test_the_command_says_whether_an_access_is_missing_between_receipts(regard: Command, tmp_path: Path) -> None:
    openings, previous = list[Opening](), ""
    for revision in range(3):
        place = {"group": "g", "revision": revision, "index": 0, "of": 1, "previous": previous}
        openings.append(opening(revision, kind="access", **place))
        previous = format_hash(commitment(openings[-1].salt, openings[-1].record))
    tree = Log(openings, LOG, COUNCIL)
    note = tree.note()
    files = [tmp_path / f"{at}.tlog-proof" for at in range(3)]
    for at, (one, file) in enumerate(zip(openings, files, strict=True)):
        file.write_bytes(bytes(Receipt(one.salt, one.record, at, inclusion_proof(at, 3, tree.nodes), note)))
    whole = regard("verify", *files)
    assert whole.exit_code == 0, whole.output
    assert "g: Nothing is missing between these 3." in whole.stdout
    assert "VER-13 An access to the group g is missing: revision 1, number 0." in regard("verify", *files[::2]).stdout


def test_the_command_notices_offline_that_two_receipts_are_of_two_logs(regard: Command, tmp_path: Path) -> None:
    first, second, other = (tmp_path / f"{name}.tlog-proof" for name in "abc")
    first.write_bytes(bytes(receipt(LOG, COUNCIL)))
    second.write_bytes(bytes(receipt(LOG, COUNCIL, record=b'{"kind":"access","other":1}')))
    other.write_bytes(bytes(receipt(LOG, COUNCIL, size=12)))
    assert regard("verify", first).exit_code == 0
    assert "that takes a network" in regard("verify", other).stdout
    forked = regard("verify", second)
    assert forked.exit_code == 1
    assert "VER-11" in forked.stdout
    (evidence,) = (regard.config / "regard" / "evidence").iterdir()
    assert {POLICY.open((evidence / name).read_bytes()).checkpoint.size for name in ("last", "now")} == {11}


def test_the_command_needs_a_policy_and_readable_files(regard: Command, tmp_path: Path) -> None:
    assert regard("verify", tmp_path / "none").exit_code == 2
    regard.policy.write_text("quorum\n")
    assert "VER-01" in regard("verify", tmp_path / "none").stderr
    regard.policy.unlink()
    told = regard("verify", tmp_path / "none")
    assert (told.exit_code, "--policy" in told.stderr) == (2, True)


def test_the_command_looks_at_a_log_and_monitors_it(regard: Command, tmp_path: Path, folder: Path) -> None:
    tree = Log([opening(at) if at % 3 else opening(at, kind="chaff", index=at) for at in range(300)])
    tree.write(folder, 200)
    regard.policy.write_bytes(bytes(ONLY_LOG))
    openings, published = tmp_path / "openings", tmp_path / "counts.json"
    openings.write_text("".join((format_head(bytes(tree.note(300))), *map(str, tree.openings))))
    with served(folder) as url:
        looked = regard("log", "--log", url)
        assert looked.exit_code == 0, looked.stderr
        assert f"{ORIGIN}: 200 · " in looked.stdout
        tree.write(folder)
        assert regard("monitor", "--log", url).exit_code == 0
        done = regard("monitor", "--log", url, "--openings", openings, "--publish", published)
        assert done.exit_code == 0, done.stderr
        counts = json.loads(published.read_text())
        assert [counts[name] for name in ("size", "open", "chaff", "sealed", "erased", "unexplained")] == [
            300,
            200,
            100,
            0,
            0,
            0,
        ]
        assert ONLY_LOG.open(counts["checkpoint"].encode()).checkpoint.size == 300
        openings.write_text("".join((format_head(bytes(tree.note(300))), *map(str, tree.openings[1:]))))
        assert regard("monitor", "--log", url, "--openings", openings).exit_code == 4
        # What opens a part is counted for that part, if it was a part of this log.
        openings.write_text("".join((format_head(bytes(tree.note(120))), *map(str, tree.openings[:120]))))
        done = regard("monitor", "--log", url, "--openings", openings, "--publish", published)
        assert (done.exit_code, json.loads(published.read_text())["size"]) == (0, 120)
        other = Log(tree.openings[60:])
        openings.write_text("".join((format_head(bytes(other.note(120))), *map(str, tree.openings[:120]))))
        assert "MON-02" in regard("monitor", "--log", url, "--openings", openings).stderr
        openings.write_text("".join(map(str, tree.openings)))
        assert "VER-01" in regard("monitor", "--log", url, "--openings", openings).stderr
        shutil.rmtree(folder / "tile")
        Log.of(301, fork_at=7).write(folder)
        forked = regard("log", "--log", url)
        assert forked.exit_code == 1
        assert "VER-11" in forked.stderr
        assert (regard.config / "regard" / "evidence").is_dir()
    away = regard("log", "--log", url)
    assert away.exit_code == 3
