"""Exports, as an auditor gets them: whole, signed, proved, and seen by every group before anything is given."""

from __future__ import annotations

import csv
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.events_pb2 import (
    ACTION_EXPORT,
    ACTION_LIVE,
    READER_KIND_AUDITOR,
    READER_KIND_MEMBER,
    Action,
    Objects,
)
from regard.common.v1.common_pb2 import PURPOSE_INTERNAL_AUDIT, Sentence
from regard.groups.v1.events_pb2 import BreakGlassDisclosed, GroupDeleted

from regard_client.verify.export import ACCESSES, EVENTS, MANIFEST, TABLE, Manifest, verify_export
from regard_client.verify.policy import Party, Policy
from services.audit import export, exported
from services.audit.log.keys import log_keys
from services.audit.log.vault import METADATA
from services.common.masterkey import load_master_key
from services.common.rpc import Caller, acting
from tests.contract.test_audit import Audit, audit, auditor, post, refused
from tests.contract.test_forgetting import (
    BREAKABLE,
    EVERYONE,
    forgetting,
    in_the_log,
    read_under_seal,
    under_seal,
    written,
)
from tests.contract.test_receipts import receipt
from tests.guarded import eventually, person

__all__ = ["audit"]

WHY = {"purpose": PURPOSE_INTERNAL_AUDIT, "purpose_reference": "2026-14"}
REQUIRED = {
    *("activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"),
    *("actor", "src_endpoint"),
}
"""By OCSF 1.6.0, for each event and for those of this class; besides a database, a databucket or a table."""


async def exporting(audit: Audit, folder: Path, who: Caller, *group_ids: str, **asked: Any) -> int:
    """Writes an export into a folder; how many accesses were announced."""
    announced = 0
    request = pb.ExportAccessesRequest(query=pb.SearchAccessesRequest(group_ids=group_ids, **{**WHY, **asked}))
    with acting(who):
        async for frame in audit.query.ExportAccesses(request, None):  # type: ignore[arg-type]
            announced = announced or frame.accesses
            for piece in frame.pieces:
                path = folder / piece.name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("ab") as file:
                    file.write(piece.data)
    return announced


async def verified(audit: Audit, folder: Path) -> Manifest:
    """What the folder holds, for whoever trusts the log."""
    kernel = audit.kernel
    database, url = kernel.vault("audit", METADATA), kernel.settings.url.partition("://")[2]
    keys = await log_keys(database, load_master_key(kernel.settings), f"{url}/log")
    return verify_export(folder, Policy(tuple(map(Party, keys.verifiers)), quorum="none"))


def lines(folder: Path, name: str = ACCESSES) -> list[dict[str, Any]]:
    """The lines of a file."""
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an export goes; made by its first file."""
    return tmp_path / "export"


def nothing_was_given(folder: Path) -> bool:
    """Whether there is not even the folder."""
    return not os.path.lexists(folder)


async def test_what_members_were_told_of_later_is_proved_too(audit: Audit, folder: Path) -> None:
    awa, ben, looking = person(), person(), auditor()
    group_id = await audit.group(awa, ben, **BREAKABLE)
    id, reader = await under_seal(audit, group_id, audit.clock.now + timedelta(days=1))
    access_id = await read_under_seal(audit, id, reader, group_id, post("p", awa))
    await eventually(lambda: written(audit, id, access_id))
    await receipt(audit, reader.person_id, group_id, access_id)
    assert await exporting(audit, folder.with_name("before"), looking, group_id, reader_id=reader.person_id) == 0
    await audit.write(f"breakglass-{id}", BreakGlassDisclosed(break_glass_id=id, group_id=group_id))

    async def told() -> bool:
        return access_id in [one.access_id for one in (await audit.list(ben, group_id)).entries]

    await eventually(told)
    await exporting(audit, folder, looking, group_id, reader_id=reader.person_id)
    manifest = await verified(audit, folder)
    assert (manifest.accesses, manifest.unproven) == (1, {})
    (line,) = lines(folder)
    assert (line["access_id"], line["group_id"], line["break_glass_id"]) == (access_id, group_id, id)
    (statistics,) = (await asked_for_counts(audit, looking, group_id, reader.person_id)).counts
    assert (statistics.accesses, statistics.groups) == (1, 1)


async def asked_for_counts(audit: Audit, who: Caller, group_id: str, reader_id: str) -> pb.GetStatisticsResponse:
    """How many accesses somebody made to a group, by day."""
    query = pb.SearchAccessesRequest(group_ids=[group_id], reader_id=reader_id, **WHY)
    with acting(who):
        return await audit.query.GetStatistics(pb.GetStatisticsRequest(query=query), None)  # type: ignore[no-any-return]


async def test_it_is_whole_signed_and_proved_and_the_groups_see_it(audit: Audit, folder: Path) -> None:
    awa, ben, looking = person(), person(), auditor()
    one, two, other = [await audit.group(awa, ben, **EVERYONE) for _ in range(3)]
    for group_id in (one, two, other):
        for number in range(2):
            await audit.read(ben, group_id, post(f"{number}", awa))
    await in_the_log(audit, *((ben, group_id) for group_id in (one, two, other)))
    announced = await exporting(audit, folder, looking, one, two, reader_id=ben)
    manifest = await verified(audit, folder)
    assert (announced, manifest.accesses, manifest.unproven) == (4, 4, {})
    assert {(line["group_id"], line["reader_id"]) for line in lines(folder)} == {(one, ben), (two, ben)}
    assert len({name for name in manifest.files if name.startswith("receipts/")}) == 4
    asked = json.loads((folder / MANIFEST).read_text())
    assert (asked["by"], asked["query"]["purpose_reference"]) == (looking.person_id, "2026-14")
    assert asked["query"]["group_ids"] == [one, two]
    for group_id, seen in ((one, [ACTION_EXPORT]), (two, [ACTION_EXPORT]), (other, [])):
        told = [access for access in await audit.accesses(group_id) if access.reader_kind == READER_KIND_AUDITOR]
        assert [access.action for access in told] == seen
        assert [objects.type for access in told for objects in access.objects] == ["ledger"] * len(seen)
    # The export is itself among what the next one holds, and waits until the log has it.
    await audit.shown(one)
    again = folder.with_name("again")
    await exporting(audit, again, looking, one)
    assert (await verified(audit, again)).unproven == {}
    assert [line["action"] for line in lines(again)].count("ACTION_EXPORT") >= 1


async def test_every_form_tells_the_same(audit: Audit, folder: Path) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, group_id, post("p1", awa))
    await in_the_log(audit, (ben, group_id))
    await exporting(audit, folder, auditor(), group_id, reader_kind=READER_KIND_MEMBER)
    (line,), (event,) = lines(folder), lines(folder, EVENTS)
    with (folder / TABLE).open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["access_id"] == event["metadata"]["uid"] == line["access_id"]
    assert row["reader_id"] == event["actor"]["user"]["uid"] == line["reader_id"] == ben
    assert row["group_id"] == event["databucket"]["uid"] == line["group_id"] == group_id
    assert row["objects"] == "post:p1"
    assert event.keys() >= REQUIRED
    assert (event["class_uid"], event["type_uid"], event["category_uid"]) == (6005, 600501, 6)
    assert event["metadata"]["version"] == "1.6.0"


@pytest.mark.parametrize("action", [value for value in Action.values() if value])
def test_each_action_is_an_event_of_the_schema(action: Action) -> None:
    entry = pb.LedgerEntry(access_id="a", reader_id="r", action=action, client="web")
    if action == ACTION_LIVE:
        entry.ended_at.FromSeconds(60)
    event = json.loads(exported.event(entry))
    assert event.keys() >= REQUIRED
    assert event["activity_id"] in {1, 4, 6, 99}
    assert event["type_uid"] == 600_500 + event["activity_id"]
    assert event.get("end_time") == (60_000 if action == ACTION_LIVE else None)


@pytest.mark.parametrize("begins", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(begins: str) -> None:
    entry = pb.LedgerEntry(
        access_id="a", purpose_reference=begins, client=begins, sentence=Sentence(en=begins, fr=begins)
    )
    entry.objects.append(Objects(type=begins, ids=[begins]))
    (cells,) = csv.reader([exported.row(entry).decode()[:-2]]) if "\n" not in begins else (["'"],)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)


async def test_what_was_erased_or_comes_too_late_is_named_without_a_receipt(
    audit: Audit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, group_id, post("p1", awa))
    await audit.shown(group_id)
    monkeypatch.setattr(export, "_PROVABLE_WITHIN_S", -1.0)
    monkeypatch.setattr(export.Receipts, "published", _nothing)
    await exporting(audit, folder, auditor(), group_id)
    manifest = await verified(audit, folder)
    assert set(manifest.unproven.values()) == {"AUD-05"}
    assert len(manifest.unproven) == manifest.accesses >= 1


async def _nothing(_receipts: object) -> None:
    return None


async def test_of_a_deleted_group_nothing_is_given(audit: Audit, folder: Path) -> None:
    awa, ben, looking = person(), person(), auditor()
    gone = await audit.group(awa, ben, **EVERYONE)
    await audit.read(ben, gone, post("p1", awa))
    await in_the_log(audit, (ben, gone))
    await audit.write(f"group-{gone}", GroupDeleted(group_id=gone, deleted_by=awa))
    mine = forgetting(audit)

    async def erased() -> bool:
        return await mine.turn() == 1

    await eventually(erased)
    await refused(lambda: exporting(audit, folder, looking, gone), "ACC-01")
    assert nothing_was_given(folder)


async def test_too_much_for_one_export_is_refused_before_anything_is_given(
    audit: Audit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben)
    for number in range(3):
        await audit.read(ben, group_id, post(f"{number}", awa))
    await audit.shown(group_id)
    monkeypatch.setattr(export, "MOST_ACCESSES", 2)
    await refused(lambda: exporting(audit, folder, auditor(), group_id, reader_id=ben), "AUD-60")
    await refused(lambda: exporting(audit, folder, auditor()), "AUD-30")
    assert nothing_was_given(folder)


async def test_nothing_is_given_that_could_not_be_recorded(audit: Audit, folder: Path) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben)
    await audit.read(ben, group_id, post("p1", awa))
    await audit.shown(group_id)
    audit.store.appends_to_lose = 10**6
    await refused(lambda: exporting(audit, folder, auditor(), group_id), "ACC-09")
    audit.store.appends_to_lose = 0
    assert nothing_was_given(folder)


async def test_it_stops_when_the_group_may_no_longer_be_searched(
    audit: Audit, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, **EVERYONE)
    for number in range(4):
        await audit.read(ben, group_id, post(f"{number}", awa))
    await in_the_log(audit, (ben, group_id))
    monkeypatch.setattr(export, "ACCESSES_PER_FRAME", 1)
    monkeypatch.setattr("services.access.guard.SIGHT_LIFE_S", -1.0)
    request = pb.ExportAccessesRequest(query=pb.SearchAccessesRequest(group_ids=[group_id], reader_id=ben, **WHY))
    given = 0

    async def reading() -> None:
        nonlocal given
        with acting(auditor()):
            async for frame in audit.query.ExportAccesses(request, None):  # type: ignore[arg-type]
                given += sum(piece.name == ACCESSES and bool(piece.data) for piece in frame.pieces)
                if given == 1:
                    await audit.write(f"group-{group_id}", GroupDeleted(group_id=group_id, deleted_by=awa))

    await refused(reading, "ACC-01")
    assert 1 <= given < 4
