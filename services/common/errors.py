"""What a caller may be told when something is not done.

    Refused                 the only exception that crosses a service's border
      of a Refusal          declared once, in services/<name>/refusals.py
        .id                 stable, greppable, machine-readable: GRP-07
        .kind               a gRPC code by name
        .en, .fr            the sentence, and what to do, in both languages

Any other exception is a defect: the border answers INTERNAL and tells nothing of it.
Sentences are `str.format` templates with named parameters. `str(refused)` leaves the parameters out, so that an
exception in a log shows no name and no content.
"""

import enum
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Language = Literal["en", "fr"]

_ID = re.compile(r"[A-Z]{2,3}-[0-9]{2}")


class Kind(enum.Enum):
    """The gRPC code of a refusal; the value is the code's number on the wire."""

    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for refusing, declared once; calling it with the sentence's parameters gives the exception."""

    id: str
    kind: Kind
    en: str
    fr: str
    remedy_en: str
    remedy_fr: str

    def __call__(self, **params: str) -> "Refused":
        """The exception to raise; TypeError if a parameter of a sentence is missing."""
        if missing := self.placeholders() - params.keys():
            raise TypeError(f"{self.id} needs {', '.join(sorted(missing))}")
        return Refused(self, params)

    def placeholders(self) -> frozenset[str]:
        """The parameters that the sentences and remedies name."""
        return frozenset().union(*map(placeholders, (self.en, self.fr, self.remedy_en, self.remedy_fr)))


class Refused(Exception):
    """What was asked is not done, for the reason `refusal`; nothing was changed."""

    def __init__(self, refusal: Refusal, params: Mapping[str, str] | None = None) -> None:
        self.refusal = refusal
        self.params: Mapping[str, str] = MappingProxyType(dict(params or {}))
        super().__init__(f"{refusal.id} {refusal.kind.name}: {refusal.en}")

    def sentence(self, language: Language) -> str:
        """Why, for people."""
        return (self.refusal.fr if language == "fr" else self.refusal.en).format_map(self.params)

    def remedy(self, language: Language) -> str:
        """What to do about it, for people."""
        return (self.refusal.remedy_fr if language == "fr" else self.refusal.remedy_en).format_map(self.params)

    def describe(self, language: Language) -> str:
        """Why, and what to do, as one text."""
        return f"{self.sentence(language)} {self.remedy(language)}"


_catalogue: dict[str, Refusal] = {}


def refusal(id: str, kind: Kind, *, en: str, fr: str, remedy_en: str, remedy_fr: str) -> Refusal:
    """Declares a reason for refusing; ValueError if the id is malformed or taken."""
    if not _ID.fullmatch(id):
        raise ValueError(f"a refusal's id looks like GRP-07, not {id!r}")
    if id in _catalogue:
        raise ValueError(f"the refusal {id} is declared twice")
    _catalogue[id] = Refusal(id, kind, en, fr, remedy_en, remedy_fr)
    return _catalogue[id]


def declared(id: str) -> Refusal | None:
    """The refusal of this id, if a module imported so far declares it."""
    return _catalogue.get(id)


def catalogue() -> Iterator[Refusal]:
    """Every refusal declared by the modules imported so far, by id."""
    return iter(sorted(_catalogue.values(), key=lambda one: one.id))


def placeholders(template: str) -> frozenset[str]:
    """The named parameters of a sentence."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)
