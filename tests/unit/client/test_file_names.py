"""Names of files come from others: what is written follows from them and stays in its folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard_client.files import harmless_name


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("plan.txt", "plan.txt"),
        ("Été 2026.tar.gz", "Été 2026.tar.gz"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system.ini", "system.ini"),
        (".bashrc", "bashrc"),
        ("..", "file"),
        ("/", "file"),
        ("nul.txt", "_nul.txt"),
        ("COM1", "_COM1"),
        ("a\x00b\n\x1b[2J.txt", "ab[2J.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a:b?.txt", "a_b_.txt"),
        ("x" * 300 + ".png", "x" * 196 + ".png"),
    ],
)
def test_a_name_becomes_harmless(name: str, harmless: str) -> None:
    assert harmless_name(name) == harmless


@given(st.text())
def test_no_name_leaves_its_folder(name: str) -> None:
    made = harmless_name(name)
    assert made and not made.startswith(".")
    assert Path(made).name == made
    assert len(made.encode()) <= 255
