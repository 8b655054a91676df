"""Contesting an access as people see it: by a member, answered with a role, read by every member."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.events_pb2 import (
    CONTEST_OUTCOME_NOT_IN_ORDER,
    CONTEST_REASON_UNJUSTIFIED,
    READER_KIND_BREAK_GLASS,
    ContestSettled,
)
from regard.common.v1.options_pb2 import ROLE_DATA_PROTECTION_OFFICER, ROLE_SECURITY_OFFICER

from tests.contract.streaming import eventually
from tests.contract.test_break_glass import TWO_KEYS, House, at_work
from tests.contract.test_identity import Refusal, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = "This was asked of nobody; it was stopped."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with at_work(tmp_path_factory.mktemp("contests")) as house:
        await house.claim()
        house.ada, house.bob, house.eve = [await house.colleague(name) for name in ("Ada", "Bob", "Eve")]
        house.officer = await house.key_holder(ROLE_SECURITY_OFFICER)
        house.dpo = await house.key_holder(ROLE_DATA_PROTECTION_OFFICER)
        yield house


async def test_a_member_contests_another_answers_and_all_read_what_came_of_it(house: House) -> None:
    group_id = await house.group(TWO_KEYS, house.bob)
    await house.post(group_id)
    await house.opened(group_id)
    await house.read(house.officer, group_id)
    line = await looked(house, group_id)
    this = {"group_id": group_id, "access_id": line.access_id}
    contest = pb.ContestAccessRequest(**this, reason=CONTEST_REASON_UNJUSTIFIED)
    settle = pb.SettleContestRequest(**this, outcome=CONTEST_OUTCOME_NOT_IN_ORDER, answer=ANSWER)
    listing = pb.ListContestsRequest(group_id=group_id)
    ledger = house.ledger

    assert (await refused(house.call(ledger.SettleContest, settle, house.dpo.token))).id == "AUD-40"
    assert (await refused(house.call(ledger.ContestAccess, contest, house.eve.token))).id == "ACC-01"
    unknown = pb.ContestAccessRequest(group_id=group_id, access_id=str(uuid.uuid4()), reason=CONTEST_REASON_UNJUSTIFIED)
    assert (await refused(house.call(ledger.ContestAccess, unknown, house.bob.token))).id == "AUD-04"

    async def is_contested() -> bool:
        try:
            await house.call(ledger.ContestAccess, contest, house.bob.token)
        except Refusal as refusal:
            if refusal.id != "AUD-04":  # not read from the event store yet
                raise
            return False
        return True

    await eventually(is_contested)
    (mine,) = (await house.call(ledger.ListContests, listing, house.bob.token)).contests
    (theirs,) = (await house.call(ledger.ListContests, listing, house.ada.token)).contests
    assert (mine.mine, theirs.mine, theirs.state) == (True, False, pb.CONTEST_STATE_OPEN)
    assert mine.due_at.seconds - mine.contested_at.seconds == pytest.approx(30 * 86_400, abs=5)
    assert "contested" in (await looked(house, group_id)).sentence.en

    assert (await refused(house.call(ledger.SettleContest, settle, house.bob.token))).id == "RPC-07"
    await house.call(ledger.SettleContest, settle, house.dpo.token)
    assert (await refused(house.call(ledger.SettleContest, settle, house.dpo.token))).id == "AUD-41"
    for who in (house.ada, house.dpo):
        (told,) = (await house.call(ledger.ListContests, listing, who.token)).contests
        assert (told.state, told.outcome) == (pb.CONTEST_STATE_SETTLED, CONTEST_OUTCOME_NOT_IN_ORDER)
        assert (told.answer, told.settled_by) == (ANSWER, house.dpo.id)
    assert (await refused(house.call(ledger.ListContests, listing, house.eve.token))).id == "ACC-01"
    assert (await looked(house, group_id)).contest == pb.CONTEST_STATE_SETTLED
    (settled,) = [one for one in await house.events(f"ledger-{group_id}") if isinstance(one, ContestSettled)]
    assert ANSWER.encode() not in settled.SerializeToString()


async def looked(house: House, group_id: str) -> pb.LedgerEntry:
    """The line of the ledger about who read by break-glass."""
    found: list[pb.LedgerEntry] = []

    async def is_shown() -> bool:
        request = pb.ListAccessesRequest(group_id=group_id)
        entries = (await house.call(house.ledger.ListAccesses, request, house.ada.token)).entries
        found[:] = [one for one in entries if one.reader_kind == READER_KIND_BREAK_GLASS]
        return bool(found)

    await eventually(is_shown)
    return found[0]
