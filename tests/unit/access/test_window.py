"""Which readings are one access: the same reader, capacity, action, purpose and rules, in the same window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from regard.audit.v1.events_pb2 import READER_KIND_GUEST, READER_KIND_MEMBER
from regard.common.v1.common_pb2 import PURPOSE_INTERNAL_AUDIT, PURPOSE_UNSPECIFIED
from regard.groups.v1.rules_pb2 import Rules

from services.access import Action, GroupPolicy
from services.access.window import Looking, Windows, looking

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
POLICY = GroupPolicy("g", rules=Rules(), rules_version=1)
OBJECT = ("post", "p")


def one(policy: GroupPolicy = POLICY, at: datetime = AT, **other: object) -> Looking:
    asked: dict[str, object] = {
        "reader": "awa",
        "capacity": READER_KIND_MEMBER,
        "action": Action.READ,
        "purpose": PURPOSE_UNSPECIFIED,
        "reference": "",
        **other,
    }
    return looking(policy, at=at, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        one(reader="ben"),
        one(capacity=READER_KIND_GUEST),
        one(action=Action.PREVIEW),
        one(purpose=PURPOSE_INTERNAL_AUDIT),
        one(reference="2026-14"),
        one(replace(POLICY, group_id="h")),
        one(replace(POLICY, rules_version=2)),
        one(at=AT + timedelta(minutes=60)),
        one(at=AT - timedelta(microseconds=1)),
    ],
)
def test_what_differs_is_another_access(other: Looking) -> None:
    windows = Windows()
    windows.saw(one(), {OBJECT})
    assert windows.unseen(one(at=AT + timedelta(minutes=59)), {OBJECT}) == set()
    assert windows.unseen(other, {OBJECT}) == {OBJECT}


def test_a_group_sets_its_window() -> None:
    quick = replace(POLICY, rules=Rules(window_minutes=5))
    assert one(quick) == one(quick, at=AT + timedelta(minutes=4))
    assert one(quick) != one(quick, at=AT + timedelta(minutes=5))


def test_forgetting_only_adds_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.access.window._REMEMBERED_OBJECTS", 2)
    windows = Windows()
    for reader in ("awa", "ben", "chloé"):
        windows.saw(one(reader=reader), {OBJECT})
    assert windows.unseen(one(reader="awa"), {OBJECT}) == {OBJECT}
    assert windows.unseen(one(reader="chloé"), {OBJECT}) == set()
