"""People from LDIF (RFC 2849), as `ldapsearch` and `slapcat` print it.

Records that add, or that have no changetype, are read; others are refused by the line of their dn. Values are UTF-8, as
they are or in base64; none is fetched from an address. Whoever the directory has switched off is refused, since an
account here would give them access. What is no person is left out and counted.

    name      displayName, else givenName with sn, else cn    site      l, else physicalDeliveryOfficeName
    email     the first mail                                  language  preferredLanguage, if fr or en
    function  title, else ou, else departmentNumber           level     employeeType
    the same person when repeated: employeeNumber, else uid
"""

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from regard.identity.v1.identity_pb2 import Profile

from regard_client.importers import reasons
from regard_client.importers.reasons import Said
from regard_client.importers.report import BadFile, Report
from regard_client.importers.rows import People, Row, missing

LONGEST_LINE_BYTES = 4 * 1024 * 1024
"""Of a logical line, continued ones included: photographs are long."""

_PEOPLE = {"person", "organizationalperson", "inetorgperson", "user", "posixaccount", "account"}
_THINGS = {"computer", "group", "groupofnames", "posixgroup", "organizationalunit", "organization", "dcobject"}
_SWITCHED_OFF_BIT = 2
"""ACCOUNTDISABLE in Active Directory's userAccountControl."""

_ATTRIBUTE = re.compile(rb"([A-Za-z0-9][A-Za-z0-9.-]*)((?:;[A-Za-z0-9-]+)*):(.*)", re.DOTALL)


class _Refused(Exception):
    """Why a record is refused."""

    def __init__(self, why: Said) -> None:
        self.why = why
        super().__init__(why.reason.id)


@dataclass(slots=True)
class _Record:
    """Consecutive lines; `line` is the number of the first."""

    line: int
    lines: list[bytes] = field(default_factory=list)


Attributes = dict[str, list[str]]
"""Values by attribute in lower case; values with options (`cn;lang-fr`) come after those without."""


def is_ldif(name: str, content: bytes) -> bool:
    """Whether a file is LDIF: by its name, or by how it begins."""
    return name.lower().endswith((".ldif", ".ldf")) or bool(re.match(rb"(#[^\n]*\n|\s)*(version|dn)::? ", content))


def read_ldif(name: str, content: bytes, report: Report) -> list[Row]:
    """The people of an LDIF file called `name`; refused records go to the report by their line. Raises BadFile."""
    people = People(report)
    records = 0
    for record in _records(name, content):
        records += 1
        try:
            row = _row(record, report)
        except _Refused as refused:
            report.refuse(record.line, refused.why)
        else:
            if row:
                people.add(row)
    if not records:
        raise BadFile(reasons.EMPTY(file=name))
    return people.rows


def _records(name: str, content: bytes) -> Iterator[_Record]:
    """Records of unfolded lines, without comments and without the version."""
    record: _Record | None = None
    first = True
    for number, line in _unfolded(content):
        if line.startswith(b"#"):
            continue
        if first and line and (version := re.fullmatch(rb"version:\s*(.*?)\s*", line, re.DOTALL)):
            if version[1] != b"1":
                raise BadFile(reasons.BAD_VERSION(file=name, version=version[1][:20].decode("ascii", "replace")))
            first = False
            continue
        if line:
            first = False
            record = record or _Record(number)
            record.lines.append(line)
        elif record:
            yield record
            record = None
    if record:
        yield record


def _unfolded(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Logical lines with the number of their first physical one: a line that begins with a space goes on."""
    start, parts = 1, list[bytes]()
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = line.removesuffix(b"\r")
        if line.startswith(b" ") and parts:
            parts.append(line[1:])
            continue
        if parts:
            yield start, b"".join(parts)
        start, parts = number, [line]
    yield start, b"".join(parts)


def _attributes(record: _Record) -> Attributes:
    plain: defaultdict[str, list[str]] = defaultdict(list)
    with_options: defaultdict[str, list[str]] = defaultdict(list)
    for line in record.lines:
        if len(line) > LONGEST_LINE_BYTES:
            raise _Refused(reasons.LONG_LINE(kibibytes=LONGEST_LINE_BYTES // 1024))
        match = _ATTRIBUTE.fullmatch(line)
        if match is None:
            raise _Refused(reasons.NO_ATTRIBUTE())
        name, options = match[1].decode().lower(), match[2].decode().lower()
        if not plain and name != "dn":
            raise _Refused(reasons.NO_DN())
        if name in _READ:
            (with_options if options.strip(";") not in {"", "binary"} else plain)[name].append(_value(name, match[3]))
    return {name: plain[name] + with_options[name] for name in {*plain, *with_options}}


def _value(name: str, after_colon: bytes) -> str:
    if after_colon.startswith(b"<"):
        raise _Refused(reasons.VALUE_ELSEWHERE(attribute=name))
    value = after_colon.lstrip(b" ")
    if after_colon.startswith(b":"):
        try:
            value = base64.b64decode(after_colon[1:].strip(b" "), validate=True)
        except (binascii.Error, ValueError):
            raise _Refused(reasons.BAD_BASE64(attribute=name)) from None
    try:
        return value.decode().strip()
    except UnicodeDecodeError:
        raise _Refused(reasons.VALUE_NOT_UTF8(attribute=name)) from None


def _row(record: _Record, report: Report) -> Row | None:
    """The person of a record; None if it is something else."""
    attributes = _attributes(record)

    def first(*names: str) -> str:
        return next((value for name in names for value in attributes.get(name, ()) if value), "")

    change = first("changetype").lower()
    if change not in {"", "add"}:
        raise _Refused(reasons.CHANGE(change=change[:20]))
    classes = {value.lower() for value in attributes.get("objectclass", ())}
    if classes & _THINGS or (classes and not classes & _PEOPLE):
        report.note(reasons.NO_PERSON())
        return None
    if attributes.get("userpassword"):
        report.note(reasons.PASSWORDS())
    given, family = first("givenname"), first("sn")
    name = first("displayname") or (f"{given} {family}" if given and family else first("cn", "sn", "givenname"))
    email = first("mail")
    if reason := missing(name, email):
        raise _Refused(reason)
    if _is_switched_off(first("useraccountcontrol"), first("nsaccountlock"), first("logindisabled")):
        raise _Refused(reasons.SWITCHED_OFF())
    language = first("preferredlanguage").lower()[:2]
    profile = Profile(
        name=name,
        email=email,
        function=first("title", "ou", "departmentnumber"),
        site=first("l", "physicaldeliveryofficename"),
        hierarchical_level=first("employeetype"),
        language=language if language in {"fr", "en"} else "",
    )
    identifier = next((f"{names}:{first(names.lower())}" for names in _IDENTIFIERS if first(names.lower())), "")
    return Row(record.line, profile, external_id=identifier)


_IDENTIFIERS = ("employeeNumber", "uid")
_READ = {"dn", "changetype", "objectclass", "userpassword", "givenname", "sn", "displayname", "cn", "mail", "title"} | {
    "ou", "departmentnumber", "l", "physicaldeliveryofficename", "employeetype", "preferredlanguage", "nsaccountlock",
    "useraccountcontrol", "logindisabled", "employeenumber", "uid",
}  # fmt: skip
"""Attributes that are looked at; the values of all others may be anything."""


def _is_switched_off(user_account_control: str, *flags: str) -> bool:
    control = int(user_account_control) if user_account_control.isdecimal() else 0
    return bool(control & _SWITCHED_OFF_BIT) or any(flag.lower() == "true" for flag in flags)
