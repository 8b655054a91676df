"""Slack exports made for tests: small, and hostile."""

import json
import zipfile
from pathlib import Path
from typing import Any

USERS = [
    {"id": "U1", "name": "awa", "profile": {"real_name": "Awa Diallo", "email": "awa@x.fr", "title": "Welder"}},
    {"id": "U2", "name": "leo", "real_name": "Léo Petit", "profile": {"email": "leo@x.fr"}},
    {"id": "U3", "name": "gone", "deleted": True, "profile": {"real_name": "Gone Away", "email": "gone@x.fr"}},
    {"id": "U4", "name": "deploy", "is_bot": True, "profile": {"real_name": "Deploy"}},
]
CHANNELS = [
    {"id": "C1", "name": "hall", "creator": "U2", "members": ["U1", "U2", "U3"], "purpose": {"value": "For all"}},
]
GROUPS = [{"id": "G1", "name": "board", "creator": "U3", "members": ["U1"]}]


def said(user: str, text: str, ts: str = "1512104434.000490", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts, **more}


def export(path: Path, members: dict[str, Any] | None = None, *, users: Any = USERS) -> Path:
    """An export at `path`: people, two channels, and further members, as JSON unless they are bytes."""
    base = {"users.json": users, "channels.json": CHANNELS, "groups.json": GROUPS}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (base | (members or {})).items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path
