"""The story: a company brings in its history, people talk, somebody privileged looks, and every member sees who looked.

It goes through the gateway as people do: Harry by gRPC, Ron by gRPC-Web, Malfoy by JSON. In the end every line of the
ledger is accounted for, and what was killed in the middle ends the same.
"""

import asyncio
import contextlib
import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from regard.audit.v1 import audit_pb2 as audit
from regard.audit.v1.events_pb2 import Action, ReaderKind
from regard.chat.v1 import chat_pb2 as chat
from regard.common.v1.common_pb2 import PURPOSE_INTERNAL_AUDIT, PageRequest
from regard.feed.v1 import feed_pb2 as feed
from regard.groups.v1 import groups_pb2 as groups
from regard.identity.v1 import identity_pb2 as identity

from regard_client import AsyncRegard, RegardError, Session
from tests import parts
from tests.grpcweb import WebChannel, WebRpcError
from tests.parts import Installed
from tests.product import LIMIT_S, Product

PASSWORD = "a long enough password"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "mattermost" / "export.jsonl"
OWN = Path(__file__).parent / "export.jsonl"
EXPORT = SHARED if SHARED.exists() else OWN

pytestmark = [pytest.mark.xdist_group("story"), pytest.mark.timeout(300)]
Line = tuple[str, str, str]
"""Who, in which capacity, did what."""


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Installed]:
    with parts.product(tmp_path) as started:
        yield started


class Story:
    """The people and places of the story, and what they did that has to be in the ledger."""

    def __init__(self, product: Installed, url: str) -> None:
        self.product = product
        self.url = url
        self.ids: dict[str, str] = {}
        self.group = self.room = ""
        self.expected: Counter[Line] = Counter()

    async def sign_in(self, key: str) -> AsyncRegard:
        regard = AsyncRegard(self.url, session=Session(language="en", client="story"))
        self.ids[key] = (await regard.sign_in(f"{key}@zulip.com", PASSWORD)).id
        return regard

    def looked(self, key: str, kind: str, action: str, times: int = 1) -> None:
        self.expected[key, kind, action] += times

    async def ledger(self, regard: AsyncRegard) -> list[audit.LedgerEntry]:
        """Every line, page by page."""
        found: list[audit.LedgerEntry] = []
        token = ""
        while True:
            request = audit.ListAccessesRequest(
                scope=audit.ListAccessesRequest.SCOPE_GROUP,
                group_id=self.group,
                page=PageRequest(size=7, token=token),
            )
            answer = await regard.ledger.ListAccesses(request)
            found += answer.entries
            token = answer.page.next_token
            if not token:
                return found

    def normalised(self, entries: list[audit.LedgerEntry]) -> Counter[str]:
        """The lines without what no two installations have in common: ids, times, and places on the stream."""
        names = {person_id: key for key, person_id in self.ids.items()}
        lines: Counter[str] = Counter()
        for entry in entries:
            line = audit.LedgerEntry()
            line.CopyFrom(entry)
            for field in ("access_id", "group_id", "at", "ended_at", "revision", "index", "of"):
                line.ClearField(field)  # type: ignore[arg-type]
            line.reader_id = names.get(entry.reader_id, "somebody else")
            for objects in line.objects:
                objects.ids[:] = [""] * len(objects.ids)
            lines[str(line)] += 1
        return lines

    def lines(self, entries: list[audit.LedgerEntry]) -> Counter[Line]:
        names = {person_id: key for key, person_id in self.ids.items()}
        return Counter(
            (
                names[entry.reader_id],
                ReaderKind.Name(entry.reader_kind).removeprefix("READER_KIND_"),
                Action.Name(entry.action).removeprefix("ACTION_"),
            )
            for entry in entries
        )


async def _prepare(product: Installed) -> Story:
    """An installation with the export in it, and passwords for those who speak."""
    story = Story(product, product.ready())
    admin = AsyncRegard(story.url, session=Session(language="en", client="story"))
    claim = identity.ClaimInstallationRequest(
        code=product.code, profile=identity.Profile(name="Ada Min", email="admin@zulip.com"), password=PASSWORD
    )
    await admin.auth.ClaimInstallation(claim)
    people = product.folder / "people.csv"
    with people.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "email", "password", "roles"])
        rows.writerow(["Ron Weasley", "ron@zulip.com", PASSWORD, ""])
        rows.writerow(["Harry Potter", "harry@zulip.com", PASSWORD, ""])
        rows.writerow(["Draco Malfoy", "malfoy@zulip.com", PASSWORD, ""])
        rows.writerow(["Alastor Moody", "moody@zulip.com", PASSWORD, "auditor"])
    assert product.command("sign-in", "admin@zulip.com", text=PASSWORD + "\n").returncode == 0
    for _ in range(2):  # repeating changes nothing
        done = product.command("import", "people", str(people))
        assert done.returncode == 0, done.stderr
    first = product.command("--json", "import", "mattermost", str(EXPORT))
    again = product.command("--json", "import", "mattermost", str(EXPORT))
    assert first.returncode == again.returncode == 4, first.stderr  # imported, but one line is refused
    told, told_again = json.loads(first.stdout), json.loads(again.stdout)
    assert [one["line"] for one in told["refused"]] == [33]
    assert told["created"]["messages"] == 20 and told["created"]["groups"] == 5
    assert told_again["present"]["messages"] == 20 and not told_again["created"].get("messages")
    await admin.close()
    return story


async def _tell(story: Story) -> None:
    """The story up to the removal, noting everything that has to be recorded."""
    async with contextlib.AsyncExitStack() as stack:
        harry = await stack.enter_async_context(await story.sign_in("harry"))
        mine = (await harry.groups.ListMyGroups(groups.ListMyGroupsRequest())).groups
        story.group = next(group.id for group in mine if group.name == "Dumbledores army")
        rooms = (await harry.chat.ListRooms(chat.ListRoomsRequest(group_id=story.group))).rooms
        story.room = rooms[0].id

        ron = await stack.enter_async_context(await story.sign_in("ron"))
        malfoy = await stack.enter_async_context(await story.sign_in("malfoy"))
        moody = await stack.enter_async_context(await story.sign_in("moody"))
        browser = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        web = WebChannel(browser, story.url, {"authorization": f"Bearer {ron.session.token}"})
        json_ = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=story.url, headers={"authorization": f"Bearer {malfoy.session.token}"}, timeout=60
            )
        )

        # A stranger finds nothing, whatever they try; and that is no access.
        assert (await json_.get(f"/v1/groups/{story.group}")).status_code == 404
        assert (await json_.get(f"/v1/rooms/{story.room}/messages")).status_code == 404

        # Harry reads what was imported (gRPC), Ron too (gRPC-Web). Reading it again in the hour is the same access.
        for _ in range(2):
            read = await harry.chat.ListMessages(chat.ListMessagesRequest(room_id=story.room))
            assert "The weather is so hot!" in [message.body for message in read.messages]
        story.looked("harry", "MODERATOR", "READ")
        path = "/regard.chat.v1.ChatService/ListMessages"
        seen = await web.unary(path, chat.ListMessagesRequest(room_id=story.room), chat.ListMessagesResponse)
        assert len(seen.messages) == 5
        story.looked("ron", "MEMBER", "READ")

        # Malfoy is invited, accepts (JSON), and follows live.
        await harry.groups.InviteMember(groups.InviteMemberRequest(group_id=story.group, person_id=story.ids["malfoy"]))
        accepted = await json_.post(f"/v1/groups/{story.group}:accept", json={})
        assert accepted.status_code == 200, accepted.text
        frames, following = await _follow(json_, accepted.headers.get("x-consistency-token", ""))
        story.looked("malfoy", "MEMBER", "LIVE")

        # Everyone speaks; Malfoy hears it.
        send = "/regard.chat.v1.ChatService/SendMessage"
        await harry.chat.SendMessage(chat.SendMessageRequest(room_id=story.room, body="Tonight, seventh floor."))
        await web.unary(
            send, chat.SendMessageRequest(room_id=story.room, body="I bring the map."), chat.SendMessageResponse
        )
        said = await json_.post(f"/v1/rooms/{story.room}/messages", json={"body": "What fun."})
        assert said.status_code == 200, said.text
        await _until(lambda: {"Tonight, seventh floor.", "I bring the map.", "What fun."} <= _heard(frames))
        await harry.feed.PublishPost(feed.PublishPostRequest(group_id=story.group, body="Rules of the army."))
        list_posts = "/regard.feed.v1.FeedService/ListGroupPosts"
        asked = feed.ListGroupPostsRequest(group_id=story.group)
        async with asyncio.timeout(LIMIT_S):
            while not (posts := (await web.unary(list_posts, asked, feed.ListGroupPostsResponse)).posts):
                await asyncio.sleep(0.02)
        assert [post.body for post in posts] == ["Rules of the army."]
        story.looked("ron", "MEMBER", "READ")

        # An auditor cannot read, but may search the ledger for a stated purpose: the group will see it.
        with pytest.raises(RegardError) as refused:
            await moody.chat.ListMessages(chat.ListMessagesRequest(room_id=story.room))
        assert refused.value.kind == "NOT_FOUND"
        found = await moody.audit.SearchAccesses(
            audit.SearchAccessesRequest(
                group_ids=[story.group], purpose=PURPOSE_INTERNAL_AUDIT, purpose_reference="2026-14"
            )
        )
        assert found.entries
        story.looked("moody", "AUDITOR", "SEARCH_LEDGER")

        # Malfoy is removed in mid-stream: from then on nothing reaches him.
        await harry.groups.RemoveMember(groups.RemoveMemberRequest(group_id=story.group, person_id=story.ids["malfoy"]))
        assert (await json_.get(f"/v1/rooms/{story.room}/messages")).status_code in (403, 404)
        await harry.chat.SendMessage(chat.SendMessageRequest(room_id=story.room, body="He is gone. Same place."))
        await _until(lambda: any("roomLost" in frame for frame in frames))
        assert "He is gone. Same place." not in _heard(frames)
        following.cancel()
        with pytest.raises(WebRpcError):
            await WebChannel(browser, story.url, {"authorization": f"Bearer {malfoy.session.token}"}).unary(
                path, chat.ListMessagesRequest(room_id=story.room), chat.ListMessagesResponse
            )


async def _follow(client: httpx.AsyncClient, token: str) -> tuple[list[dict[str, Any]], "asyncio.Task[None]"]:
    frames: list[dict[str, Any]] = []
    begun = asyncio.Event()

    async def follow() -> None:
        headers = {"x-consistency-token": token} if token else {}
        async with client.stream("GET", "/v1/rooms:subscribe", headers=headers) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                frames.append(json.loads(line))
                begun.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(begun.wait(), LIMIT_S)
    return frames, task


def _heard(frames: list[dict[str, Any]]) -> set[str]:
    return {frame["message"]["body"] for frame in frames if "message" in frame}


async def _until(condition: Any) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def test_the_story_ends_with_every_line_of_the_ledger(product: Installed) -> None:
    story = await _prepare(product)
    await _tell(story)
    async with await story.sign_in("harry") as harry:
        story.looked("harry", "MODERATOR", "READ_LEDGER")
        await story.ledger(harry)
        entries = await story.ledger(harry)
        lines = story.lines([entry for entry in entries if entry.reader_id in story.ids.values()])
        assert lines == story.expected
        # Besides them, only the administrator who brought the history in.
        others = {ReaderKind.Name(entry.reader_kind) for entry in entries if entry.reader_id not in story.ids.values()}
        assert others <= {"READER_KIND_ADMINISTRATOR"}
        searched = next(entry for entry in entries if entry.reader_id == story.ids["moody"])
        assert (searched.purpose, searched.purpose_reference) == (PURPOSE_INTERNAL_AUDIT, "2026-14")
        # Places follow one another without a gap, up to the head that the answer names.
        head = (await harry.ledger.ListAccesses(audit.ListAccessesRequest(group_id=story.group))).head_revision
        _assert_no_gap(entries, head)

        # The same ledger by JSON and by gRPC-Web.
        headers = {"authorization": f"Bearer {harry.session.token}"}
        async with httpx.AsyncClient(base_url=story.url, headers=headers) as json_:
            shown = (await json_.get(f"/v1/groups/{story.group}/accesses", params={"page.size": 200})).json()
            assert [one["accessId"] for one in shown["entries"]] == [entry.access_id for entry in entries]
            web = WebChannel(json_, story.url, headers)
            web_shown = await web.unary(
                "/regard.audit.v1.LedgerService/ListAccesses",
                audit.ListAccessesRequest(group_id=story.group, page=PageRequest(size=200)),
                audit.ListAccessesResponse,
            )
            assert list(web_shown.entries) == entries
    assert product.stop() == 0
    checked = product.command("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.slow
async def test_two_installations_end_with_the_same_ledger(product: Installed, tmp_path: Path) -> None:
    """Word for word; with `--real` the one on genuine servers, each part a process, and the one on a laptop."""
    told = [await _told(product)]
    product.stop()
    embedded = Product(tmp_path / "embedded", "all")
    try:
        told.append(await _told(embedded))
    finally:
        embedded.close()
    assert told[0] == told[1]
    assert told[0].total() > 0


async def _told(product: Installed) -> Counter[str]:
    story = await _prepare(product)
    await _tell(story)
    async with await story.sign_in("harry") as harry:
        await story.ledger(harry)  # that this was read is in the ledger by the next time
        return story.normalised(await story.ledger(harry))


@pytest.mark.slow
async def test_killed_in_the_story_it_ends_with_the_same_ledger(product: Installed) -> None:
    story = await _prepare(product)
    await _tell(story)
    product.kill()
    product.start_again()
    async with await story.sign_in("harry") as harry:
        story.looked("harry", "MODERATOR", "READ_LEDGER")
        await story.ledger(harry)
        entries = await story.ledger(harry)
    lines = story.lines([entry for entry in entries if entry.reader_id in story.ids.values()])
    assert lines == story.expected
    product.kill()
    checked = product.command("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _assert_no_gap(entries: list[audit.LedgerEntry], head: int) -> None:
    places = sorted((entry.revision, entry.index, entry.of) for entry in entries)
    by_revision: dict[int, list[int]] = {}
    for revision, index, of in places:
        by_revision.setdefault(revision, []).append(index)
        assert of > index
    assert all(indexes == list(range(len(indexes))) for indexes in by_revision.values())
    assert max(by_revision) <= head
