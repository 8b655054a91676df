"""The rules of access: the one table that the guard enforces and the panel shows.

A rule says whom it is about, in which groups it holds, what it gives, and why, in both languages. Whatever no rule
gives is refused. `Outside` is about those whom the guard cannot stop, so that the panel says so.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from regard.audit.v1.events_pb2 import (
    READER_KIND_ADMINISTRATOR,
    READER_KIND_AUDITOR,
    READER_KIND_BREAK_GLASS,
    READER_KIND_COLLEAGUE,
    READER_KIND_DATA_PROTECTION_OFFICER,
    READER_KIND_GUEST,
    READER_KIND_MEMBER,
    READER_KIND_MODERATOR,
    READER_KIND_UNSPECIFIED,
    ReaderKind,
)
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, Level
from regard.common.v1.options_pb2 import (
    ROLE_AUDITOR,
    ROLE_DATA_PROTECTION_OFFICER,
    ROLE_PLATFORM_ADMINISTRATOR,
    Role,
)
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_TWO_KEYS,
    MEMBER_ROLE_GUEST,
    MEMBER_ROLE_MEMBER,
    MEMBER_ROLE_MODERATOR,
    MEMBER_ROLE_STEWARD,
    MemberRole,
)

from services.access.group import GroupPolicy


class Right(enum.Enum):
    """What a rule can give."""

    CONTENT = "read content"
    LEDGER = "read the ledger"
    LEDGER_SEARCH = "search the ledger with a role"
    TRAIL = "see all of a break-glass with a role"
    WRITE = "write"
    MANAGE = "manage membership and rules"
    IMPORT = "bring history in"
    FIND = "know that the group exists, and its name"


class Action(enum.Enum):
    """What someone wants to do in a group, with the right that it takes."""

    READ = "read"
    LIVE = "live"
    SEARCH = "search"
    PREVIEW = "preview"
    DOWNLOAD = "download"
    EXPORT = "export"
    READ_LEDGER = "read_ledger"
    SEARCH_LEDGER = "search_ledger"
    EXPORT_LEDGER = "export_ledger"
    READ_TRAIL = "read_trail"
    WRITE = "write"
    MANAGE = "manage"
    IMPORT = "import"
    FIND = "find"

    @property
    def right(self) -> Right:
        """The right that it takes."""
        return _TAKES.get(self, Right.CONTENT)


_TAKES = {
    Action.READ_LEDGER: Right.LEDGER,
    Action.SEARCH_LEDGER: Right.LEDGER_SEARCH,
    Action.EXPORT_LEDGER: Right.LEDGER_SEARCH,
    Action.READ_TRAIL: Right.TRAIL,
    Action.WRITE: Right.WRITE,
    Action.MANAGE: Right.MANAGE,
    Action.IMPORT: Right.IMPORT,
    Action.FIND: Right.FIND,
}


@dataclass(frozen=True, slots=True)
class Belonging:
    """Those who belong to the group in this capacity."""

    role: MemberRole


@dataclass(frozen=True, slots=True)
class Holding:
    """Those who hold this role in the organisation."""

    role: Role


@dataclass(frozen=True, slots=True)
class Opened:
    """Those to whom two people with roles opened the group, for a while and in a scope: break-glass."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Two people with two different roles, who together can open the group: nobody by that alone."""


@dataclass(frozen=True, slots=True)
class Everyone:
    """Every colleague."""


@dataclass(frozen=True, slots=True)
class Outside:
    """People beyond the guard's reach."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `levels`: of which content, by the level at which it was written."""

    id: str
    whom: Belonging | Holding | Opened | Keys | Everyone | Outside
    capacity: ReaderKind
    holds: Callable[[GroupPolicy], bool]
    gives: frozenset[Right]
    levels: frozenset[Level]
    en: str
    fr: str

    def rights(self, policy: GroupPolicy) -> frozenset[Right]:
        """What it gives in this group as it is; nothing where it does not hold."""
        if not policy.exists or not self.holds(policy):
            return frozenset()
        return self.gives - _CLOSED if policy.archived else self.gives


_CLOSED = frozenset({Right.WRITE, Right.IMPORT})
_NO_LEVEL: frozenset[Level] = frozenset()
_OPEN_LEVEL = frozenset({LEVEL_OPEN})
_ALL_LEVELS = frozenset({LEVEL_OPEN, LEVEL_RESTRICTED, LEVEL_CONFIDENTIAL})


def _in_any_group(_policy: GroupPolicy) -> bool:
    return True


def _in_working_groups(policy: GroupPolicy) -> bool:
    return not policy.direct


def _in_open_groups(policy: GroupPolicy) -> bool:
    return policy.level == LEVEL_OPEN


def _where_two_keys_open(policy: GroupPolicy) -> bool:
    return not policy.direct and policy.rules.break_glass == BREAK_GLASS_TWO_KEYS


def _in_groups_that_can_be_found(policy: GroupPolicy) -> bool:
    return policy.level == LEVEL_RESTRICTED and policy.rules.discoverable


RULES: tuple[Rule, ...] = (
    Rule(
        "SEE-01",
        Belonging(MEMBER_ROLE_MODERATOR),
        READER_KIND_MODERATOR,
        _in_working_groups,
        frozenset({Right.CONTENT, Right.LEDGER, Right.WRITE, Right.MANAGE, Right.FIND}),
        _ALL_LEVELS,
        en="Moderates the group: manages its members and rules, and reads no more than a member.",
        fr="Modère le groupe : en gère les membres et les règles, et ne lit rien de plus qu’un membre.",
    ),
    Rule(
        "SEE-02",
        Belonging(MEMBER_ROLE_MEMBER),
        READER_KIND_MEMBER,
        _in_any_group,
        frozenset({Right.CONTENT, Right.LEDGER, Right.WRITE, Right.FIND}),
        _ALL_LEVELS,
        en="Is a member.",
        fr="Est membre.",
    ),
    Rule(
        "SEE-03",
        Belonging(MEMBER_ROLE_GUEST),
        READER_KIND_GUEST,
        _in_working_groups,
        frozenset({Right.CONTENT, Right.LEDGER, Right.WRITE, Right.FIND}),
        _ALL_LEVELS,
        en="Is a guest, until a fixed date.",
        fr="Est invité·e, jusqu’à une date fixée.",
    ),
    Rule(
        "SEE-04",
        Belonging(MEMBER_ROLE_STEWARD),
        READER_KIND_UNSPECIFIED,
        _in_working_groups,
        frozenset({Right.MANAGE, Right.FIND}),
        _NO_LEVEL,
        en="Is a steward: manages the members, and cannot read.",
        fr="Assure l’intendance : gère les membres, et ne peut pas lire.",
    ),
    Rule(
        "SEE-05",
        Everyone(),
        READER_KIND_COLLEAGUE,
        _in_open_groups,
        frozenset({Right.CONTENT, Right.FIND}),
        _OPEN_LEVEL,
        en="The group is open: every colleague reads what was written while it was open.",
        fr="Le groupe est ouvert : chaque collègue lit ce qui y a été écrit pendant qu’il l’était.",
    ),
    Rule(
        "SEE-06",
        Everyone(),
        READER_KIND_COLLEAGUE,
        _in_groups_that_can_be_found,
        frozenset({Right.FIND}),
        _NO_LEVEL,
        en="The group can be found: every colleague sees its name and what it is for, and nothing of its content.",
        fr="Le groupe peut être trouvé : chaque collègue en voit le nom et l’objet, et rien du contenu.",
    ),
    Rule(
        "SEE-07",
        Holding(ROLE_AUDITOR),
        READER_KIND_AUDITOR,
        _in_working_groups,
        frozenset({Right.LEDGER_SEARCH, Right.TRAIL}),
        _NO_LEVEL,
        en="Auditors search the ledger, never the content, for a stated purpose; each search is recorded and shown.",
        fr="Les auditeurs cherchent dans le registre, jamais dans le contenu, pour un motif déclaré ; "
        "chaque recherche est enregistrée et montrée.",
    ),
    Rule(
        "SEE-11",
        Holding(ROLE_DATA_PROTECTION_OFFICER),
        READER_KIND_DATA_PROTECTION_OFFICER,
        _in_working_groups,
        frozenset({Right.TRAIL}),
        _NO_LEVEL,
        en="The data protection officer sees what was accessed by break-glass, and no other line of the ledger, for a "
        "stated purpose; each time is recorded and shown.",
        fr="La personne chargée de la protection des données voit ce qui a été consulté par bris de glace, et aucune "
        "autre ligne du registre, pour un motif déclaré ; chaque fois est enregistrée et montrée.",
    ),
    Rule(
        "SEE-08",
        Holding(ROLE_PLATFORM_ADMINISTRATOR),
        READER_KIND_ADMINISTRATOR,
        _in_any_group,
        frozenset({Right.IMPORT}),
        _NO_LEVEL,
        en="Platform administrators can bring history in from another tool, which is recorded; they cannot read.",
        fr="Les administrateurs de la plateforme peuvent importer l’historique d’un autre outil, ce qui est "
        "enregistré ; ils ne peuvent pas lire.",
    ),
    Rule(
        "SEE-12",
        Keys(),
        READER_KIND_BREAK_GLASS,
        _where_two_keys_open,
        frozenset({Right.CONTENT}),
        _ALL_LEVELS,
        en="Two people with two different roles (security, data protection, staff representation) can open the group "
        "to one of them, for seven days at most. Members are told at once, or at a date that is fixed beforehand, 90 "
        "days later at most; how much they have not been told of yet is counted for everyone to see.",
        fr="Deux personnes de rôles différents (sûreté, protection des données, représentation du personnel) peuvent "
        "ouvrir le groupe à l’une d’elles, pour sept jours au plus. Les membres en sont prévenus aussitôt, ou à une "
        "date fixée d’avance, 90 jours après au plus ; chacun peut voir combien d’accès restent à annoncer.",
    ),
    Rule(
        "SEE-10",
        Opened(),
        READER_KIND_BREAK_GLASS,
        _where_two_keys_open,
        frozenset({Right.CONTENT}),
        _ALL_LEVELS,
        en="Reads by break-glass, until a fixed date: two people with two different roles decided it. The list of "
        "break-glass says why, on what and who; each access is recorded and shown.",
        fr="Lit par bris de glace, jusqu’à une date fixée : deux personnes aux rôles différents l’ont décidé. La liste "
        "des bris de glace dit pourquoi, sur quoi et qui ; chaque accès est enregistré et montré.",
    ),
    Rule(
        "SEE-09",
        Outside(),
        READER_KIND_UNSPECIFIED,
        _in_any_group,
        frozenset({Right.CONTENT, Right.LEDGER}),
        _ALL_LEVELS,
        en="Whoever operates the servers and also holds the master key could decrypt the content outside Regard, "
        "and no record would be made. Regard offers no way to do it, and keeps the keys apart from the data.",
        fr="Quiconque exploite les serveurs et détient aussi la clé maîtresse pourrait déchiffrer le contenu en dehors "
        "de Regard, sans qu’aucune trace soit faite. Regard n’offre aucun moyen de le faire, et garde les clés à part.",
    ),
)
