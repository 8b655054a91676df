"""The commands about groups and what is said in them."""

import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import (
    LedgerEntry,
    ListAccessesRequest,
    WatchAccessesRequest,
    WatchAccessesResponse,
)
from regard.chat.v1.chat_pb2 import (
    ListMessagesRequest,
    ListRoomsRequest,
    Message,
    OpenRoomRequest,
    Room,
    SendMessageRequest,
    SubscribeRequest,
    SubscribeResponse,
)
from regard.common.v1.common_pb2 import Level, PageRequest, Purpose
from regard.feed.v1.feed_pb2 import ListGroupPostsRequest, Post, PublishPostRequest
from regard.groups.v1.groups_pb2 import (
    CreateGroupRequest,
    GetGroupRequest,
    Group,
    ListMyGroupsRequest,
    WhoCanSeeRequest,
)
from regard.groups.v1.rules_pb2 import Rules
from regard.identity.v1.identity_pb2 import BatchGetPeopleRequest, ListPeopleRequest

from regard_client.cli.context import (
    LARGEST_PAGE,
    USAGE,
    connected,
    err,
    fail,
    harmless,
    options,
    out,
    pages,
    say,
    show,
    show_json,
)
from regard_client.client import Regard
from regard_client.errors import RegardError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_AGAIN_S = 1.0
Frame = TypeVar("Frame", SubscribeResponse, WatchAccessesResponse)

GroupName = Annotated[str, typer.Argument(help="Name of a group, the beginning of it, or its id.")]
Reference = Annotated[str, typer.Option(help="Reference of the purpose, such as an audit's number.")]
PurposeName = Annotated[
    str, typer.Option(help="internal_audit, security_incident, data_subject_request or legal_obligation.")
]
Limit = Annotated[int, typer.Option(help="Most lines to show.", min=1, max=LARGEST_PAGE)]


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
    ):
        app.command(name)(command)


def groups() -> None:
    """List my groups."""
    with connected() as regard:
        show(
            all_groups(regard),
            {
                "group": lambda group: group.name or say("(direct conversation)", "(conversation directe)"),
                "level": lambda group: Level.Name(group.rules.level).removeprefix("LEVEL_").lower(),
                "people": lambda group: str(group.member_count),
                "id": lambda group: group.id,
            },
            empty=say(
                "You belong to no group yet. Create one with: regard create-group NAME",
                "Vous n’êtes dans aucun groupe. Créez-en un : regard create-group NOM",
            ),
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
        fail(
            say(f"There is no level “{level}”.", f"Il n’y a pas de niveau « {level} »."),
            say("The levels are", "Les niveaux sont") + " open, restricted, confidential.",
            USAGE,
        )
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
            empty=say("Nobody.", "Personne."),
        )


def people(query: Annotated[str, typer.Argument(help="Words of a name, a function or a site.")] = "") -> None:
    """Search the directory."""
    with connected() as regard:
        found = regard.people.ListPeople(ListPeopleRequest(query=query, page=PageRequest(size=LARGEST_PAGE))).people
        show(
            found,
            {
                "name": lambda person: person.profile.name,
                "function": lambda person: person.profile.function,
                "site": lambda person: person.profile.site,
                "id": lambda person: person.id,
            },
            empty=say("Nobody is called that.", "Personne ne s’appelle ainsi."),
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
                "what": lambda one: one.body or _without(one),
            },
            empty=say("Nothing has been posted in this group yet.", "Rien n’est encore publié dans ce groupe."),
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
                "what": lambda message: message.body or _without(message),
            },
            empty=say("Nothing has been said here yet.", "Rien n’a encore été dit ici."),
        )


def listen() -> None:
    """Follow everything said in all my rooms, as it is said; Ctrl-C ends it. Recorded for confidential groups."""
    with connected() as regard:
        names: dict[str, str] = {}

        def told(frame: SubscribeResponse) -> None:
            if options.json:
                show_json(frame)
            elif frame.HasField("message"):
                message, author = frame.message, frame.message.author_id
                names.update({} if author in names else names_of(regard, [author]))
                line = f"{when(message.sent_at)} {names.get(author, author)}: {message.body or _without(message)}"
                out.print(harmless(line), markup=False)

        _follow(lambda cursor: regard.chat.Subscribe(SubscribeRequest(cursor=cursor)), told)


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
        show_entries(regard, regard.ledger.ListAccesses(request).entries)
        if watch:

            def told(frame: WatchAccessesResponse) -> None:
                if frame.HasField("entry"):
                    show_entries(regard, [frame.entry])

            _follow(
                lambda cursor: regard.ledger.WatchAccesses(WatchAccessesRequest(group_id=identifier, cursor=cursor)),
                told,
            )


def purpose_of(name: str) -> str:
    """The purpose of that name, as the contract calls it; ends the command if there is none."""
    why = f"PURPOSE_{name.upper()}"
    if why not in [known for known, _ in Purpose.items()]:
        fail(
            say(f"There is no purpose “{name}”.", f"Il n’y a pas de motif « {name} »."),
            say("The purposes are", "Les motifs sont")
            + " internal_audit, security_incident, data_subject_request, legal_obligation, harassment_complaint.",
            USAGE,
        )
    return why


def show_entries(regard: Regard, entries: Sequence[LedgerEntry]) -> None:
    """Shows lines of the ledger, with the names of who looked."""
    names = names_of(regard, (entry.reader_id for entry in entries))
    show(
        entries,
        {
            "when": lambda entry: when(entry.at),
            "who looked": lambda entry: sentence(entry.sentence, reader=names.get(entry.reader_id, "?")),
            "client": lambda entry: entry.client,
        },
        empty=say("Nobody has looked yet.", "Personne n’a encore regardé."),
    )


def all_groups(regard: Regard) -> list[Group]:
    """Every group of the caller."""
    asked = pages(lambda page: regard.groups.ListMyGroups(ListMyGroupsRequest(page=page)))
    return [group for answer in asked for group in answer.groups]


def group_id(regard: Regard, name: str) -> str:
    """The id of a group of the caller by name, or the id itself."""
    if _UUID.fullmatch(name):
        return name
    mine = all_groups(regard)
    exact = [group for group in mine if group.name.casefold() == name.casefold()]
    found = exact or [group for group in mine if group.name.casefold().startswith(name.casefold())]
    if len(found) != 1:
        none = say(f"None of your groups is called “{name}”.", f"Aucun de vos groupes ne s’appelle « {name} ».")
        several = say(
            f"More than one of your groups is called “{name}”.", f"Plusieurs de vos groupes s’appellent « {name} »."
        )
        fail(
            several if found else none,
            say("List them with: regard groups", "Voyez la liste : regard groups"),
            USAGE,
        )
    return found[0].id


def first_room(regard: Regard, group: str) -> Room:
    """The room of a group in which something was said last."""
    identifier = group_id(regard, group)
    rooms = regard.chat.ListRooms(ListRoomsRequest(group_id=identifier)).rooms
    if not rooms:
        regard.groups.GetGroup(GetGroupRequest(group_id=identifier))  # which says so, if there is no such group
        fail(
            say("This group has no room yet.", "Ce groupe n’a pas encore de salon."),
            say("A member opens one.", "Un membre en ouvre un."),
            USAGE,
        )
    return rooms[0]


def names_of(regard: Regard, person_ids: Iterable[str]) -> dict[str, str]:
    """Names by id, of those who have one: services have none."""
    wanted = sorted({person_id for person_id in person_ids if _UUID.fullmatch(person_id)})
    names: dict[str, str] = {}
    for start in range(0, len(wanted), LARGEST_PAGE):
        request = BatchGetPeopleRequest(person_ids=wanted[start : start + LARGEST_PAGE])
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
    return say("yes", "oui") if value else say("no", "non")


def _without(text: Post | Message) -> str:
    """What stands for a text that is gone."""
    return say("(erased)", "(effacé)") if text.erased else say("(withdrawn)", "(retiré)")


def _text(argument: str) -> str:
    return sys.stdin.read().removesuffix("\n") if argument == "-" else argument


def _follow(stream: Callable[[str], Iterable[Frame]], tell: Callable[[Frame], None]) -> NoReturn:
    """Tells the frames of a stream for ever, and goes on from the last one's cursor when the connection was lost.

    The stream that Regard ends is opened again, too: if it ended because its reader may follow no longer, that is
    refused. Ctrl-C ends it, which is no error.
    """
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    cursor, lost = "", False
    while True:
        try:
            for frame in stream(cursor):
                cursor, lost = frame.cursor or cursor, False
                tell(frame)
        except RegardError as error:
            if not (cursor and error.unreachable):
                raise
            if not lost:
                wait = say("Regard does not answer; going on when it does.", "Regard ne répond pas ; la suite viendra.")
                err.print(wait, markup=False)
        lost = True
        time.sleep(_AGAIN_S)
