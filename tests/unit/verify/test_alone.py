"""The verifier stands alone: it trusts nothing of Regard, and says why in both languages."""

from __future__ import annotations

import ast
import string
import sys
from pathlib import Path

import regard_client.verify
from regard_client import monitor
from regard_client.verify import reasons
from regard_client.witness import state

FOLDER = Path(regard_client.verify.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "cryptography", "regard_client"}


def test_it_imports_only_itself_python_and_cryptography() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for name in _imported(ast.parse(file.read_text())):
            assert name.split(".")[0] in ALLOWED, f"{file.name} imports {name}"
            assert not name.startswith("regard_client") or name.startswith("regard_client.verify"), file.name


def _imported(tree: ast.AST) -> list[str]:
    names = list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.append(node.module or "")
    return names


def test_every_reason_has_its_own_id_and_says_the_same_in_both_languages() -> None:
    modules = (reasons, monitor, state)
    declared = {one for module in modules for one in vars(module).values() if isinstance(one, reasons.Reason)}
    assert len({one.id for one in declared}) == len(declared) > 15
    for one in declared:
        assert _placeholders(one.en) == _placeholders(one.fr), one.id
        assert not _placeholders(one.remedy_en + one.remedy_fr), one.id
        for sentence in (one.en, one.fr, one.remedy_en, one.remedy_fr):
            assert sentence.endswith((".", "?")), one.id


def _placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}
