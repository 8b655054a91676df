"""An access is contested once and answered once, by somebody else than who made it."""

from datetime import UTC, datetime, timedelta

import pytest
from regard.audit.v1.events_pb2 import (
    CONTEST_OUTCOME_IN_ORDER,
    CONTEST_REASON_NOT_RECOGNISED,
    AccessContested,
    AccessesErased,
    ContestSettled,
)
from regard.common.v1.common_pb2 import Sealed

from services.audit.contest import DECIDER, ContestAccess, SettleContest
from services.common.moments import timestamp_of
from tests.given import examples

given = examples(DECIDER)
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ANSWER = Sealed(ciphertext=b"answer")
CONTESTED = AccessContested(
    group_id="g", access_id="a", contested_by="ben", reason=CONTEST_REASON_NOT_RECOGNISED,
    due_at=timestamp_of(NOW + timedelta(days=30)),
)  # fmt: skip
SETTLED = ContestSettled(group_id="g", access_id="a", settled_by="awa", outcome=CONTEST_OUTCOME_IN_ORDER, answer=ANSWER)
CONTEST = ContestAccess("g", "a", CONTEST_REASON_NOT_RECOGNISED, "ben", NOW)


def settle(access_id: str = "a", by: str = "awa", reader_id: str = "eve") -> SettleContest:
    return SettleContest("g", access_id, CONTEST_OUTCOME_IN_ORDER, ANSWER, reader_id, by)


def test_an_access_is_contested_once_for_thirty_days() -> None:
    given(AccessesErased()).when(CONTEST).then(CONTESTED)
    given(CONTESTED).when(CONTEST).then()
    given(CONTESTED, SETTLED).when(CONTEST).then()


def test_it_is_answered_once_and_by_another() -> None:
    given(CONTESTED).when(settle()).then(SETTLED)
    given(CONTESTED).when(settle(by="eve")).raises("AUD-42")
    given(CONTESTED, SETTLED).when(settle()).raises("AUD-41")


@pytest.mark.parametrize("past", [(), (CONTESTED,)])
def test_what_is_not_contested_is_not_answered(past: tuple[AccessContested, ...]) -> None:
    given(*past).when(settle("another")).raises("AUD-40")
