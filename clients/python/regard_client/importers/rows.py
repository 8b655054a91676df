"""A person as a file names them, whatever the file's format."""

import re
from dataclasses import dataclass, field

from regard.identity.v1.identity_pb2 import Profile

from regard_client.importers import reasons
from regard_client.importers.reasons import Said
from regard_client.importers.report import Report

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the file; `line` counts from 1, the header included."""

    line: int
    profile: Profile
    roles: tuple[str, ...] = ()
    """Their names in the contract, such as ROLE_AUDITOR."""
    password: str = field(default="", repr=False)
    external_id: str = ""
    """What the source knows them by, "employeeNumber:1042": whoever gets another address is still the same person."""


class People:
    """The people of a file, none of them twice."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lines: dict[str, int] = {}
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Takes a person, or refuses the line if one before has the same address or identifier."""
        email = row.profile.email.casefold()
        attribute, _, _ = row.external_id.partition(":")
        if email in self._lines:
            self._report.refuse(row.line, reasons.ADDRESS_AGAIN(line=self._lines[email]))
        elif row.external_id in self._lines:
            self._report.refuse(
                row.line, reasons.IDENTIFIER_AGAIN(attribute=attribute, line=self._lines[row.external_id])
            )
        else:
            self._lines |= {email: row.line} | ({row.external_id: row.line} if row.external_id else {})
            self.rows.append(row)


def missing(name: str, email: str) -> Said | None:
    """Why nobody can have an account by this name and address; None if somebody can."""
    if not name:
        return reasons.NO_NAME()
    if not _EMAIL.fullmatch(email):
        return reasons.BAD_ADDRESS() if email else reasons.NO_ADDRESS()
    return None
