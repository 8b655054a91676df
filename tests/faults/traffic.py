"""People of a confidential group who talk, read, react, follow, come and go through the gateway while things break.

They remember what was acknowledged to them and what they were shown. `verify` compares that with what the API says:
each acknowledged write is there once, nothing is there twice, each page that was shown has its record in the ledger,
and nobody was shown anything after their removal had been acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from regard.audit.v1 import audit_pb2 as audit
from regard.audit.v1.events_pb2 import ACTION_LIVE
from regard.chat.v1 import chat_pb2 as chat
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, PageRequest
from regard.feed.v1 import feed_pb2 as feed
from regard.groups.v1 import groups_pb2 as groups
from regard.groups.v1 import rules_pb2 as rules
from regard.identity.v1 import identity_pb2 as identity

from regard_client import AsyncRegard, RegardError, Session

NAME = "Traffic"
PASSWORD = "a long enough password"
MEMBERS = ("ana", "bo", "cleo", "dov")
MODERATOR, FOLLOWER, VISITOR = "ana", "dov", "eve"
CALL_LIMIT_S = 10.0
"""Before a call is given up and sent again with the same key: much longer than the product's own limits."""
SETTLING_S = 60.0
_PAGE = 200
_RETRY_S = 0.02
_NOT_HERE = {"NOT_FOUND", "PERMISSION_DENIED"}

Answer = TypeVar("Answer")
Seen = tuple[str, str, int]
"""Something that was shown: its type, the room or its own id, and its place in the room (0 for a post)."""


@dataclass(eq=False)
class Write:
    """Something that somebody wants written, under one key however often it is sent."""

    kind: str
    who: str
    text: str
    target: str = ""
    while_away: int = 0
    """During which absence of the visitor it was first sent; 0 if they were not known to be away."""
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class Traffic:
    """The people, and what they know. `prepare` once, then `running` and `verify` as often as wanted, each on a URL."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._sessions = {who: Session(language="en", client="traffic") for who in (*MEMBERS, VISITOR)}
        self.ids: dict[str, str] = {}
        self.group_id = self.room_id = ""
        self.acknowledged: dict[str, Write] = {}
        self.unsure: list[Write] = []
        """Sent and never answered: there once, or not at all."""
        self.refusals: Counter[str] = Counter()
        self.violations: list[str] = []
        self.shown: defaultdict[str, set[Seen]] = defaultdict(set)
        self._met: defaultdict[str, list[str]] = defaultdict(list)
        """Messages that somebody was shown, and may react to."""
        self._heard: list[chat.Message] = []
        self._cursor = ""
        self._followed = 0
        """How many live streams told the follower of messages."""
        self._absences = 0
        self._away = 0
        """Number of the present absence, from when the removal was acknowledged until an invitation is sent."""

        self._refused = 0
        """Number of the last absence during which they were told that there is nothing for them."""

    # ------------------------------------------------------------------------------------------ what there is

    async def prepare(self, url: str, code: str) -> None:
        """Claims the installation and makes people, group and room."""
        async with AsyncRegard(url, session=Session(language="en", client="traffic")) as administrator:
            profile = identity.Profile(name="Ada Min", email="admin@traffic.example")
            claim = identity.ClaimInstallationRequest(code=code, profile=profile, password=PASSWORD)
            await administrator.auth.ClaimInstallation(claim)
            await administrator.sign_in("admin@traffic.example", PASSWORD)
            for who in self._sessions:
                profile = identity.Profile(name=who.title(), email=f"{who}@traffic.example")
                asked = identity.ProvisionPersonRequest(profile=profile, password=PASSWORD)
                self.ids[who] = (await administrator.people.ProvisionPerson(asked)).person.id
        async with self._clients(url) as clients:
            for who, client in clients.items():
                await client.sign_in(f"{who}@traffic.example", PASSWORD)
            moderator = clients[MODERATOR]
            confidential = rules.Rules(
                level=LEVEL_CONFIDENTIAL,
                join=rules.JOIN_POLICY_BY_INVITATION,
                readers=rules.READERS_SHOWN_EVERYONE_BY_NAME,
                break_glass=rules.BREAK_GLASS_NEVER,
            )
            made = await moderator.groups.CreateGroup(groups.CreateGroupRequest(name=NAME, rules=confidential))
            self.group_id = made.group.id
            for who in set(MEMBERS) - {MODERATOR}:
                await self._come(moderator, clients[who], who)
            opened = await moderator.chat.OpenRoom(chat.OpenRoomRequest(group_id=self.group_id, name="Room"))
            self.room_id = opened.room.id
            async for frame in clients[FOLLOWER].chat.Subscribe(chat.SubscribeRequest()):
                self._cursor = frame.cursor
                break

    async def run(self, url: str, stop: asyncio.Event) -> None:
        """Everyone does what they do until `stop` is set, and then ends what they are about."""
        self._away = 0
        async with self._clients(url) as clients, asyncio.TaskGroup() as tasks:
            for who in MEMBERS:
                tasks.create_task(self._act(who, clients[who], stop))
            tasks.create_task(self._come_and_go(clients[MODERATOR], clients[VISITOR], stop))
            tasks.create_task(self._look(clients[VISITOR], stop))
            following = [
                tasks.create_task(self._follow(clients[FOLLOWER], stop)),
                tasks.create_task(self._follow_as_visitor(clients[VISITOR], stop)),
            ]
            await stop.wait()
            for task in following:
                task.cancel()

    @contextlib.asynccontextmanager
    async def running(self, url: str) -> AsyncIterator[None]:
        """Everyone does what they do until the block ends."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.run(url, stop))
        try:
            yield
        finally:
            stop.set()
            await running

    def __str__(self) -> str:
        kinds = Counter(write.kind for write in self.acknowledged.values())
        shown = sum(map(len, self.shown.values()))
        written = ", ".join(f"{kinds[kind]} {kind}s" for kind in ("message", "post", "reaction"))
        return f"{written} acknowledged, {len(self.unsure)} never answered, {shown} shown, {self._absences} removals"

    @property
    def progress(self) -> int:
        """How much was acknowledged so far."""
        return len(self.acknowledged)

    @contextlib.asynccontextmanager
    async def _clients(self, url: str) -> AsyncIterator[dict[str, AsyncRegard]]:
        async with contextlib.AsyncExitStack() as stack:
            yield {
                who: await stack.enter_async_context(AsyncRegard(url, session=session))
                for who, session in self._sessions.items()
            }

    # ------------------------------------------------------------------------------------------ what they do

    async def _act(self, who: str, client: AsyncRegard, stop: asyncio.Event) -> None:
        # Half of what was never answered is sent again, as a client does; of the other half nobody ever hears.
        mine = [write for write in self.unsure if write.who == who]
        for write in mine[::2]:
            self.unsure.remove(write)
            await self._write(client, write, stop)
        while not stop.is_set():
            match self._draw.random():
                case chance if chance < 0.6:
                    await self._write(client, self._new("message", who), stop)
                case chance if chance < 0.7:
                    await self._write(client, self._new("post", who), stop)
                case chance if chance < 0.8 and self._met[who]:
                    await self._write(client, self._new("reaction", who, self._draw.choice(self._met[who])), stop)
                case chance if chance < 0.9:
                    await self._insist(client, lambda: self._read_messages(who, client), stop)
                case _:
                    await self._insist(client, lambda: self._read_posts(who, client), stop)

    def _new(self, kind: str, who: str, target: str = "") -> Write:
        return Write(kind, who, f"{kind} {uuid.uuid4().hex[:20]}", target, self._away)

    async def _write(self, client: AsyncRegard, write: Write, stop: asyncio.Event) -> None:
        self.unsure.append(write)
        if await self._insist(client, lambda: self._send(client, write), stop):
            self.unsure.remove(write)
            self.acknowledged[write.text] = write

    async def _send(self, client: AsyncRegard, write: Write) -> bool:
        with_key = {"metadata": (("idempotency-key", write.key),), "timeout": CALL_LIMIT_S}
        match write.kind:
            case "message":
                said = chat.SendMessageRequest(room_id=self.room_id, body=write.text)
                await client.chat.SendMessage(said, **with_key)
            case "post":
                await client.feed.PublishPost(
                    feed.PublishPostRequest(group_id=self.group_id, body=write.text), **with_key
                )
            case _:
                reacted = chat.SetReactionRequest(
                    room_id=self.room_id, message_id=write.target, emoji=write.text, present=True
                )
                await client.chat.SetReaction(reacted, **with_key)
        return True

    async def _read_messages(self, who: str, client: AsyncRegard, token: str = "") -> chat.ListMessagesResponse:
        asked = chat.ListMessagesRequest(
            room_id=self.room_id, page=PageRequest(size=_PAGE if token else 20, token=token)
        )
        answer = await client.chat.ListMessages(asked, timeout=CALL_LIMIT_S)
        self.shown[who] |= {("message", self.room_id, one.sequence) for one in self._others(who, answer.messages)}
        self._met[who] = [message.id for message in answer.messages]
        return answer

    async def _read_posts(self, who: str, client: AsyncRegard, token: str = "") -> feed.ListGroupPostsResponse:
        asked = feed.ListGroupPostsRequest(group_id=self.group_id, page=PageRequest(size=_PAGE, token=token))
        answer = await client.feed.ListGroupPosts(asked, timeout=CALL_LIMIT_S)
        self.shown[who] |= {("post", one.id, 0) for one in self._others(who, answer.posts)}
        return answer

    def _others(self, who: str, texts: Iterable[Answer]) -> Iterable[Answer]:
        """What others wrote: one's own is no access."""
        return (one for one in texts if one.author_id != self.ids[who])  # type: ignore[attr-defined]

    async def _follow(self, client: AsyncRegard, stop: asyncio.Event) -> None:
        """The follower follows live, and resumes from the cursor whenever the stream ends."""
        while not stop.is_set():
            told = False
            async with self._signed_in_again(client):
                async for frame in client.chat.Subscribe(chat.SubscribeRequest(cursor=self._cursor)):
                    self._cursor = frame.cursor
                    if frame.WhichOneof("frame") == "message":
                        self._heard.append(frame.message)
                        self._followed += not told
                        told = True
                    if stop.is_set():
                        return
            await asyncio.sleep(_RETRY_S)

    async def _follow_as_visitor(self, client: AsyncRegard, stop: asyncio.Event) -> None:
        while not stop.is_set():
            async with self._signed_in_again(client):
                async for frame in client.chat.Subscribe(chat.SubscribeRequest()):
                    self._overhear(frame)
            await asyncio.sleep(_RETRY_S)

    def _overhear(self, frame: chat.SubscribeResponse) -> None:
        body = frame.message.body
        if body and self._away and any(one.text == body and one.while_away == self._away for one in self._known()):
            self.violations.append(f"heard live after the removal: {body}")

    def _known(self) -> Collection[Write]:
        return (*self.acknowledged.values(), *self.unsure)

    async def _come_and_go(self, moderator: AsyncRegard, visitor: AsyncRegard, stop: asyncio.Event) -> None:
        remove = groups.RemoveMemberRequest(group_id=self.group_id, person_id=self.ids[VISITOR])
        while not stop.is_set():
            if await self._insist_once(moderator, lambda **key: moderator.groups.RemoveMember(remove, **key), stop):
                self._absences += 1
                self._away = self._absences
                while self._refused < self._away and not stop.is_set():  # until they have tried at least once
                    await asyncio.sleep(_RETRY_S)
            if not stop.is_set():
                self._away = 0
                await self._come(moderator, visitor, VISITOR, stop)
                await asyncio.sleep(self._draw.uniform(0, 0.1))

    async def _come(
        self, moderator: AsyncRegard, client: AsyncRegard, who: str, stop: asyncio.Event | None = None
    ) -> None:
        invite = groups.InviteMemberRequest(group_id=self.group_id, person_id=self.ids[who])
        accept = groups.AcceptInvitationRequest(group_id=self.group_id)
        await self._insist_once(moderator, lambda **key: moderator.groups.InviteMember(invite, **key), stop)
        await self._insist_once(client, lambda **key: client.groups.AcceptInvitation(accept, **key), stop)

    async def _look(self, visitor: AsyncRegard, stop: asyncio.Event) -> None:
        while not stop.is_set():
            away = self._away
            read = self._read_posts if self._draw.random() < 0.2 else self._read_messages
            try:
                answer = await read(VISITOR, visitor)
            except RegardError as error:
                if error.kind in _NOT_HERE:
                    self._refused = max(away, self._refused)
                else:
                    await self._bear(visitor, error)
                continue
            if away and away == self._away:
                self._refused = away
                self.violations.append(f"read after the removal: {type(answer).__name__}")

    async def say(self, url: str, who: str) -> None:
        """One of them writes a message."""
        async with self._clients(url) as clients:
            await self._write(clients[who], self._new("message", who), asyncio.Event())

    async def delete_group(self, url: str) -> None:
        """The moderator deletes the group, and with it all that was written in it."""
        async with self._clients(url) as clients:
            deleted = groups.DeleteGroupRequest(group_id=self.group_id, name=NAME)
            await clients[MODERATOR].groups.DeleteGroup(deleted)

    # ------------------------------------------------------------------------------------------ how they insist

    async def _insist(
        self, client: AsyncRegard, attempt: Callable[[], Awaitable[Answer]], stop: asyncio.Event | None = None
    ) -> Answer | None:
        """Tries until there is an answer; None if the end comes first. Raises RegardError for a refusal that stays."""
        while True:
            try:
                return await attempt()
            except RegardError as error:
                await self._bear(client, error)
            if stop and stop.is_set():
                return None

    async def _insist_once(
        self, client: AsyncRegard, call: Callable[..., Awaitable[object]], stop: asyncio.Event | None = None
    ) -> bool:
        """Carries out a change of membership, with one key; whether it was acknowledged."""
        key = {"metadata": (("idempotency-key", str(uuid.uuid4())),), "timeout": CALL_LIMIT_S}

        async def attempt() -> bool:
            try:
                await call(**key)
            except RegardError as error:
                if error.unreachable or not error.id or error.kind == "UNAUTHENTICATED":
                    raise
                # An earlier attempt, in an earlier run perhaps, has done it already.
                self.refusals[error.id] += 1
            return True

        return bool(await self._insist(client, attempt, stop))

    @contextlib.asynccontextmanager
    async def _signed_in_again(self, client: AsyncRegard) -> AsyncIterator[None]:
        """Lets a stream end however it does; where its token is why, the next one has another."""
        try:
            yield
        except RegardError as error:
            if error.kind == "UNAUTHENTICATED":
                await self._sign_in(client)

    async def _sign_in(self, client: AsyncRegard) -> None:
        who = next(who for who, session in self._sessions.items() if session is client.session)
        with contextlib.suppress(RegardError):
            await client.sign_in(f"{who}@traffic.example", PASSWORD)

    async def _bear(self, client: AsyncRegard, error: RegardError) -> None:
        self.refusals[error.id or error.kind] += 1
        # The answer to a renewal was lost, and its token is used up; or the token is of a time that is yet to come.
        if error.kind == "UNAUTHENTICATED":
            await self._sign_in(client)
        elif error.id and not error.unreachable:  # without an id it is a connection that broke, whatever its kind
            raise error
        await asyncio.sleep(_RETRY_S)

    # ------------------------------------------------------------------------------------------ what must be so

    async def verify(self, url: str) -> None:
        """Compares what people know with what the API says. AssertionError names what is wrong."""
        assert not self.violations, self.violations
        async with self._clients(url) as clients:
            moderator, follower = clients[MODERATOR], clients[FOLLOWER]
            async with asyncio.timeout(SETTLING_S):
                while missing := await self._missing(moderator):
                    self.refusals["late"] += len(missing)
                    await asyncio.sleep(0.1)
            await self._hear_everything(follower)
            entries = await self._ledger(moderator)
        covered: defaultdict[str, set[Seen]] = defaultdict(set)
        for entry in entries:
            covered[entry.reader_id] |= _covered(entry)
        for who, shown in self.shown.items():
            unrecorded = shown - covered[self.ids[who]]
            assert not unrecorded, f"{who} was shown, and it is not in the ledger: {sorted(unrecorded)[:5]}"
        lives = sum(entry.reader_id == self.ids[FOLLOWER] and entry.action == ACTION_LIVE for entry in entries)
        assert lives >= self._followed, f"{self._followed} streams told the follower something, {lives} are recorded"
        access_ids = Counter(entry.access_id for entry in entries)
        assert max(access_ids.values(), default=1) == 1, access_ids.most_common(3)

    async def _missing(self, moderator: AsyncRegard) -> set[str]:
        """Acknowledged and not there (yet). AssertionError for what is there twice, or was never sent."""
        messages = await self._all(
            moderator, lambda token: self._read_messages(MODERATOR, moderator, token), "messages"
        )
        posts = await self._all(moderator, lambda token: self._read_posts(MODERATOR, moderator, token), "posts")
        there = Counter(one.body for one in (*messages, *posts))
        there += Counter({reaction.emoji: reaction.count for message in messages for reaction in message.reactions})
        assert max(there.values(), default=1) == 1, f"there twice: {there.most_common(3)}"
        sequences = [message.sequence for message in messages]
        assert sequences == sorted(set(sequences), reverse=True), "the room is out of order"
        assert there.keys() <= {write.text for write in self._known()}
        return self.acknowledged.keys() - there.keys()

    async def _all(self, client: AsyncRegard, page: Callable[[str], Awaitable[object]], name: str) -> list[object]:
        found: list[object] = []
        token = ""
        while True:
            answer = await self._insist(client, functools.partial(page, token))
            found += getattr(answer, name)
            token = answer.page.next_token  # type: ignore[attr-defined]
            if not token:
                return found

    async def _ledger(self, moderator: AsyncRegard) -> list[audit.LedgerEntry]:
        async def page(token: str) -> audit.ListAccessesResponse:
            asked = audit.ListAccessesRequest(
                scope=audit.ListAccessesRequest.SCOPE_GROUP,
                group_id=self.group_id,
                page=PageRequest(size=_PAGE, token=token),
            )
            return await moderator.ledger.ListAccesses(asked, timeout=CALL_LIMIT_S)

        return await self._all(moderator, page, "entries")  # type: ignore[return-value]

    async def _hear_everything(self, follower: AsyncRegard) -> None:
        """The follower, who resumes from their cursor, has heard each message, in order, and each change once."""
        wanted = {text for text, write in self.acknowledged.items() if write.kind == "message"}
        following = asyncio.create_task(self._follow(follower, asyncio.Event()))
        try:
            async with asyncio.timeout(SETTLING_S):
                while not wanted <= {message.body for message in self._heard}:
                    await asyncio.sleep(_RETRY_S)
        except TimeoutError:
            unheard = sorted(wanted - {message.body for message in self._heard})
            raise AssertionError(f"{len(unheard)} messages were never told live: {unheard[:5]}") from None
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        reactions = Counter(write.target for write in self._known() if write.kind == "reaction")
        told = Counter(message.id for message in self._heard)
        assert all(times <= 1 + reactions[one] for one, times in told.items()), "a change was told twice"
        unchanged = [message.sequence for message in self._heard if not reactions[message.id]]
        assert unchanged == sorted(unchanged), "messages were told out of order"


def _covered(entry: audit.LedgerEntry) -> set[Seen]:
    """What a line of the ledger says was accessed."""
    seen: set[Seen] = set()
    for objects in entry.objects:
        if objects.first:
            places = range(objects.first, objects.last + 1)
            seen |= {(objects.type, room_id, place) for room_id in objects.ids for place in places}
        else:
            seen |= {(objects.type, one, 0) for one in objects.ids}
    return seen
