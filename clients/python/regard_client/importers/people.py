"""People from a file, as a directory or a payroll tool exports it: LDIF (ldif.py), or CSV.

In CSV a header names the columns, in English or French, in any order: name and email are needed; function, site,
hierarchical_level, language, roles and password may be there. The separator is a comma, a semicolon or a tab, and the
text UTF-8. `roles` names roles of the organisation, separated by spaces, such as "auditor security_officer".
"""

import csv
import io
from functools import partial
from pathlib import Path

from regard.common.v1.options_pb2 import Role
from regard.identity.v1.identity_pb2 import GrantRoleRequest, Person, Profile, ProvisionPersonRequest

from regard_client.client import AsyncRegard
from regard_client.errors import RegardError
from regard_client.importers import reasons
from regard_client.importers.ldif import is_ldif, read_ldif
from regard_client.importers.reasons import Said
from regard_client.importers.report import BadFile, Progress, Report, each, patiently, silent
from regard_client.importers.rows import People, Row, missing

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


def read_people(path: Path, report: Report) -> list[Row]:
    """The people of the file; refused lines go to the report. Raises BadFile."""
    if path.stat().st_size > MOST_BYTES:
        raise BadFile(reasons.TOO_LARGE(file=path.name, mebibytes=MOST_BYTES // 1024 // 1024))
    content = path.read_bytes()
    read = read_ldif if is_ldif(path.name, content) else read_csv
    return read(path.name, content, report)


def read_csv(name: str, content: bytes, report: Report) -> list[Row]:
    """The people of a CSV file called `name`. Raises BadFile."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(reasons.NOT_UTF8(file=name, byte=error.start)) from None
    header, _, _ = text.partition("\n")
    separator = max(",;\t", key=header.count)
    # strict: an unclosed quote is an error of that line, not a field that swallows the rest of the file.
    reader = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
    people = People(report)
    columns: dict[str, int] | None = None
    line = 0
    while True:
        start = line + 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            report.refuse(start, reasons.NOT_CSV(why=error))
            line = reader.line_num
            continue
        line = reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = _columns(name, cells)
            continue
        match _row(start, cells, columns):
            case Said() as reason:
                report.refuse(start, reason)
            case row:
                people.add(row)
    if columns is None:
        raise BadFile(reasons.EMPTY(file=name))
    return people.rows


def _columns(name: str, header: list[str]) -> dict[str, int]:
    wanted = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
    found = {wanted[cell.strip().casefold()]: i for i, cell in enumerate(header) if cell.strip().casefold() in wanted}
    if absent := {"name", "email"} - found.keys():
        raise BadFile(reasons.NO_COLUMN(file=name, column=", ".join(sorted(absent))))
    return found


def _row(line: int, cells: list[str], columns: dict[str, int]) -> Row | Said:
    values = {name: cells[i].strip() if i < len(cells) else "" for name, i in columns.items()}
    if reason := missing(values["name"], values["email"]):
        return reason
    if (language := values.get("language", "").casefold()[:2]) not in {"", "fr", "en"}:
        return reasons.BAD_LANGUAGE()
    try:
        named = values.get("roles", "").replace(",", " ").split()
        roles = tuple(Role.Name(Role.Value(f"ROLE_{role.upper()}")) for role in named)
    except ValueError:
        known = ", ".join(name.removeprefix("ROLE_").lower() for name in Role.keys()[1:])
        return reasons.BAD_ROLE(known=known)
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
    """Provisions the people of a CSV or LDIF file. Raises BadFile, or RegardError when the server gives up."""
    report = Report(regard.session.language)
    rows = read_people(path, report)

    async def one(row: Row) -> None:
        person = await provision(
            regard, report, row.line, row.profile, password=row.password, external_id=row.external_id
        )
        for role in row.roles if person else ():
            if person and Role.Value(role) not in person.roles:
                request = GrantRoleRequest(person_id=person.id, role=role)
                await patiently(partial(regard.people.GrantRole, request))

    await each("people", rows, one, progress)
    report.refused.sort()
    return report


async def provision(
    regard: AsyncRegard,
    report: Report,
    line: int,
    profile: Profile,
    *,
    file: str = "",
    password: str = "",
    external_id: str = "",
    inactive: bool = False,
    only_if_absent: bool = False,
) -> Person | None:
    """Gives one person an account and counts it; None when Regard refuses the line."""
    request = ProvisionPersonRequest(
        profile=profile,
        password=password,
        external_id=external_id,
        inactive=inactive,
        only_if_absent=only_if_absent,
    )
    try:
        answer = await patiently(partial(regard.people.ProvisionPerson, request))
    except RegardError as error:
        if error.kind not in {"INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION"}:
            raise
        report.refuse(line, refused_because(error), file)
        return None
    report.count("people", answer.created)
    return answer.person


def refused_because(error: RegardError) -> str:
    """Regard's reason, with its stable id and the fields it names."""
    fields = "; ".join(f"{one.field}: {one.description}" for one in error.violations)
    return f"{error.id}: {fields or error.sentence}"
