"""People from LDIF: what is read, and how each refused record is named."""

import base64
import random
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard_client.importers import BadFile, Report
from regard_client.importers.people import read_people
from regard_client.importers.rows import Row

AWA = "dn: uid=awa,dc=x\nobjectClass: inetOrgPerson\nuid: awa\ncn: Awa Diallo\nmail: awa@x.fr\n"


def read(path: Path, text: str | bytes) -> tuple[list[Row], list[tuple[int, str]], Report]:
    path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
    report = Report()
    rows = read_people(path, report)
    return rows, [(one.line, one.reason) for one in report.refused], report


def test_the_example_is_read_by_its_name_and_by_its_beginning(tmp_path: Path) -> None:
    content = (Path(__file__).parents[3] / "examples" / "people.ldif").read_bytes()
    for name in ("people.ldif", "people.txt"):
        rows, refused, report = read(tmp_path / name, content)
        assert [(row.profile.name, row.profile.function, row.profile.site, row.external_id) for row in rows] == [
            ("Minh Nguyen", "Maintenance technician", "Lyon", "employeeNumber:1042"),
            ("Zoé Lefèvre", "Quality controller", "Saint-Étienne", "employeeNumber:1043"),
        ]
        assert [row.profile.language for row in rows] == ["fr", ""]
        assert refused == [
            (33, "IMP-12: no e-mail address"),
            (39, "IMP-18: the directory has switched this account off"),
        ]
        assert sum(report.notes.values()) == 1


@pytest.mark.parametrize(
    ("record", "id"),
    [
        ("uid: b\nmail: b@x.fr\n", "IMP-20"),
        ("dn: b\nno colon here\n", "IMP-21"),
        ("dn: b\n: no name\n", "IMP-21"),
        ("dn: b\nmail:: ???\n", "IMP-22"),
        ("dn: b\ncn:: /w==\n", "IMP-23"),
        ("dn: b\nmail:< file:///etc/passwd\n", "IMP-24"),
        ("dn: b\nchangetype: delete\n", "IMP-25"),
        ("dn: b\nchangetype: modify\nreplace: mail\nmail: b@x.fr\n-\n", "IMP-21"),
        ("dn: b\nchangetype: modrdn\nnewrdn: cn=c\ndeleteoldrdn: 1\n", "IMP-25"),
        ("dn: b\nmail: b@x.fr\n", "IMP-11"),
        ("dn: b\ncn: B\nmail: nowhere\n", "IMP-13"),
        ("dn: b\ncn: B\nmail: AWA@x.fr\n", "IMP-16"),
        ("dn: b\ncn: B\nmail: b@x.fr\nuid: awa\n", "IMP-17"),
        ("dn: b\ncn: B\nmail: b@x.fr\nnsAccountLock: TRUE\n", "IMP-18"),
    ],
)
def test_names_a_refused_record_by_its_line_and_takes_nothing_of_it(tmp_path: Path, record: str, id: str) -> None:
    after = AWA.replace("awa", "cleo").replace("Awa", "Cléo")
    rows, refused, _ = read(tmp_path / "p.ldif", f"{AWA}\n# a comment\n  that goes on\n{record}\n\n{after}")
    assert [(line, reason.split(":")[0]) for line, reason in refused] == [(9, id)], refused
    assert [row.profile.name for row in rows] == ["Awa Diallo", "Cléo Diallo"]


def test_the_reason_is_told_in_the_language_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "p.ldif").write_text("dn: b\ncn: B\n")
    report = Report("fr")
    assert read_people(tmp_path / "p.ldif", report) == []
    assert report.refused[0].reason == "IMP-12: pas d’adresse e-mail"


def test_an_attribute_that_is_not_looked_at_may_hold_anything(tmp_path: Path) -> None:
    rows, refused, _ = read(
        tmp_path / "p.ldif", AWA.encode() + b"jpegPhoto:: /w==\nx-blob: \xff\xfe\nsee:< http://x/\n"
    )
    assert len(rows) == 1 and not refused


def test_values_without_options_come_first_and_a_passwords_is_not_taken(tmp_path: Path) -> None:
    rows, _, report = read(tmp_path / "p.ldif", AWA + "title;lang-en: Painter\ntitle: Peintre\nuserPassword: secret\n")
    assert (rows[0].profile.function, rows[0].password) == ("Peintre", "")
    assert sum(report.notes.values()) == 1


@pytest.mark.parametrize(("text", "says"), [("version: 2\n", "IMP-26"), ("# nothing\n", "IMP-03"), ("", "IMP-03")])
def test_a_file_that_cannot_be_read_is_refused_whole(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadFile, match=says) as bad:
        read(tmp_path / "p.ldif", text)
    assert bad.value.text("fr") != bad.value.text("en")


@given(
    people=st.lists(
        st.tuples(st.text(min_size=1).filter(lambda name: name.strip()), st.integers(0, 10**6)),
        min_size=1,
        max_size=5,
        unique_by=lambda one: one[1],
    ),
    seed=st.integers(),
)
def test_what_is_written_as_rfc_2849_says_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, int]], seed: int
) -> None:
    random_ = random.Random(seed)
    text = b""
    for name, number in people:
        encoded = base64.b64encode(name.encode()).decode()
        for line in ("# comment", f"dn: cn={number}", f"cn:: {encoded}", f"mail: {number}@x.fr"):
            text += fold(line, random_) + random_.choice([b"\n", b"\r\n"])
        text += b"\n" * random_.randint(1, 3)
    path = tmp_path_factory.mktemp("ldif") / "p.ldif"
    rows, refused, _ = read(path, text)
    assert not refused
    assert [row.profile.name for row in rows] == [name.strip() for name, _ in people]


def fold(line: str, random_: random.Random) -> bytes:
    """The line cut in pieces of any length."""
    cut, rest = b"", line.encode()
    while len(rest) > 2 and random_.random() < 0.5:
        at = random_.randint(1, len(rest) - 1)
        cut, rest = cut + rest[:at] + b"\n ", rest[at:]
    return cut + rest
