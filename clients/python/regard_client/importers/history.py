"""What all histories of other tools have in common, and how they are brought in.

A channel becomes a group with one room: a public channel an open group, a private one a confidential group whose
members are the channel's. Posts become messages with their authors, times and reactions, in the order of their times.
Whoever runs the import is made a member of nothing by it, since administrators do not read; their posts are imported.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp
from regard.chat.v1.chat_pb2 import ImportMessagesRequest, ImportRoomRequest
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN
from regard.groups.v1.groups_pb2 import ImportGroupRequest
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_BY_INVITATION,
    READERS_SHOWN_EVERYONE_BY_NAME,
    Rules,
)
from regard.identity.v1.identity_pb2 import GetMeRequest, Profile

from regard_client.client import AsyncRegard
from regard_client.errors import RegardError
from regard_client.importers import reasons
from regard_client.importers.people import provision, refused_because
from regard_client.importers.reasons import Said
from regard_client.importers.report import Progress, Report, each, patiently

LONGEST_BODY = 20_000
LONGEST_ID = 300
MOST_REACTIONS = 1_000
MOST_MODERATORS, MOST_MEMBERS = 1_000, 10_000
"""In one request."""
BATCH = 100
BATCH_BYTES = 400_000
"""A request holds 1 MiB at most."""

ImportedMessage = ImportMessagesRequest.ImportedMessage
ImportedReaction = ImportMessagesRequest.ImportedReaction


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in what is imported: a line of the file, or an entry of an archive's file."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class User:
    """Who wrote something; `left`: their account gives no access."""

    place: Place
    profile: Profile
    left: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """Someone of a channel."""

    user: str
    moderates: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A post or a reply; `id` and `reply_to` identify it for ever, so that repeating finds the same."""

    place: Place
    id: str
    reply_to: str
    user: str
    body: str
    created_ms: int
    reactions: tuple[tuple[str, str], ...] = ()
    """Who, and which."""


@dataclass(slots=True)
class Channel:
    """`portions` reads the posts a part at a time, each part later than the one before."""

    place: Place
    name: str
    purpose: str
    private: bool
    members: list[Member] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    portions: Callable[[], Iterator[list[Post]]] | None = None

    def read(self) -> Iterator[list[Post]]:
        """Its posts."""
        return self.portions() if self.portions else iter((self.posts,))


@dataclass(slots=True)
class History:
    """What a file holds, as far as it can be understood: users and channels by what identifies them."""

    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)


async def bring_in(regard: AsyncRegard, source: str, history: History, report: Report, progress: Progress) -> None:
    """Imports a history. Raises RegardError when the server gives up; repeating goes on from there."""
    me = (await patiently(partial(regard.people.GetMe, GetMeRequest()))).person.id
    people: dict[str, str] = {}

    async def person(name: str) -> None:
        user = history.users[name]
        place = user.place
        found = await provision(
            regard, report, place.line, user.profile, file=place.file, inactive=user.left, only_if_absent=True
        )
        if found:
            people[name] = found.id

    await each("people", history.users, person, progress)
    rooms: list[tuple[str, Channel]] = []

    async def group(key: str) -> None:
        channel = history.channels[key]
        if room_id := await _open(regard, report, f"{source}:{key}", channel, people, me):
            rooms.append((room_id, channel))

    await each("groups", history.channels, group, progress)

    async def conversation(room: tuple[str, Channel]) -> None:
        # One room's batches one after another: the room's order is the order of arrival.
        room_id, channel = room
        for posts in channel.read():
            known = sorted((post for post in posts if _known(report, post, people)), key=lambda post: post.created_ms)
            for batch in batches(known):
                request = ImportMessagesRequest(
                    room_id=room_id, source=source, messages=[_imported(post, people) for post in batch]
                )
                answer = await patiently(partial(regard.chat.ImportMessages, request))
                report.count("messages", True, answer.imported)
                report.count("messages", False, answer.present)

    await each("conversations", rooms, conversation, progress)
    report.refused.sort()


async def _open(
    regard: AsyncRegard, report: Report, external_id: str, channel: Channel, people: dict[str, str], me: str
) -> str | None:
    known = [member for member in channel.members if member.user in people]
    members = [member for member in known if people[member.user] != me]
    moderators = [member for member in members if member.moderates][:MOST_MODERATORS] or members[:1]
    if not moderators:
        _refuse(report, channel, reasons.ONLY_YOU() if known else reasons.NOBODY())
        return None
    if len(members) < len(known):
        report.note(reasons.LEFT_YOU_OUT(channel=channel.name))
    others = [people[member.user] for member in members if member not in moderators]
    # Repeating adds who is missing, so that a large group comes in parts.
    parts = [others[start : start + MOST_MEMBERS] for start in range(0, len(others), MOST_MEMBERS)] or [[]]
    created = False
    try:
        for part in parts:
            request = ImportGroupRequest(
                external_id=external_id,
                name=channel.name,
                purpose=channel.purpose,
                rules=_rules(channel),
                moderator_ids=[people[member.user] for member in moderators],
                member_ids=part,
            )
            group = await patiently(partial(regard.groups.ImportGroup, request))
            created |= group.created
    except RegardError as error:
        if error.kind not in {"INVALID_ARGUMENT", "ALREADY_EXISTS", "FAILED_PRECONDITION", "NOT_FOUND"}:
            raise
        _refuse(report, channel, refused_because(error))
        return None
    report.count("groups", created)
    room_request = ImportRoomRequest(group_id=group.group_id, external_id=external_id, name=channel.name)
    return (await patiently(partial(regard.chat.ImportRoom, room_request))).room_id


def _refuse(report: Report, channel: Channel, reason: Said | str) -> None:
    report.refuse(channel.place.line, reason, channel.place.file)
    for place in sorted({post.place for portion in channel.read() for post in portion}):
        report.refuse(place.line, reasons.CHANNEL_REFUSED(channel=channel.name), place.file)


def _rules(channel: Channel) -> Rules:
    return Rules(
        level=LEVEL_CONFIDENTIAL if channel.private else LEVEL_OPEN,
        join=JOIN_POLICY_BY_INVITATION if channel.private else JOIN_POLICY_ANYONE,
        readers=READERS_SHOWN_EVERYONE_BY_NAME,
        break_glass=BREAK_GLASS_NEVER,
    )


def batches(posts: Iterable[Post]) -> Iterator[list[Post]]:
    """The posts in parts that fit into a request each."""
    batch: list[Post] = []
    size = 0
    for post in posts:
        bytes_more = len(post.body.encode()) + 120 * (len(post.reactions) + 2)
        if batch and (len(batch) == BATCH or size + bytes_more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(post)
        size += bytes_more
    if batch:
        yield batch


def _known(report: Report, post: Post, people: dict[str, str]) -> bool:
    if post.user not in people:
        report.refuse(post.place.line, reasons.AUTHOR_REFUSED(author=post.user), post.place.file)
    elif len(post.id) > LONGEST_ID:
        report.refuse(post.place.line, reasons.LONG_ID(), post.place.file)
    else:
        return True
    return False


def _imported(post: Post, people: dict[str, str]) -> ImportedMessage:
    written_at = Timestamp()
    written_at.FromMilliseconds(post.created_ms)
    return ImportedMessage(
        external_id=post.id,
        author_id=people[post.user],
        body=post.body,
        written_at=written_at,
        reply_to_external_id=post.reply_to,
        reactions=[
            ImportedReaction(person_id=people[who], emoji=emoji) for who, emoji in post.reactions if who in people
        ][:MOST_REACTIONS],
    )
