"""The verifier stands alone: it trusts nothing of Regard, and says why in both languages."""

from __future__ import annotations

import ast
import os
import shutil
import string
import subprocess
import sys
from pathlib import Path

import regard_client.verify
from regard_client import monitor
from regard_client.verify import reasons
from regard_client.witness import state
from tests.unit.verify.receipts import COUNCIL, LOG, POLICY, receipt

FOLDER = Path(regard_client.verify.__file__).parent
ALLOWED = {*sys.stdlib_module_names, "cryptography", "regard_client"}


def test_it_imports_only_itself_python_and_cryptography() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for name in _imported(ast.parse(file.read_text())):
            assert name.split(".")[0] in ALLOWED, f"{file.name} imports {name}"
            assert not name.startswith("regard_client") or name.startswith("regard_client.verify"), file.name


def test_its_folder_verifies_a_receipt_where_nothing_else_of_regard_is(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "regard_client" / "verify")
    (tmp_path / "regard_client" / "__init__.py").touch()
    (tmp_path / "receipt").write_bytes(bytes(receipt(LOG, COUNCIL)))
    (tmp_path / "policy").write_bytes(bytes(POLICY))
    code = """
import sys
from pathlib import Path
from regard_client.verify.policy import parse_policy
from regard_client.verify.receipt import verify_receipt
verify_receipt(Path("receipt").read_bytes(), parse_policy(Path("policy").read_bytes()))
assert not {"grpc", "google", "services", "regard", "httpx"} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)


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
