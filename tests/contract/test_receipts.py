"""Receipts as members ask for them, and the log as anyone reads it, with audit at work as in production."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from regard.audit.v1 import audit_pb2 as pb
from regard.groups.v1.rules_pb2 import READERS_SHOWN_EVERYONE_BY_NAME

from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.hashing import leaf_hash
from regard_client.verify.keys import parse_vkey
from regard_client.verify.notes import open_note, parse_note
from regard_client.verify.policy import parse_policy
from regard_client.verify.receipt import Verified, verify_receipt
from regard_client.verify.tiles import bundles, parse_bundle
from regard_client.verify.tree import root_of
from services.common.errors import Refused
from services.common.http import serve_http
from services.common.rpc import Caller, acting
from tests.contract.test_audit import Audit, audit, auditor, post
from tests.guarded import DEADLINE_S, person

__all__ = ["audit"]


@asynccontextmanager
async def reading(audit: Audit) -> AsyncIterator[httpx.AsyncClient]:
    """Reads the log as anyone can."""
    assert audit.service.http is not None
    async with serve_http(audit.service.http, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield client


async def receipt(audit: Audit, who: str, group_id: str, access_id: str) -> bytes:
    """Asks until it is provable."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                with acting(Caller(who)):
                    asked = pb.GetReceiptRequest(group_id=group_id, access_id=access_id)
                    return bytes((await audit.ledger.GetReceipt(asked, None)).receipt)
            except Refused as refused:
                # AUD-04: it may not have been read from the event store yet.
                if refused.refusal.id not in ("AUD-04", "AUD-05"):
                    raise
            await asyncio.sleep(0.02)


async def verified(audit: Audit, receipt: bytes) -> Verified:
    """What the receipt proves by the policy that is served."""
    async with reading(audit) as client:
        return verify_receipt(receipt, parse_policy((await client.get("/log/policy")).content))


async def refused(audit: Audit, who: str, group_id: str, access_id: str, id: str) -> None:
    with pytest.raises(Refused) as caught:
        await receipt(audit, who, group_id, access_id)
    assert caught.value.refusal.id == id


async def test_members_get_receipts_for_whom_the_rules_show_by_name(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    await audit.read(ben, group_id, post("p1", awa))
    (access,) = await audit.accesses(group_id)
    for who in (awa, ben):
        found = await verified(audit, await receipt(audit, who, group_id, access.access_id))
        assert found.record["access"]["reader_id"] == ben  # type: ignore[index]
        assert (found.record["group"], found.record["revision"]) == (group_id, 0)
    await refused(audit, person(), group_id, access.access_id, "ACC-01")
    other = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    with acting(Caller(awa)), pytest.raises(Refused) as caught:
        await audit.ledger.GetReceipt(pb.GetReceiptRequest(group_id=other, access_id=access.access_id), None)
    assert caught.value.refusal.id == "AUD-04"


async def test_who_is_only_counted_is_proved_to_themselves_alone(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben)
    await audit.read(ben, group_id, post("p1", awa))
    await audit.search(auditor(), group_id)
    mine, searched = await audit.accesses(group_id)
    found = await verified(audit, await receipt(audit, ben, group_id, mine.access_id))
    assert found.record["access"]["access_id"] == mine.access_id  # type: ignore[index]
    await refused(audit, awa, group_id, mine.access_id, "AUD-07")
    await verified(audit, await receipt(audit, awa, group_id, searched.access_id))
    await audit.remove(group_id, ben)
    await verified(audit, await receipt(audit, ben, group_id, mine.access_id))
    await refused(audit, ben, group_id, searched.access_id, "ACC-01")


async def test_asking_for_a_receipt_is_an_access(audit: Audit) -> None:
    awa, ben = person(), person()
    group_id = await audit.group(awa, ben, readers=READERS_SHOWN_EVERYONE_BY_NAME)
    await audit.read(ben, group_id, post("p1", awa))
    (access,) = await audit.accesses(group_id)
    await receipt(audit, awa, group_id, access.access_id)
    asked = (await audit.accesses(group_id))[1:]
    assert [(one.reader_id, one.objects[0].type) for one in asked] == [(awa, "ledger")]
    audit.store.appends_to_lose = 10**6
    audit.clock.move(hours=2)
    await refused(audit, awa, group_id, access.access_id, "ACC-09")
    audit.store.appends_to_lose = 0


async def test_anyone_reads_the_log_with_the_right_headers(audit: Audit) -> None:
    awa = person()
    group_id = await audit.group(awa)
    await audit.list(awa, group_id)
    (access,) = await audit.accesses(group_id)
    await receipt(audit, awa, group_id, access.access_id)
    async with reading(audit) as client:
        answer = await client.get("/log/checkpoint")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "public, max-age=1"
        vkey = await client.get("/log/vkey")
        assert vkey.text.count("\n") == 1
        note = parse_note(answer.content)
        open_note(note, [parse_vkey(vkey.text.strip())])
        tree = parse_checkpoint(note.text)
        entries: list[bytes] = []
        for bundle in bundles(tree.size):
            found = await client.get(f"/log/{bundle.path}")
            assert found.headers["content-type"] == "application/octet-stream"
            assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
            entries += parse_bundle(found.content, bundle.width)
        assert root_of(map(leaf_hash, entries)) == tree.root
        for strange in (
            "tile/0/999",
            "tile/0/0",
            "tile/../../vaults/audit.sqlite",
            "tile/0/000.p/256",
            "staging/0-4-x",
        ):
            missing = await client.get(f"/log/{strange}")
            assert (missing.status_code, missing.headers.get("cache-control", "no-store")) == (404, "no-store")
        assert (await client.post("/log/checkpoint")).status_code == 405
        assert (await client.head("/log/checkpoint")).status_code == 200
