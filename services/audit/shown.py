"""How readers appear in a ledger, by the rules of the group: by name, counted, by role, or as counts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from regard.audit.v1.audit_pb2 import ContestState, LedgerEntry
from regard.audit.v1.events_pb2 import (
    READER_KIND_GUEST,
    READER_KIND_MEMBER,
    READER_KIND_MODERATOR,
    Access,
    Action,
    ReaderKind,
)
from regard.common.v1.common_pb2 import Purpose
from regard.groups.v1.rules_pb2 import (
    READERS_SHOWN_BY_ROLE,
    READERS_SHOWN_COUNTS,
    READERS_SHOWN_EVERYONE_BY_NAME,
    READERS_SHOWN_PRIVILEGED_BY_NAME,
    ReadersShown,
)

from services.audit.sentences import sentence
from services.audit.views import HOUR_US

_BELONGING = (READER_KIND_MEMBER, READER_KIND_MODERATOR, READER_KIND_GUEST)


@dataclass(frozen=True, slots=True)
class Shown:
    """How the readers of some groups appear. `unnamed`: the capacities without a name; None for all of them."""

    unnamed: tuple[ReaderKind, ...] | None
    capacity: bool

    def names(self, kind: int) -> bool:
        """Whether readers in that capacity appear by name."""
        return self.unnamed is not None and kind not in self.unnamed


_EVERYONE_BY_NAME = Shown(unnamed=(), capacity=True)
_SHOWN: Mapping[ReadersShown, Shown] = {
    READERS_SHOWN_PRIVILEGED_BY_NAME: Shown(unnamed=_BELONGING, capacity=True),
    READERS_SHOWN_EVERYONE_BY_NAME: _EVERYONE_BY_NAME,
    READERS_SHOWN_BY_ROLE: Shown(unnamed=None, capacity=True),
    READERS_SHOWN_COUNTS: Shown(unnamed=None, capacity=False),
}


def by_rule(rule: ReadersShown) -> Shown:
    """What a group's rule says; the default where it says nothing."""
    return _SHOWN.get(rule, _SHOWN[READERS_SHOWN_PRIVILEGED_BY_NAME])


def by_name() -> Shown:
    """To auditors, and to people about what they did themselves."""
    return _EVERYONE_BY_NAME


@dataclass(frozen=True, slots=True)
class Row:
    """An access with its reader's name, as the table has it. `disclosed_at_us`: when members were told later."""

    group_id: str
    revision: int
    index: int
    of: int
    record: bytes
    ended_at_us: int | None
    place: int
    disclosed_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Accesses of one hour whose readers are not named, together."""

    group_id: str
    hour: int
    reader_kind: ReaderKind
    action: Action
    purpose: Purpose
    purpose_reference: str
    accesses: int
    readers: int


Line = Row | Counted


def entry(line: Line, contests: Mapping[str, ContestState] = MappingProxyType({})) -> LedgerEntry:
    """The line as the contract has it, with its sentence. `contests`: where they stand, by access."""
    shown = _named(line) if isinstance(line, Row) else _counted(line)
    if contest := contests.get(shown.access_id):
        shown.contest = contest
    shown.sentence.CopyFrom(sentence(shown))
    return shown


def _named(row: Row) -> LedgerEntry:
    access = Access.FromString(row.record)
    shown = LedgerEntry(
        access_id=access.access_id,
        group_id=row.group_id,
        reader_id=access.reader_id,
        reader_kind=access.reader_kind,
        action=access.action,
        objects=access.objects,
        purpose=access.purpose,
        purpose_reference=access.purpose_reference,
        client=access.client,
        at=access.at,
        rules_version=access.rules_version,
        count=1,
        readers=1,
        revision=row.revision,
        index=row.index,
        of=row.of,
        break_glass_id=access.break_glass_id,
    )
    if row.ended_at_us is not None:
        shown.ended_at.FromMicroseconds(row.ended_at_us)
    if row.disclosed_at_us is not None:
        shown.disclosed_at.FromMicroseconds(row.disclosed_at_us)
    return shown


def _counted(line: Counted) -> LedgerEntry:
    shown = LedgerEntry(
        group_id=line.group_id,
        reader_kind=line.reader_kind,
        action=line.action,
        purpose=line.purpose,
        purpose_reference=line.purpose_reference,
        count=line.accesses,
        readers=line.readers,
    )
    shown.at.FromMicroseconds(line.hour * HOUR_US)
    return shown
