"""What templates are given: plain values made of answers. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from urllib.parse import urlencode

from google.protobuf.timestamp_pb2 import Timestamp
from regard.chat.v1.chat_pb2 import Message
from regard.common.v1.common_pb2 import Level
from regard.feed.v1.feed_pb2 import Post
from regard.groups.v1.groups_pb2 import CanSee, Group

from services.page.visitors import Language


def in_the_other(query: Mapping[str, str], language: Language) -> str:
    """The query of this page in the other language."""
    kept = {name: value for name, value in query.items() if name != "lang"}
    return "?" + urlencode({**kept, "lang": "en" if language == "fr" else "fr"})


def first_shown(groups: Iterable[Group]) -> Group | None:
    """A confidential group if there is one: that is what the page is about."""
    ranked = sorted(groups, key=lambda group: (-group.rules.level, not group.name, group.name))
    return ranked[0] if ranked else None


def group(one: Group) -> dict[str, str]:
    """A line of the list of groups, and the head of a group."""
    level = Level.Name(one.rules.level).removeprefix("LEVEL_").lower()
    return {"id": one.id, "name": one.name, "level": level}


def readers(panel: Iterable[CanSee], w: Mapping[str, str]) -> str:
    """How many people will read what is written here."""
    count = sum(1 for line in panel if line.reads_content and line.person_id)
    return w["reader" if count == 1 else "readers"].format(count=count)


def panel_line(line: CanSee, names: Mapping[str, str], w: Mapping[str, str], language: Language) -> dict[str, str]:
    """A line of the panel "who can see"."""
    rights = {
        "reads": line.reads_content,
        "writes": line.writes,
        "manages": line.manages,
        "reads_ledger": line.reads_ledger,
        "recorded": line.recorded,
    }
    return {
        "who": names.get(line.person_id, "?") if line.person_id else w.get(f"capacity_{line.capacity}", line.capacity),
        "rights": " · ".join(w[name] for name, has in rights.items() if has),
        "why": getattr(line.why, language),
    }


def body(shown: Post | Message, w: Mapping[str, str]) -> str:
    """A text, or why there is none."""
    if shown.withdrawn:
        return w["withdrawn"]
    return w["erased"] if shown.erased else str(shown.body)


def when(at: Timestamp) -> str:
    """A moment in the server's time zone."""
    return at.ToDatetime(UTC).astimezone().strftime("%d/%m %H:%M:%S") if at.seconds else ""
