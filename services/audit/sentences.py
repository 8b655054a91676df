"""A line of the ledger in plain words, in both languages. `{reader}` stands for the name, which clients fill in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from regard.audit.v1 import events_pb2 as audit
from regard.audit.v1.audit_pb2 import (
    CONTEST_STATE_OPEN,
    CONTEST_STATE_OVERDUE,
    CONTEST_STATE_SETTLED,
    ContestState,
    LedgerEntry,
)
from regard.audit.v1.events_pb2 import Action, Objects, ReaderKind
from regard.common.v1 import common_pb2 as common
from regard.common.v1.common_pb2 import Purpose, Sentence

Words = tuple[str, str]
"""English and French."""


def _kind(one_en: str, many_en: str, role_fr: str, one_fr: str, many_fr: str) -> tuple[Words, Words, Words]:
    """After a name, for one, for many."""
    return (one_en, role_fr), (one_en, one_fr), (many_en, many_fr)


_KINDS: Mapping[ReaderKind, tuple[Words, Words, Words]] = {
    audit.READER_KIND_MEMBER: _kind("member", "members", "membre", "membre", "membres"),
    audit.READER_KIND_GUEST: _kind("guest", "guests", "invité·e", "invité·e", "invité·es"),
    audit.READER_KIND_MODERATOR: _kind(
        "moderator", "moderators", "modération", "personne de la modération", "personnes de la modération"
    ),
    audit.READER_KIND_AUDITOR: _kind("auditor", "auditors", "audit", "personne de l’audit", "personnes de l’audit"),
    audit.READER_KIND_DATA_PROTECTION_OFFICER: _kind(
        "data protection officer",
        "data protection officers",
        "protection des données",
        "personne de la protection des données",
        "personnes de la protection des données",
    ),
    audit.READER_KIND_BREAK_GLASS: _kind(
        "break-glass reader",
        "break-glass readers",
        "bris de glace",
        "personne par bris de glace",
        "personnes par bris de glace",
    ),
    audit.READER_KIND_SERVICE: _kind("service", "services", "service", "service", "services"),
    audit.READER_KIND_COLLEAGUE: _kind("colleague", "colleagues", "collègue", "collègue", "collègues"),
    audit.READER_KIND_ADMINISTRATOR: _kind(
        "platform administrator",
        "platform administrators",
        "administration de la plateforme",
        "personne de l’administration de la plateforme",
        "personnes de l’administration de la plateforme",
    ),
}
_ANYONE = _kind("person", "people", "personne", "personne", "personnes")

_DID: Mapping[Action, Words] = {
    audit.ACTION_READ: ("read {what}", "a lu {what}"),
    audit.ACTION_LIVE: ("followed {what} live", "a suivi {what} en direct"),
    audit.ACTION_SEARCH: ("searched this group", "a cherché dans ce groupe"),
    audit.ACTION_PREVIEW: ("saw the beginning of {what}", "a vu le début de {what}"),
    audit.ACTION_DOWNLOAD: ("downloaded {what}", "a téléchargé {what}"),
    audit.ACTION_EXPORT: ("exported {what}", "a exporté {what}"),
    audit.ACTION_READ_LEDGER: ("read the ledger", "a lu le registre"),
    audit.ACTION_SEARCH_LEDGER: ("searched the ledger", "a cherché dans le registre"),
    audit.ACTION_IMPORT: ("brought history in from another tool", "a importé l’historique d’un autre outil"),
}
_DID_SOMETHING: Words = ("accessed {what}", "a accédé à {what}")

_GROUP: Words = ("this group", "ce groupe")
_THINGS: Mapping[str, tuple[Words, Words]] = {
    "post": (("a post", "une publication"), ("{n} posts", "{n} publications")),
    "comment": (("a comment", "un commentaire"), ("{n} comments", "{n} commentaires")),
    "message": (("a message", "un message"), ("{n} messages", "{n} messages")),
    "file": (("a file", "un fichier"), ("{n} files", "{n} fichiers")),
    "group": (_GROUP, _GROUP),
    "ledger": (("the ledger", "le registre"), ("the ledger", "le registre")),
    "room": (("a room", "un salon"), ("{n} rooms", "{n} salons")),
}
_THING: tuple[Words, Words] = (("an item", "un élément"), ("{n} items", "{n} éléments"))

_PURPOSES: Mapping[Purpose, Words] = {
    common.PURPOSE_INTERNAL_AUDIT: ("internal audit", "audit interne"),
    common.PURPOSE_SECURITY_INCIDENT: ("security incident", "incident de sécurité"),
    common.PURPOSE_DATA_SUBJECT_REQUEST: ("request about one’s own data", "demande sur ses propres données"),
    common.PURPOSE_LEGAL_OBLIGATION: ("legal obligation", "obligation légale"),
    common.PURPOSE_MIGRATION: ("migration", "migration"),
    common.PURPOSE_HARASSMENT_COMPLAINT: ("harassment complaint", "plainte pour harcèlement"),
}


_CONTESTS: Mapping[ContestState, Words] = {
    CONTEST_STATE_OPEN: ("contested", "contesté"),
    CONTEST_STATE_OVERDUE: ("contested, and the answer is overdue", "contesté, et la réponse se fait attendre"),
    CONTEST_STATE_SETTLED: ("contested and answered", "contesté, avec une réponse"),
}


def sentence(entry: LedgerEntry) -> Sentence:
    """The line in words."""
    return Sentence(en=_words(entry, 0), fr=_words(entry, 1))


def _words(entry: LedgerEntry, language: int) -> str:
    did = _DID.get(entry.action, _DID_SOMETHING)[language].replace("{what}", _what(entry.objects, language))
    role, one, many = _KINDS.get(entry.reader_kind, _ANYONE)
    if entry.reader_id:
        told = f"{{reader}}, {role[language]}, {did}"
    elif entry.readers == 1:
        told = f"1 {one[language]} {did}"
    else:
        # The verbs are in the French perfect: only the auxiliary has a plural.
        told = f"{entry.readers} {many[language]} {('ont ' + did.removeprefix('a ')) if language else did}"
    if entry.count > entry.readers:
        told += (f" · {entry.count} times", f" · {entry.count} fois")[language]
    if purpose := _PURPOSES.get(entry.purpose):
        label = ("purpose: ", "motif : ")[language]
        told += f" · {label}{purpose[language]} {entry.purpose_reference}".rstrip()
    if contest := _CONTESTS.get(entry.contest):
        told += f" · {contest[language]}"
    return told


def _what(objects: Iterable[Objects], language: int) -> str:
    parts = [_part(one, language) for one in objects]
    return ", ".join(parts) or _GROUP[language]


def _part(objects: Objects, language: int) -> str:
    one, many = _THINGS.get(objects.type, _THING)
    number = objects.last - objects.first + 1 if objects.first else len(objects.ids)
    if objects.first and number > 1:
        span = (f" ({objects.first} to {objects.last})", f" ({objects.first} à {objects.last})")[language]
        return many[language].replace("{n}", str(number)) + span
    return one[language] if number == 1 else many[language].replace("{n}", str(number))
