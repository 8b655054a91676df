"""Lines of the ledger in plain words."""

from __future__ import annotations

import pytest
from regard.audit.v1 import events_pb2 as audit
from regard.audit.v1.audit_pb2 import LedgerEntry
from regard.audit.v1.events_pb2 import Objects
from regard.common.v1.common_pb2 import PURPOSE_INTERNAL_AUDIT

from services.audit.sentences import sentence


@pytest.mark.parametrize(
    ("entry", "en", "fr"),
    [
        (
            LedgerEntry(
                reader_id="awa",
                reader_kind=audit.READER_KIND_AUDITOR,
                action=audit.ACTION_SEARCH_LEDGER,
                purpose=PURPOSE_INTERNAL_AUDIT,
                purpose_reference="2026-14",
                count=1,
                readers=1,
            ),
            "{reader}, auditor, searched the ledger · purpose: internal audit 2026-14",
            "{reader}, audit, a cherché dans le registre · motif : audit interne 2026-14",
        ),
        (
            LedgerEntry(
                reader_id="awa",
                reader_kind=audit.READER_KIND_MEMBER,
                action=audit.ACTION_READ,
                objects=[Objects(type="message", ids=["r"], first=10, last=57), Objects(type="post", ids=["p"])],
                count=1,
                readers=1,
            ),
            "{reader}, member, read 48 messages (10 to 57), a post",
            "{reader}, membre, a lu 48 messages (10 à 57), une publication",
        ),
        (
            LedgerEntry(reader_kind=audit.READER_KIND_MEMBER, action=audit.ACTION_READ, count=34, readers=12),
            "12 members read this group · 34 times",
            "12 membres ont lu ce groupe · 34 fois",
        ),
        (
            LedgerEntry(
                reader_id="awa",
                reader_kind=audit.READER_KIND_MODERATOR,
                action=audit.ACTION_LIVE,
                objects=[Objects(type="group", ids=["g"])],
                count=1,
                readers=1,
            ),
            "{reader}, moderator, followed this group live",
            "{reader}, modération, a suivi ce groupe en direct",
        ),
        (
            LedgerEntry(reader_kind=audit.READER_KIND_GUEST, action=audit.ACTION_LIVE, count=1, readers=1),
            "1 guest followed this group live",
            "1 invité·e a suivi ce groupe en direct",
        ),
        (
            LedgerEntry(action=audit.ACTION_READ, count=2, readers=2),
            "2 people read this group",
            "2 personnes ont lu ce groupe",
        ),
    ],
)
def test_a_line_reads_well_in_both_languages(entry: LedgerEntry, en: str, fr: str) -> None:
    told = sentence(entry)
    assert (told.en, told.fr) == (en, fr)


@pytest.mark.parametrize("action", audit.Action.values())
@pytest.mark.parametrize("kind", audit.ReaderKind.values())
def test_there_are_words_for_every_capacity_and_action(action: audit.Action, kind: audit.ReaderKind) -> None:
    for told in (
        sentence(
            LedgerEntry(reader_kind=kind, action=action, count=1, readers=1, objects=[Objects(type="?", ids="ab")])
        ),
        sentence(LedgerEntry(reader_id="awa", reader_kind=kind, action=action, count=1, readers=1)),
    ):
        assert told.en != told.fr
        assert "{what}" not in told.en + told.fr
