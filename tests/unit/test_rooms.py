"""Each room's README leads through it: it says what is asked of it, and what it names is there."""

import re
from pathlib import Path

import pytest

from services.common import contracts

ROOT = Path(__file__).parents[2]
SERVICES = sorted(one for one in (ROOT / "services").iterdir() if (one / "__init__.py").exists())
CLIENT = ROOT / "clients" / "python" / "regard_client"
ROOMS = [
    *SERVICES,
    *(ROOT / "services" / "common" / name for name in ("rpc", "eventstore", "projection")),
    ROOT / "services" / "embedded" / "eventstore",
    *(CLIENT, CLIENT / "cli", CLIENT / "importers", CLIENT / "verify"),
    ROOT / "protos",
    ROOT / "tests",
]
MOST_LINES = 28


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_says_what_it_is_and_what_it_names_is_there(room: Path) -> None:
    text = (room / "README.md").read_text()
    assert text.startswith("# ") and len(text.splitlines()) <= MOST_LINES
    for word in ("Never", "ests", "alled by"):
        assert word in text, f"{word} is missing"
    for named in re.findall(r"`(\w[\w./<>-]*/|[\w./<>-]+\.(?:py|proto|yaml|md))`", text):
        path = Path(named.replace("<service>", "chat"))
        places = [folder / path for folder in (room, ROOT, *_mentioned(room, text))]
        assert any(place.exists() for place in places), f"{named} is not there"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_tables_topics_and_streams_are_named_as_they_are(room: Path) -> None:
    text = (room / "README.md").read_text()
    code = "\n".join(file.read_text() for file in (ROOT / "services").rglob("*.py"))
    for table in re.findall(r"`(\w+_v\d)`", text):
        assert f'"{table}"' in code, f"there is no table {table}"
    files = contracts.event_files()
    assert set(re.findall(r"`(regard\.\w+\.events)`", text)) <= {file.topic for file in files}
    known = {prefix for file in files for prefix in file.prefixes} | {"relay-"}
    assert set(re.findall(r"`([a-z]+-)(?:<[\w ]+>[\w.<>]*)?`", text)) <= known


def test_the_way_through_the_rooms_exists() -> None:
    way = (ROOT / "README.md").read_text().partition("## Find your way")[2]
    named = re.findall(r"\]\(([\w/.]+)\)", way) + re.findall(r"`([\w]+/[\w/.]+)`", way)
    assert not [one for one in named if not (ROOT / one).exists()]
    steps = [ROOT / one for one in named if (ROOT / one).is_dir() and one != "docs/decisions"]
    assert len(steps) > 8 and not [one for one in steps if not (one / "README.md").exists()]


def _mentioned(room: Path, text: str) -> list[Path]:
    """Folders that a README names: a file may be named alone beside its folder."""
    named = re.findall(r"`([\w/]+/[\w/.]*)`", text)
    return [one if one.is_dir() else one.parent for folder in named for one in (room / folder, ROOT / folder)]
