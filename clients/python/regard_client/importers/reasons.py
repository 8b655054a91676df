"""Why a file, or a line of it, is not imported: stable ids, and sentences in both languages.

Sentences are `str.format` templates with named parameters; a reason that is called with them is what a report carries.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["fr", "en"]

_ID = re.compile(r"IMP-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Said:
    """A reason with its parameters."""

    reason: "Reason"
    params: Mapping[str, object]

    def text(self, language: Language) -> str:
        """Its id and its sentence."""
        return f"{self.reason.id}: {getattr(self.reason, language).format_map(self.params)}"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, declared once."""

    id: str
    en: str
    fr: str

    def __call__(self, **params: object) -> Said:
        """What to report."""
        return Said(self, params)


_catalogue: dict[str, Reason] = {}


def catalogue() -> Iterator[Reason]:
    """Every reason, by id."""
    return iter(sorted(_catalogue.values(), key=lambda reason: reason.id))


def _reason(id: str, en: str, fr: str) -> Reason:
    if not _ID.fullmatch(id) or id in _catalogue:
        raise ValueError(f"{id} is malformed, or declared twice")
    _catalogue[id] = Reason(id, en, fr)
    return _catalogue[id]


# Whole files.
TOO_LARGE = _reason(
    "IMP-01",
    "{file} is larger than {mebibytes} MiB: split it.",
    "{file} dépasse {mebibytes} Mio : découpez-le.",
)
NOT_UTF8 = _reason(
    "IMP-02",
    "{file} is not UTF-8 text (byte {byte}): save it as UTF-8.",
    "{file} n’est pas du texte UTF-8 (octet {byte}) : enregistrez-le en UTF-8.",
)
EMPTY = _reason("IMP-03", "{file} is empty.", "{file} est vide.")
NO_COLUMN = _reason(
    "IMP-04",
    "{file}: its first line has no column {column}.",
    "{file} : sa première ligne n’a pas de colonne {column}.",
)

# People.
NOT_CSV = _reason("IMP-10", "not CSV: {why}", "ce n’est pas du CSV : {why}")
NO_NAME = _reason(
    "IMP-11",
    "no name: people have real identities here",
    "pas de nom : ici, chacun a sa véritable identité",
)
NO_ADDRESS = _reason("IMP-12", "no e-mail address", "pas d’adresse e-mail")
BAD_ADDRESS = _reason("IMP-13", "not an e-mail address", "ce n’est pas une adresse e-mail")
BAD_LANGUAGE = _reason("IMP-14", "the language is neither fr nor en", "la langue n’est ni fr ni en")
BAD_ROLE = _reason(
    "IMP-15",
    "an unknown role; the roles are {known}",
    "un rôle inconnu ; les rôles sont {known}",
)
ADDRESS_AGAIN = _reason(
    "IMP-16",
    "the e-mail address of line {line} again",
    "encore l’adresse e-mail de la ligne {line}",
)
IDENTIFIER_AGAIN = _reason(
    "IMP-17",
    "the {attribute} of line {line} again",
    "encore le {attribute} de la ligne {line}",
)
SWITCHED_OFF = _reason(
    "IMP-18",
    "the directory has switched this account off",
    "l’annuaire a désactivé ce compte",
)

# LDIF (RFC 2849).
NO_DN = _reason("IMP-20", "a record that does not begin with dn:", "un enregistrement qui ne commence pas par dn:")
NO_ATTRIBUTE = _reason(
    "IMP-21",
    "neither an attribute with a colon, nor a comment, nor a continued line",
    "ni un attribut suivi de deux-points, ni un commentaire, ni une ligne continuée",
)
BAD_BASE64 = _reason("IMP-22", "the value of {attribute} is not base64", "la valeur de {attribute} n’est pas en base64")
VALUE_NOT_UTF8 = _reason(
    "IMP-23",
    "the value of {attribute} is not UTF-8 text",
    "la valeur de {attribute} n’est pas du texte UTF-8",
)
VALUE_ELSEWHERE = _reason(
    "IMP-24",
    "the value of {attribute} is at an address, which Regard does not fetch",
    "la valeur de {attribute} est à une adresse, que Regard ne consulte pas",
)
CHANGE = _reason(
    "IMP-25",
    "a change of type {change}: only additions are imported",
    "une modification de type {change} : seuls les ajouts sont importés",
)
BAD_VERSION = _reason(
    "IMP-26",
    "{file} is LDIF of version {version}; Regard reads version 1.",
    "{file} est du LDIF de version {version} ; Regard lit la version 1.",
)
LONG_LINE = _reason("IMP-27", "longer than {kibibytes} KiB", "plus longue que {kibibytes} Kio")
