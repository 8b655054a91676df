"""The commands about groups and what is said in them."""

import re
import signal
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import LedgerEntry, ListAccessesRequest, SearchAccessesRequest, WatchAccessesRequest
from regard.chat.v1.chat_pb2 import (
    ListMessagesRequest,
    ListRoomsRequest,
    OpenRoomRequest,
    Room,
    SendMessageRequest,
    SubscribeRequest,
)
from regard.common.v1.common_pb2 import Level, PageRequest, Purpose
from regard.feed.v1.feed_pb2 import ListGroupPostsRequest, PublishPostRequest
from regard.groups.v1.groups_pb2 import CreateGroupRequest, Group, ListMyGroupsRequest, WhoCanSeeRequest
from regard.groups.v1.rules_pb2 import Rules
from regard.identity.v1.identity_pb2 import BatchGetPeopleRequest, ListPeopleRequest

from regard_client.cli.context import USAGE, connected, fail, options, out, show, show_json
from regard_client.client import Regard

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LARGEST_PAGE = 200

GroupName = Annotated[str, typer.Argument(help="Name of a group, the beginning of it, or its id.")]
Limit = Annotated[int, typer.Option(help="Most lines to show.", min=1, max=_LARGEST_PAGE)]


def register(app: typer.Typer) -> None:
    """Adds these commands to the `regard` command."""
    for name, command in (
        ("groups", groups),
        ("id", show_id),
        ("create-group", create_group),
        ("who-can-see", who_can_see),
        ("people", people),
        ("post", post),
        ("posts", posts),
        ("chat", chat),
        ("listen", listen),
        ("ledger", ledger),
        ("audit", audit),
    ):
        app.command(name)(command)


def groups() -> None:
    """List my groups."""
    with connected() as regard:
        show(
            all_groups(regard),
            {
                "group": lambda group: group.name or "(direct conversation)",
                "level": lambda group: Level.Name(group.rules.level).removeprefix("LEVEL_").lower(),
                "people": lambda group: str(group.member_count),
                "id": lambda group: group.id,
            },
            empty="You belong to no group yet. Create one with: regard create-group NAME",
        )


def show_id(group: GroupName) -> None:
    """Print the id of one of my groups, for scripts."""
    with connected() as regard:
        out.print(group_id(regard, group), markup=False)


def create_group(
    name: Annotated[str, typer.Argument(help="Its name.")],
    level: Annotated[str, typer.Option(help="open, restricted or confidential.")] = "confidential",
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Create a group with a room of the same name."""
    if level not in {"open", "restricted", "confidential"}:
        fail(f"There is no level {level!r}.", "The levels are open, restricted and confidential.", USAGE)
    rules = Rules(level=f"LEVEL_{level.upper()}")
    with connected() as regard:
        group = regard.groups.CreateGroup(CreateGroupRequest(name=name, purpose=purpose, rules=rules)).group
        regard.chat.OpenRoom(OpenRoomRequest(group_id=group.id, name=name))
        show_json(group) if options.json else out.print(group.id, markup=False)


def who_can_see(group: GroupName) -> None:
    """Show everyone and everything that can reach a group now, and why."""
    with connected() as regard:
        panel = regard.groups.WhoCanSee(WhoCanSeeRequest(group_id=group_id(regard, group)))
        names = names_of(regard, (entry.person_id for entry in panel.entries))
        show(
            panel.entries,
            {
                "who": lambda entry: names.get(entry.person_id, "—"),
                "capacity": lambda entry: entry.capacity,
                "reads": lambda entry: _yes(entry.reads_content),
                "ledger": lambda entry: _yes(entry.reads_ledger),
                "recorded": lambda entry: _yes(entry.recorded),
                "why": lambda entry: sentence(entry.why),
            },
            empty="Nobody.",
        )


def people(query: Annotated[str, typer.Argument(help="Words of a name, a function or a site.")] = "") -> None:
    """Search the directory."""
    with connected() as regard:
        found = regard.people.ListPeople(ListPeopleRequest(query=query, page=PageRequest(size=_LARGEST_PAGE))).people
        show(
            found,
            {
                "name": lambda person: person.profile.name,
                "function": lambda person: person.profile.function,
                "site": lambda person: person.profile.site,
                "id": lambda person: person.id,
            },
            empty="Nobody is called that.",
        )


def post(group: GroupName, text: Annotated[str, typer.Argument(help="Markdown; - reads standard input.")]) -> None:
    """Publish a post in a group."""
    with connected() as regard:
        request = PublishPostRequest(group_id=group_id(regard, group), body=_text(text))
        published = regard.feed.PublishPost(request).post
        show_json(published) if options.json else out.print(published.id, markup=False)


def posts(group: GroupName, limit: Limit = 20) -> None:
    """Read a group's posts, newest first. In a confidential group this is recorded for its members to see."""
    with connected() as regard:
        request = ListGroupPostsRequest(group_id=group_id(regard, group), page=PageRequest(size=limit))
        found = regard.feed.ListGroupPosts(request).posts
        names = names_of(regard, (one.author_id for one in found))
        show(
            found,
            {
                "when": lambda one: when(one.published_at),
                "who": lambda one: names.get(one.author_id, one.author_id),
                "what": lambda one: one.body or "(withdrawn)",
            },
            empty="Nothing has been posted in this group yet.",
        )


def chat(
    group: GroupName,
    text: Annotated[str, typer.Argument(help="What to say; - reads standard input. Without it, read.")] = "",
    limit: Limit = 20,
) -> None:
    """Say something in a group's first room, or read what was said. Reading a confidential group is recorded."""
    with connected() as regard:
        room = first_room(regard, group)
        if text:
            sent = regard.chat.SendMessage(SendMessageRequest(room_id=room.id, body=_text(text)))
            show_json(sent) if options.json else out.print(sent.message_id, markup=False)
            return
        request = ListMessagesRequest(room_id=room.id, page=PageRequest(size=limit))
        found = regard.chat.ListMessages(request).messages[::-1]
        names = names_of(regard, (message.author_id for message in found))
        show(
            found,
            {
                "when": lambda message: when(message.sent_at),
                "who": lambda message: names.get(message.author_id, message.author_id),
                "what": lambda message: message.body or "(withdrawn)",
            },
            empty="Nothing has been said here yet.",
        )


def listen() -> None:
    """Follow everything said in all my rooms, as it is said; Ctrl-C ends it. Recorded for confidential groups."""
    _end_by_interrupt()
    with connected() as regard:
        names: dict[str, str] = {}
        for frame in regard.chat.Subscribe(SubscribeRequest()):
            if options.json:
                show_json(frame)
            elif frame.HasField("message"):
                author = frame.message.author_id
                names |= {} if author in names else names_of(regard, [author])
                out.print(
                    f"{when(frame.message.sent_at)} {names.get(author, author)}: {frame.message.body}", markup=False
                )
            elif frame.HasField("end"):
                fail(f"{frame.end.reason}: {sentence(frame.end.sentence)}", "", 1)


def ledger(
    group: GroupName,
    watch: Annotated[bool, typer.Option(help="Go on, line by line, as people look; Ctrl-C ends it.")] = False,
    limit: Limit = 50,
) -> None:
    """Show who looked at a group, newest first. Reading the ledger is itself recorded."""
    with connected() as regard:
        identifier = group_id(regard, group)
        request = ListAccessesRequest(
            scope=ListAccessesRequest.SCOPE_GROUP, group_id=identifier, page=PageRequest(size=limit)
        )
        _show_entries(regard, regard.ledger.ListAccesses(request).entries)
        if watch:
            _end_by_interrupt()
            for frame in regard.ledger.WatchAccesses(WatchAccessesRequest(group_id=identifier)):
                if frame.HasField("entry"):
                    _show_entries(regard, [frame.entry])
                elif frame.HasField("end"):
                    fail(f"{frame.end.reason}: {sentence(frame.end.sentence)}", "", 1)


def audit(
    group: Annotated[list[str], typer.Argument(help="Ids of the groups to search.")],
    reference: Annotated[str, typer.Option(help="Reference of the purpose, such as an audit's number.")],
    purpose: Annotated[
        str,
        typer.Option(help="internal_audit, security_incident, data_subject_request or legal_obligation."),
    ] = "internal_audit",
    limit: Limit = 50,
) -> None:
    """Search the ledgers of groups as an auditor: their members will see that you did."""
    why = f"PURPOSE_{purpose.upper()}"
    if why not in [name for name, _ in Purpose.items()]:
        fail(f"There is no purpose {purpose!r}.", "", USAGE)
    with connected() as regard:
        request = SearchAccessesRequest(
            group_ids=group, purpose=why, purpose_reference=reference, page=PageRequest(size=limit)
        )
        _show_entries(regard, regard.audit.SearchAccesses(request).entries)


def _show_entries(regard: Regard, entries: Sequence[LedgerEntry]) -> None:
    names = names_of(regard, (entry.reader_id for entry in entries))
    show(
        entries,
        {
            "when": lambda entry: when(entry.at),
            "who looked": lambda entry: sentence(entry.sentence, reader=names.get(entry.reader_id, "?")),
            "client": lambda entry: entry.client,
        },
        empty="Nobody has looked yet.",
    )


def all_groups(regard: Regard) -> list[Group]:
    """Every group of the caller."""
    found: list[Group] = []
    token = ""
    while True:
        answer = regard.groups.ListMyGroups(ListMyGroupsRequest(page=PageRequest(size=_LARGEST_PAGE, token=token)))
        found += answer.groups
        token = answer.page.next_token
        if not token:
            return found


def group_id(regard: Regard, name: str) -> str:
    """The id of a group of the caller by name, or the id itself."""
    if _UUID.fullmatch(name):
        return name
    mine = all_groups(regard)
    exact = [group for group in mine if group.name.casefold() == name.casefold()]
    found = exact or [group for group in mine if group.name.casefold().startswith(name.casefold())]
    if len(found) != 1:
        what = "None" if not found else "More than one"
        fail(f"{what} of your groups is called {name!r}.", "List them with: regard groups", USAGE)
    return found[0].id


def first_room(regard: Regard, group: str) -> Room:
    """The room of a group in which something was said last."""
    rooms = regard.chat.ListRooms(ListRoomsRequest(group_id=group_id(regard, group))).rooms
    if not rooms:
        fail("This group has no room yet.", "A member opens one.", USAGE)
    return rooms[0]


def names_of(regard: Regard, person_ids: Iterable[str]) -> dict[str, str]:
    """Names by id, of those who have one."""
    wanted = sorted({person_id for person_id in person_ids if person_id})
    names: dict[str, str] = {}
    for start in range(0, len(wanted), _LARGEST_PAGE):
        request = BatchGetPeopleRequest(person_ids=wanted[start : start + _LARGEST_PAGE])
        names |= {person.id: person.profile.name for person in regard.people.BatchGetPeople(request).people}
    return names


def sentence(both: Any, **placeholders: str) -> str:
    """A sentence in the chosen language, with its placeholders filled."""
    text: str = both.fr if options.language == "fr" else both.en
    for name, value in placeholders.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def when(at: Timestamp) -> str:
    """A moment in local time."""
    return at.ToDatetime(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at.seconds else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _text(argument: str) -> str:
    return sys.stdin.read() if argument == "-" else argument


def _end_by_interrupt() -> None:
    # A stream ends by Ctrl-C: that is no error.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
