"""People from a CSV file, as a directory or a payroll tool exports it.

A header names the columns, in English or French, in any order: name and email are needed; function, site,
hierarchical_level, language, roles and password may be there. The separator is a comma, a semicolon or a tab, and the
text UTF-8. `roles` names roles of the organisation, separated by spaces, such as "auditor security_officer".
"""

import csv
import io
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from regard.common.v1.options_pb2 import Role
from regard.identity.v1.identity_pb2 import GrantRoleRequest, Person, Profile, ProvisionPersonRequest

from regard_client.client import AsyncRegard
from regard_client.errors import RegardError
from regard_client.importers.report import BadFile, Progress, Report, each, patiently, silent

COLUMNS = {
    "name": ("name", "nom", "full name", "nom complet"),
    "email": ("email", "e-mail", "mail", "courriel", "adresse"),
    "function": ("function", "fonction", "title", "poste"),
    "site": ("site", "location", "lieu"),
    "hierarchical_level": ("hierarchical_level", "level", "niveau", "niveau hiérarchique"),
    "language": ("language", "langue"),
    "roles": ("roles", "rôles"),
    "password": ("password", "mot de passe"),
}
MOST_BYTES = 64 * 1024 * 1024
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One person of the file; `line` counts from 1, the header included."""

    line: int
    profile: Profile
    roles: tuple[str, ...] = ()
    """Their names in the contract, such as ROLE_AUDITOR."""
    password: str = field(default="", repr=False)


def read_people(path: Path, report: Report) -> list[Row]:
    """The people of the file; refused lines go to the report. Raises BadFile."""
    if path.stat().st_size > MOST_BYTES:
        raise BadFile(f"{path.name} is larger than {MOST_BYTES // 1024 // 1024} MiB: split it.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(f"{path.name} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None
    header, _, _ = text.partition("\n")
    separator = max(",;\t", key=header.count)
    # strict: an unclosed quote is an error of that line, not a field that swallows the rest of the file.
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    rows: list[Row] = []
    columns: dict[str, int] | None = None
    line = 0
    first_lines: dict[str, int] = {}
    while True:
        start = line + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            report.refuse(start, f"not CSV: {error}")
            line = reader.line_num
            continue
        line = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = _columns(path, cells)
            continue
        match _row(start, cells, columns):
            case str(reason):
                report.refuse(start, reason)
            case row:
                email = row.profile.email.casefold()
                if email in first_lines:
                    report.refuse(start, f"the e-mail address of line {first_lines[email]} again")
                else:
                    first_lines[email] = start
                    rows.append(row)
    if columns is None:
        raise BadFile(f"{path.name} is empty.")
    return rows


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    wanted = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
    found = {wanted[cell.strip().casefold()]: i for i, cell in enumerate(header) if cell.strip().casefold() in wanted}
    if missing := {"name", "email"} - found.keys():
        raise BadFile(f"{path.name}: its first line has no column {' and no column '.join(sorted(missing))}.")
    return found


def _row(line: int, cells: list[str], columns: dict[str, int]) -> Row | str:
    values = {name: cells[i].strip() if i < len(cells) else "" for name, i in columns.items()}
    if not values["name"]:
        return "no name: people have real identities here"
    if not _EMAIL.fullmatch(values["email"]):
        return "not an e-mail address" if values["email"] else "no e-mail address"
    if (language := values.get("language", "").casefold()[:2]) not in {"", "fr", "en"}:
        return "the language is neither fr nor en"
    try:
        named = values.get("roles", "").replace(",", " ").split()
        roles = tuple(Role.Name(Role.Value(f"ROLE_{role.upper()}")) for role in named)
    except ValueError:
        known = ", ".join(name.removeprefix("ROLE_").lower() for name in Role.keys()[1:])
        return f"an unknown role; the roles are {known}"
    profile = Profile(
        name=values["name"],
        email=values["email"],
        function=values.get("function", ""),
        site=values.get("site", ""),
        hierarchical_level=values.get("hierarchical_level", ""),
        language=language,
    )
    return Row(line, profile, roles, values.get("password", ""))


async def import_people(regard: AsyncRegard, path: Path, *, progress: Progress = silent) -> Report:
    """Provisions the people of a CSV file. Raises BadFile, or RegardError when the server gives up."""
    report = Report()
    rows = read_people(path, report)

    async def one(row: Row) -> None:
        person = await provision(regard, report, row.line, row.profile, password=row.password)
        for role in row.roles if person else ():
            if person and Role.Value(role) not in person.roles:
                request = GrantRoleRequest(person_id=person.id, role=role)
                await patiently(partial(regard.people.GrantRole, request))

    await each("people", rows, one, progress)
    report.refused.sort()
    return report


async def provision(
    regard: AsyncRegard, report: Report, line: int, profile: Profile, *, password: str = "", external_id: str = ""
) -> Person | None:
    """Gives one person an account and counts it; None when Regard refuses the line."""
    request = ProvisionPersonRequest(profile=profile, password=password, external_id=external_id)
    try:
        answer = await patiently(partial(regard.people.ProvisionPerson, request))
    except RegardError as error:
        if error.kind not in {"INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION"}:
            raise
        report.refuse(line, refused_because(error))
        return None
    report.count("people", answer.created)
    return answer.person


def refused_because(error: RegardError) -> str:
    """Regard's reason, with its stable id and the fields it names."""
    fields = "; ".join(f"{one.field}: {one.description}" for one in error.violations)
    return f"{error.id}: {fields or error.sentence}"
