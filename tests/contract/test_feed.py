"""The feed as its callers see it: posts with their threads, by group and over all groups."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from regard.audit.v1.events_pb2 import ACTION_READ, Access
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, PageRequest
from regard.feed.v1 import feed_pb2 as api
from regard.feed.v1.feed_pb2_grpc import FeedServiceStub
from regard.groups.v1.events_pb2 import MemberRemoved
from regard.groups.v1.rules_pb2 import MEMBER_ROLE_STEWARD, PAST_VISIBILITY_FROM_JOINING

from services.common import paging
from services.feed.service import build
from tests.contract.content import House, Refusal, open_house, types
from tests.guarded import CODEC, person

MARKER = "zebra-marker-7319"


class Feed:
    """The feed in a house, by what its callers do."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stub = FeedServiceStub(house.channel)

    async def publish(self, who: str, group_id: str, body: str, mentions: tuple[str, ...] = (), **metadata: str) -> str:
        """A post."""
        request = api.PublishPostRequest(group_id=group_id, body=body, mentioned_ids=mentions)
        return (await self.house.call(self.stub.PublishPost, who, request, **metadata)).post.id  # type: ignore[no-any-return]

    async def comment(self, who: str, post_id: str, body: str, mentions: tuple[str, ...] = (), **metadata: str) -> str:
        """A comment."""
        request = api.AddCommentRequest(post_id=post_id, body=body, mentioned_ids=mentions)
        return (await self.house.call(self.stub.AddComment, who, request, **metadata)).comment.id  # type: ignore[no-any-return]

    async def edit(self, who: str, post_id: str, body: str, mentions: tuple[str, ...] = ()) -> None:
        request = api.EditPostRequest(post_id=post_id, body=body, mentioned_ids=mentions)
        await self.house.call(self.stub.EditPost, who, request)

    async def edit_comment(self, who: str, post_id: str, comment_id: str, body: str) -> None:
        request = api.EditCommentRequest(post_id=post_id, comment_id=comment_id, body=body)
        await self.house.call(self.stub.EditComment, who, request)

    async def withdraw(self, who: str, post_id: str, comment_id: str = "") -> None:
        if comment_id:
            of_comment = api.WithdrawCommentRequest(post_id=post_id, comment_id=comment_id)
            await self.house.call(self.stub.WithdrawComment, who, of_comment)
        else:
            await self.house.call(self.stub.WithdrawPost, who, api.WithdrawPostRequest(post_id=post_id))

    async def react(self, who: str, post_id: str, emoji: str, comment_id: str = "", *, present: bool = True) -> None:
        request = api.SetReactionRequest(post_id=post_id, comment_id=comment_id, emoji=emoji, present=present)
        await self.house.call(self.stub.SetReaction, who, request)

    async def post(self, who: str, post_id: str) -> api.Post:
        return (await self.house.call(self.stub.GetPost, who, api.GetPostRequest(post_id=post_id))).post  # type: ignore[no-any-return]

    async def comments(self, who: str, post_id: str, size: int = 50, token: str = "") -> Any:
        request = api.ListCommentsRequest(post_id=post_id, page=PageRequest(size=size, token=token))
        return await self.house.call(self.stub.ListComments, who, request)

    async def posts(self, who: str, group_id: str, size: int = 50, token: str = "") -> Any:
        request = api.ListGroupPostsRequest(group_id=group_id, page=PageRequest(size=size, token=token))
        return await self.house.call(self.stub.ListGroupPosts, who, request)

    async def home(self, who: str, size: int = 50, token: str = "") -> Any:
        request = api.GetHomeFeedRequest(page=PageRequest(size=size, token=token))
        return await self.house.call(self.stub.GetHomeFeed, who, request)

    async def mentions(self, who: str, size: int = 50, token: str = "") -> Any:
        request = api.ListMentionsRequest(page=PageRequest(size=size, token=token))
        return await self.house.call(self.stub.ListMentions, who, request)

    async def events(self, post_id: str) -> list[Message]:
        """What was recorded of a thread."""
        history = await self.house.store.inner.load(f"post-{post_id}")
        return [event.message for event in CODEC.decode_all(history.events)]


@pytest.fixture
async def feed(tmp_path: Path) -> AsyncIterator[Feed]:
    async with open_house(tmp_path, build) as house:
        yield Feed(house)


async def refused(call: Any, id: str) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await call
    assert refusal.value.id == id
    return refusal.value


def bodies(answer: Any) -> list[str]:
    return [one.body for one in (answer.comments if isinstance(answer, api.ListCommentsResponse) else answer.posts)]


def read(accesses: list[Access]) -> list[tuple[str, list[str]]]:
    """Who read what, in order."""
    assert {one.action for one in accesses} <= {ACTION_READ}
    return [(one.reader_id, sorted(id for objects in one.objects for id in objects.ids)) for one in accesses]


async def through(page: Callable[[str], Awaitable[Any]], between: Callable[[], Awaitable[object]]) -> list[str]:
    """All that a list gives page by page, while something happens between two pages."""
    seen, token = [], ""
    while True:
        answer = await page(token)
        seen += bodies(answer)
        token = answer.page.next_token
        if not token:
            return seen
        await between()


async def test_a_post_is_read_by_members_and_unknown_to_others(feed: Feed) -> None:
    awa, ben, eve, steward = person(), person(), person(), person()
    group_id = await feed.house.group(awa, ben)
    await feed.house.add(group_id, steward, MEMBER_ROLE_STEWARD)
    post_id = await feed.publish(awa, group_id, "minutes", (ben,))
    post = await feed.post(ben, post_id)
    assert (post.body, post.author_id, post.group_id, post.level) == ("minutes", awa, group_id, LEVEL_CONFIDENTIAL)
    assert (list(post.mentioned_ids), post.comment_count, list(post.history)) == ([ben], 0, [])
    assert not post.HasField("edited_at")
    assert post.published_at.ToDatetime() == feed.house.clock.now.replace(tzinfo=None)
    unseen = await refused(feed.post(eve, post_id), "FED-01")
    unknown = await refused(feed.post(eve, person()), "FED-01")
    assert unseen.sentence == unknown.sentence
    await refused(feed.posts(eve, group_id), "ACC-01")
    await refused(feed.posts(steward, group_id), "ACC-04")
    await refused(feed.post(steward, post_id), "ACC-04")
    await refused(feed.publish(eve, group_id, "hello"), "ACC-01")
    await refused(feed.comment(eve, post_id, "hello"), "FED-01")
    assert bodies(await feed.home(eve)) == bodies(await feed.home(steward)) == []


async def test_what_is_published_twice_with_one_key_is_one_post(feed: Feed) -> None:
    awa = person()
    group_id, other = await feed.house.group(awa), await feed.house.group(awa)
    ids = {await feed.publish(awa, group_id, "once", idempotency_key="k") for _ in range(3)}
    (post_id,) = ids
    assert await feed.publish(awa, other, "elsewhere", idempotency_key="k") != post_id
    comments = {await feed.comment(awa, post_id, "once", idempotency_key="k") for _ in range(3)}
    assert len(comments) == 1
    assert bodies(await feed.posts(awa, group_id)) == ["once"]
    assert bodies(await feed.posts(awa, other)) == ["elsewhere"]
    assert bodies(await feed.comments(awa, post_id)) == ["once"]


async def test_whoever_writes_is_answered_what_readers_will_see_and_that_is_no_access(feed: Feed) -> None:
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, ben)
    clock, stub, call = feed.house.clock, feed.stub, feed.house.call

    async def repeated(method: Any, request: Message) -> Any:
        # With an hour between them, so that only what was recorded can give the same times.
        key = person()
        first = await call(method, awa, request, idempotency_key=key)
        clock.move(hours=1)
        assert await call(method, awa, request, idempotency_key=key) == first
        return first

    async def as_read(post_id: str) -> tuple[api.Post, list[api.Comment]]:
        post, comments = await feed.post(awa, post_id), await feed.comments(awa, post_id)
        del post.history[:]
        return post, list(comments.comments)

    publish = api.PublishPostRequest(group_id=group_id, body="one", mentioned_ids=[ben])
    post = (await repeated(stub.PublishPost, publish)).post
    assert (post.level, post.published_at.seconds > 0) == (LEVEL_CONFIDENTIAL, True)
    assert (post, []) == await as_read(post.id)

    add = api.AddCommentRequest(post_id=post.id, body="first", mentioned_ids=[ben])
    comment = (await repeated(stub.AddComment, add)).comment
    assert (await as_read(post.id))[1] == [comment]

    gone = await feed.comment(ben, post.id, "never mind")
    await feed.withdraw(ben, post.id, gone)
    for who, emoji in ((ben, "eyes"), (awa, "+1"), (ben, "+1")):
        await feed.react(who, post.id, emoji)
        await feed.react(who, post.id, emoji, comment.id)
    edit = api.EditPostRequest(post_id=post.id, body="two")
    post = (await repeated(stub.EditPost, edit)).post
    edit_comment = api.EditCommentRequest(post_id=post.id, comment_id=comment.id, body="second")
    comment = (await repeated(stub.EditComment, edit_comment)).comment
    assert await feed.house.accesses(group_id) == []
    read_post, read_comments = await as_read(post.id)
    assert (post, comment) == (read_post, read_comments[0])
    assert (post.comment_count, [one.mine for one in post.reactions]) == (1, [True, False])


async def test_a_repeated_command_does_not_give_a_withdrawn_text_again(feed: Feed) -> None:
    awa = person()
    group_id = await feed.house.group(awa)
    request = api.PublishPostRequest(group_id=group_id, body=MARKER)
    post = (await feed.house.call(feed.stub.PublishPost, awa, request, idempotency_key="k")).post
    await feed.withdraw(awa, post.id)
    again = (await feed.house.call(feed.stub.PublishPost, awa, request, idempotency_key="k")).post
    assert (again.withdrawn, again.body) == (True, "")
    assert again == await feed.post(awa, post.id)


async def test_edits_keep_the_earlier_texts_for_readers(feed: Feed) -> None:
    awa, mod = person(), person()
    group_id = await feed.house.group(awa, moderator=mod)
    post_id = await feed.publish(awa, group_id, "one")
    for text in ("two", "three"):
        feed.house.clock.move(minutes=1)
        await feed.edit(awa, post_id, text)
    await refused(feed.edit(mod, post_id, "mine"), "FED-03")
    await refused(feed.edit(awa, person(), "none"), "FED-01")
    post = await feed.post(mod, post_id)
    assert (post.body, [one.body for one in post.history]) == ("three", ["one", "two"])
    assert [one.at.seconds - post.published_at.seconds for one in post.history] == [0, 60]
    assert post.edited_at.seconds - post.published_at.seconds == 120
    (listed,) = (await feed.posts(mod, group_id)).posts
    assert (listed.body, list(listed.history)) == ("three", [])


async def test_author_or_moderator_withdraw_for_good(feed: Feed) -> None:
    awa, ben, mod = person(), person(), person()
    group_id = await feed.house.group(awa, ben, moderator=mod)
    post_id = await feed.publish(awa, group_id, "one", (ben,))
    comment_id = await feed.comment(ben, post_id, "hm")
    await feed.edit(awa, post_id, "two", (ben,))
    await refused(feed.withdraw(ben, post_id), "FED-04")
    await refused(feed.withdraw(awa, post_id, comment_id), "FED-04")
    await refused(feed.withdraw(mod, post_id, person()), "FED-02")
    for _ in range(2):
        await feed.withdraw(mod, post_id, comment_id)
        await feed.withdraw(awa, post_id)
    post = await feed.post(ben, post_id)
    assert (post.body, post.withdrawn, post.comment_count) == ("", True, 0)
    assert (list(post.history), list(post.mentioned_ids)) == ([], [])
    assert [(one.body, one.withdrawn) for one in (await feed.comments(ben, post_id)).comments] == [("", True)]
    assert list((await feed.mentions(ben)).mentions) == []
    for call in (
        feed.edit(awa, post_id, "three"),
        feed.edit_comment(ben, post_id, comment_id, "oh"),
        feed.comment(ben, post_id, "oh"),
        feed.react(ben, post_id, "+1"),
    ):
        await refused(call, "FED-05")
    assert types(await feed.events(post_id))[-2:] == ["CommentWithdrawn", "PostWithdrawn"]


async def test_a_thread_has_comments_in_order_and_reactions_to_each(feed: Feed) -> None:
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, ben)
    post_id = await feed.publish(awa, group_id, "what do you think?")
    first = await feed.comment(ben, post_id, "frist")
    await feed.comment(awa, post_id, "second")
    feed.house.clock.move(seconds=5)
    await feed.edit_comment(ben, post_id, first, "first")
    await refused(feed.edit_comment(awa, post_id, first, "mine"), "FED-03")
    for who in (awa, ben, ben):
        await feed.react(who, post_id, "+1")
    await feed.react(awa, post_id, "eyes", first)
    await feed.react(ben, post_id, "eyes", first)
    await feed.react(ben, post_id, "eyes", first, present=False)
    await refused(feed.react(ben, post_id, "+1", person()), "FED-02")
    post = await feed.post(ben, post_id)
    assert (post.comment_count, [(one.emoji, one.count, one.mine) for one in post.reactions]) == (2, [("+1", 2, True)])
    one, two = (await feed.comments(ben, post_id)).comments
    assert (one.body, one.edited_at.seconds - one.added_at.seconds, two.body) == ("first", 5, "second")
    assert [(one.emoji, one.count, one.mine) for one in one.reactions] == [("eyes", 1, False)]
    assert list(two.reactions) == []


async def test_those_who_cannot_read_are_not_mentioned(feed: Feed) -> None:
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, ben)
    refusal = await refused(feed.publish(awa, group_id, "hello", (ben, person(), person())), "FED-06")
    assert refusal.sentence is not None and "2 people" in refusal.sentence
    post_id = await feed.publish(awa, group_id, "hello", (ben,))
    await refused(feed.edit(awa, post_id, "hello", (person(),)), "FED-06")
    await refused(feed.comment(awa, post_id, "hello", (person(),)), "FED-06")


async def test_mentions_are_told_newest_first_while_they_may_be_read(feed: Feed) -> None:
    awa, ben = person(), person()
    group_id, other = await feed.house.group(awa, ben), await feed.house.group(awa, ben)
    post_id = await feed.publish(awa, group_id, "ben?", (ben,))
    elsewhere = await feed.publish(awa, other, "ben, too?", (ben,))
    comment_id = await feed.comment(awa, post_id, "ben!", (ben,))
    await feed.publish(awa, group_id, "nobody")
    seen, token = [], ""
    while True:
        page = await feed.mentions(ben, 1, token)
        seen += [(one.post_id, one.comment_id, one.group_id, one.author_id) for one in page.mentions]
        token = page.page.next_token
        if not token:
            break
    assert seen == [(post_id, comment_id, group_id, awa), (elsewhere, "", other, awa), (post_id, "", group_id, awa)]
    await feed.edit(awa, elsewhere, "never mind")
    assert [one.post_id for one in (await feed.mentions(ben)).mentions] == [post_id, post_id]
    await feed.house.remove(group_id, ben)
    assert list((await feed.mentions(ben)).mentions) == []
    # No text is shown by it, so nothing is recorded.
    assert await feed.house.accesses(group_id) == []


async def test_a_home_feed_over_groups_is_one_query_and_one_record_a_group(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    awa, ben = person(), person()
    groups = [await feed.house.group(awa, ben) for _ in range(3)]
    opened, foreign = await feed.house.group(awa, ben, level=LEVEL_OPEN), await feed.house.group(awa)
    ids: dict[str, list[str]] = {group_id: [] for group_id in groups}
    for number in range(6):
        group_id = groups[number % 3]
        ids[group_id].append(await feed.publish(awa, group_id, str(number)))
    await feed.publish(awa, opened, "open")
    await feed.publish(awa, foreign, "foreign")
    await feed.publish(ben, groups[0], "of ben")
    selects = 0
    database = feed.house.kernel.database("feed")
    read_of_database = database.read

    def counted() -> Any:
        nonlocal selects
        selects += 1
        return read_of_database()

    monkeypatch.setattr(database, "read", counted)
    assert bodies(await feed.home(ben)) == ["of ben", "open", *"543210"]
    assert selects <= 3  # their groups, the posts, and the wait for what was written before
    for group_id in groups:
        assert read(await feed.house.accesses(group_id)) == [(ben, sorted(ids[group_id]))]
    assert await feed.house.accesses(opened) == await feed.house.accesses(foreign) == []
    await feed.house.remove(groups[0], ben)
    assert bodies(await feed.home(ben)) == ["open", "5", "4", "2", "1"]


async def test_pages_have_neither_gap_nor_repeat_while_more_is_written(feed: Feed) -> None:
    awa = person()
    group_id, other = await feed.house.group(awa), await feed.house.group(awa)
    posts = [await feed.publish(awa, group_id if number % 3 else other, str(number)) for number in range(7)]

    async def more() -> None:
        await feed.publish(awa, group_id, "later")
        await feed.edit(awa, posts[1], "1")

    assert await through(lambda token: feed.home(awa, 2, token), more) == list("6543210")
    assert await through(lambda token: feed.posts(awa, other, 2, token), more) == list("630")
    for number in range(5):
        await feed.comment(awa, posts[0], str(number))
    seen = await through(lambda token: feed.comments(awa, posts[0], 2, token), lambda: feed.react(awa, posts[0], "+1"))
    assert seen == list("01234")


async def test_newcomers_see_nothing_from_before_them_where_the_rules_say_so(feed: Feed) -> None:
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, past=PAST_VISIBILITY_FROM_JOINING)
    old = await feed.publish(awa, group_id, "before ben")
    feed.house.clock.move(minutes=1)
    await feed.house.add(group_id, ben)
    await feed.publish(awa, group_id, "with ben")
    await feed.comment(awa, old, "a late comment", (ben,))
    assert bodies(await feed.posts(ben, group_id)) == bodies(await feed.home(ben)) == ["with ben"]
    for call in (
        feed.post(ben, old),
        feed.comments(ben, old),
        feed.comment(ben, old, "what was that?"),
        feed.react(ben, old, "+1"),
    ):
        await refused(call, "FED-01")
    assert bodies(await feed.posts(awa, group_id)) == ["with ben", "before ben"]


async def test_what_was_confidential_stays_so_when_the_group_opens(feed: Feed) -> None:
    awa, eve = person(), person()
    group_id = await feed.house.group(awa)
    closed = await feed.publish(awa, group_id, "confidential")
    await feed.house.adopt(group_id, 2, level=LEVEL_OPEN)
    post_id = await feed.publish(awa, group_id, "open")
    assert bodies(await feed.posts(eve, group_id)) == ["open"]
    await refused(feed.post(eve, closed), "FED-01")
    await feed.house.adopt(group_id, 3, level=LEVEL_CONFIDENTIAL)
    await refused(feed.edit(awa, post_id, "confidential words"), "ACC-13")
    await feed.comment(awa, post_id, "confidential comment")
    await feed.house.adopt(group_id, 4, level=LEVEL_OPEN)
    assert bodies(await feed.comments(eve, post_id)) == []
    assert bodies(await feed.comments(awa, post_id)) == ["confidential comment"]


async def test_reading_is_recorded_once_a_window_for_each_reader_and_never_ones_own(feed: Feed) -> None:
    awa, ben, cy = person(), person(), person()
    group_id = await feed.house.group(awa, ben, cy)
    post_id = await feed.publish(awa, group_id, "one")
    comment_id = await feed.comment(ben, post_id, "two")
    for who in (awa, ben, cy, cy):
        await feed.post(who, post_id)
        await feed.comments(who, post_id)
    assert read(await feed.house.accesses(group_id)) == [
        (awa, [comment_id]),
        (ben, [post_id]),
        (cy, [post_id]),
        (cy, [comment_id]),
    ]


@pytest.mark.parametrize("level", [LEVEL_OPEN, LEVEL_RESTRICTED])
async def test_reading_what_is_not_confidential_is_not_recorded_for_members(feed: Feed, level: Any) -> None:
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, ben, level=level)
    post_id = await feed.publish(awa, group_id, "hello")
    assert bodies(await feed.home(ben)) == bodies(await feed.posts(ben, group_id)) == ["hello"]
    assert (await feed.post(ben, post_id)).body == "hello"
    assert await feed.house.events(group_id) == []


async def test_nothing_is_shown_that_cannot_be_recorded(feed: Feed) -> None:
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, ben)
    post_id = await feed.publish(awa, group_id, MARKER)
    feed.house.store.appends_to_lose = 10**6
    for call in (feed.home(ben), feed.post(ben, post_id)):
        refusal = await refused(call, "ACC-09")
        assert MARKER.encode() not in refusal.everything
    feed.house.store.appends_to_lose = 0


async def test_erased_and_deleted_content_is_gone(feed: Feed) -> None:
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, ben)
    post_id = await feed.publish(awa, group_id, "one", (ben,))
    await feed.edit(awa, post_id, "two", (ben,))
    await feed.comment(ben, post_id, "of ben")
    await feed.house.erase(group_id, awa)
    post = await feed.post(ben, post_id)
    assert (post.body, post.erased, list(post.history)) == ("", True, [])
    assert bodies(await feed.comments(ben, post_id)) == ["of ben"]
    await refused(feed.publish(awa, group_id, "again"), "ACC-12")
    await feed.house.delete(group_id)
    await refused(feed.post(ben, post_id), "FED-01")
    assert bodies(await feed.home(ben)) == []
    assert list((await feed.mentions(ben)).mentions) == []


@pytest.mark.parametrize("token", ["?", "AAAA", paging.encode(("x",)), paging.encode((2**63,)), paging.encode((1, 2))])
async def test_page_tokens_of_another_making_are_refused(feed: Feed, token: str) -> None:
    awa = person()
    group_id = await feed.house.group(awa)
    post_id = await feed.publish(awa, group_id, "hello")
    for call in (
        feed.home(awa, token=token),
        feed.posts(awa, group_id, token=token),
        feed.comments(awa, post_id, token=token),
        feed.mentions(awa, token=token),
    ):
        await refused(call, "RPC-20")


async def test_what_is_written_is_nowhere_but_in_answers_to_readers(
    feed: Feed, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    awa, ben = person(), person()
    group_id = await feed.house.group(awa, ben)
    post_id = await feed.publish(awa, group_id, MARKER)
    await feed.edit(awa, post_id, f"{MARKER} again")
    await feed.comment(ben, post_id, MARKER)
    refusals = [
        await refused(feed.publish(ben, group_id, MARKER, (person(),)), "FED-06"),
        await refused(feed.edit(ben, post_id, MARKER), "FED-03"),
        await refused(feed.comment(person(), post_id, MARKER), "FED-01"),
        await refused(feed.comment(awa, "no uuid", MARKER), "RPC-02"),
    ]
    assert not [refusal for refusal in refusals if MARKER.encode() in refusal.everything]
    assert (await feed.post(ben, post_id)).history[0].body == MARKER
    stored = [event async for event in feed.house.store.inner.read_all(prefixes=("post-", "access-"))]
    assert len(stored) >= 4
    assert not [event for event in stored if MARKER.encode() in event.data or MARKER in str(dict(event.metadata))]
    files = [path for path in feed.house.kernel.settings.data.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if MARKER.encode() in path.read_bytes()]
    assert MARKER not in caplog.text
    assert MARKER not in "".join(capfd.readouterr())


async def test_a_person_gets_all_that_they_wrote_and_it_is_no_access(feed: Feed) -> None:
    awa, ben = person(), person()
    groups = [await feed.house.group(awa, ben) for _ in range(2)]
    posts = [await feed.publish(awa, group_id, f"post {group_id}") for group_id in groups]
    his = await feed.publish(ben, groups[0], "his")
    await feed.comment(awa, his, "under his")
    await feed.comment(ben, posts[0], "under mine")
    withdrawn = await feed.publish(awa, groups[1], "taken back")
    await feed.withdraw(awa, withdrawn)

    async def mine(who: str, size: int = 50, token: str = "") -> Any:
        request = api.ListMyTextsRequest(page=PageRequest(size=size, token=token))
        return await feed.house.call(feed.stub.ListMyTexts, who, request)

    found, token = list[Any](), ""
    while True:
        answer = await mine(awa, 1, token)
        found += answer.texts
        if not (token := answer.page.next_token):
            break
    written = [(one.group_id, (one.comment if one.HasField("comment") else one.post).body) for one in found]
    assert written == [
        (groups[1], ""),
        (groups[0], "under his"),
        (groups[1], f"post {groups[1]}"),
        (groups[0], f"post {groups[0]}"),
    ]
    assert found[0].post.withdrawn
    assert (await mine(person())).texts == []
    for group_id in groups:
        assert await feed.house.accesses(group_id) == []
    gone = MemberRemoved(group_id=groups[0], person_id=awa, removed_by=ben)
    await feed.house.write(f"group-{groups[0]}", gone)
    assert {one.group_id for one in (await mine(awa)).texts} == {groups[1]}
