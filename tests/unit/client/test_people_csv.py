"""People from CSV: what is read, and how each refused line is named."""

from pathlib import Path

import pytest

from regard_client.importers import BadFile, Report
from regard_client.importers.people import read_people


def read(path: Path, text: str | bytes) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    report = Report()
    rows = read_people(path, report)
    return [(row.line, row.profile.name) for row in rows], [(one.line, one.reason) for one in report.refused]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_each_separator_and_both_languages_of_headers(tmp_path: Path, separator: str) -> None:
    lines = (("Courriel", "NOM", "site"), ("a@x.fr", "Awa Diallo", "Lyon"))
    text = "\ufeff" + "\r\n".join(separator.join(line) for line in lines)
    assert read(tmp_path / "p.csv", text) == ([(2, "Awa Diallo")], [])


def test_names_each_refused_line_by_its_number_in_the_file(tmp_path: Path) -> None:
    text = (
        "name,email,language,roles\n"
        '"Two\nlines",two@x.fr,fr,\n'  # lines 2 and 3
        ",nobody@x.fr,,\n"
        "No Address,,,\n"
        "\n"
        "Bad Address,not an address,,\n"
        "Again,TWO@x.fr,,\n"
        "Tongue,t@x.fr,de,\n"
        "Boss,b@x.fr,,king\n"
        "Auditor,c@x.fr,,auditor security_officer\n"
    )
    rows, refused = read(tmp_path / "p.csv", text)
    assert rows == [(2, "Two\nlines"), (11, "Auditor")]
    assert {line: reason.split(": ")[0] for line, reason in refused} == {
        4: "IMP-11",
        5: "IMP-12",
        7: "IMP-13",
        8: "IMP-16",
        9: "IMP-14",
        10: "IMP-15",
    }


def test_an_unclosed_quote_is_refused_and_nothing_is_guessed(tmp_path: Path) -> None:
    rows, refused = read(tmp_path / "p.csv", 'name,email\nAwa,a@x.fr\n"Half,b@x.fr\nCléo,c@x.fr\n')
    assert rows == [(2, "Awa")]
    assert [line for line, _ in refused] == [3]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"name,site\nA,B\n", "no column email"),
        ("nom,courriel\nÉlodie,e@x.fr\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        read(tmp_path / "p.csv", content)
