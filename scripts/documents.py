#!/usr/bin/env python3
"""The documents that are made from code: `documents.py write` makes them, `check` fails if one is stale."""

import html
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import regard_client.monitor
import regard_client.verify.reasons
import regard_client.witness.state
import services
from regard_client.importers import reasons
from regard_client.verify.reasons import Reason
from services.common import settings
from services.common.errors import catalogue
from services.gateway import asyncapi, openapi

VERIFYING = (regard_client.verify.reasons, regard_client.monitor, regard_client.witness.state)
DOCS = Path(__file__).resolve().parent.parent / "docs"


def documents() -> dict[str, str]:
    """What each file in docs/ holds now."""
    return {
        "api/openapi.json": _json(openapi.document()),
        "api/asyncapi.json": _json(asyncapi.document()),
        "settings.md": f"# Settings\n\n{settings.reference('en')}\n# Réglages\n\n{settings.reference('fr')}",
        "errors.md": _errors(),
    }


def _json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _errors() -> str:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    rows = [
        f"| <a id='{one.id}'></a>{one.id} | {one.kind.name} | {_cell(one.en, one.remedy_en)} "
        f"| {_cell(one.fr, one.remedy_fr)} |"
        for one in catalogue()
    ]
    rows += [
        f"| <a id='{one.id}'></a>{one.id} | import | {_cell(one.en)} | {_cell(one.fr)} |" for one in reasons.catalogue()
    ]
    head = [
        "# Refusals",
        "",
        "Every reason for refusing has an id that never changes. Words in {braces} are filled in.",
        "",
        "| id | code | English | français |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, *_reasons()]) + "\n"


def _reasons() -> list[str]:
    """What clients say of a log or a receipt that does not verify."""
    found = {one.id: one for module in VERIFYING for one in vars(module).values() if isinstance(one, Reason)}
    rows = [
        f"| <a id='{one.id}'></a>{one.id} | {_cell(one.en, one.remedy_en)} | {_cell(one.fr, one.remedy_fr)} |"
        for one in sorted(found.values(), key=lambda one: one.id)
    ]
    head = ["", "## What does not verify", "", "Said by clients, of what they were given: [log.md](log.md).", ""]
    return [*head, "| id | English | français |", "|---|---|---|", *rows]


def _cell(*sentences: str) -> str:
    return html.escape(" ".join(sentences), quote=False).replace("|", "&#124;")


def main() -> None:
    match sys.argv[1:]:
        case ["write"]:
            for name, text in documents().items():
                path = DOCS / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        case ["check"]:
            stale = [name for name, text in documents().items() if _read(DOCS / name) != text]
            if stale:
                sys.exit(f"stale: {', '.join(stale)}; run `make docs`")
        case _:
            sys.exit(__doc__)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    main()
