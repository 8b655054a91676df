"""What the feed's tables hold after which events, in whichever order the two topics come."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given as each
from hypothesis import note, settings
from hypothesis import strategies as some
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Sealed
from regard.feed.v1 import events_pb2 as feed
from regard.groups.v1 import events_pb2 as groups

from services.common.moments import microseconds
from services.feed.views import ATTACHMENTS, MENTIONS, METADATA, REACTIONS, REVISIONS, TEXTS, reduce
from tests.unit.tables import AT, History, Row, Tables, tables

GROUP, POST = "group-g", "post-p"
NOW_US = microseconds(AT)
Happened = tuple[str, Message]


@pytest.fixture
def view() -> Iterator[Tables]:
    with tables(METADATA, reduce) as view:
        yield view


def sealed(text: str) -> Sealed:
    return Sealed(subject="g/awa", key_id="1", nonce=bytes(12), ciphertext=text.encode())


def published(author: str = "awa", mentions: tuple[str, ...] = (), **more: object) -> Happened:
    more.setdefault("file_ids", ["file-1", "file-2"])
    return POST, feed.PostPublished(
        post_id="p",
        group_id="g",
        author_id=author,
        body=sealed("first"),
        level=LEVEL_CONFIDENTIAL,
        mentioned_ids=mentions,
        **more,  # type: ignore[arg-type]
    )


def commented(comment_id: str = "c", author: str = "ben", mentions: tuple[str, ...] = ()) -> Happened:
    return POST, feed.CommentAdded(
        post_id="p",
        comment_id=comment_id,
        author_id=author,
        body=sealed("comment"),
        level=LEVEL_CONFIDENTIAL,
        mentioned_ids=mentions,
    )


def edited(comment_id: str = "", text: str = "second", mentions: tuple[str, ...] = ()) -> Happened:
    if comment_id:
        return POST, feed.CommentEdited(
            post_id="p", comment_id=comment_id, body=sealed(text), mentioned_ids=mentions, edited_by="ben"
        )
    return POST, feed.PostEdited(post_id="p", body=sealed(text), mentioned_ids=mentions, edited_by="awa")


def withdrawn(comment_id: str = "") -> Happened:
    if comment_id:
        return POST, feed.CommentWithdrawn(post_id="p", comment_id=comment_id, withdrawn_by="ben")
    return POST, feed.PostWithdrawn(post_id="p", withdrawn_by="awa")


def reaction(comment_id: str = "", person: str = "ben", emoji: str = "+1") -> Happened:
    return POST, feed.ReactionAdded(post_id="p", comment_id=comment_id, person_id=person, emoji=emoji)


def taken_back(comment_id: str = "", person: str = "ben", emoji: str = "+1") -> Happened:
    return POST, feed.ReactionRemoved(post_id="p", comment_id=comment_id, person_id=person, emoji=emoji)


def deleted() -> Happened:
    return GROUP, groups.GroupDeleted(group_id="g")


def erased(author: str = "awa") -> Happened:
    return GROUP, groups.KeysDestroyed(group_id="g", author_id=author)


def texts(view: Tables) -> dict[str, Row]:
    return {str(row["comment_id"]): row for row in view.rows(TEXTS)}


def attached(view: Tables) -> list[tuple[object, object]]:
    return [(row["place"], row["file_id"]) for row in view.rows(ATTACHMENTS)]


def mentions(view: Tables) -> list[tuple[object, object, object]]:
    return [(row["person_id"], row["comment_id"], row["position"]) for row in view.rows(MENTIONS)]


def test_a_post_and_its_comments_lie_in_one_group(view: Tables) -> None:
    view.given(History.of([published(mentions=("ben",)), commented(mentions=("awa",))]))
    assert texts(view)[""] == {
        "post_id": "p",
        "comment_id": "",
        "group_id": "g",
        "author_id": "awa",
        "body": sealed("first").SerializeToString(),
        "body_type": "regard.feed.v1.PostPublished",
        "level": LEVEL_CONFIDENTIAL,
        "mentioned_ids": ["ben"],
        "written_at_us": NOW_US,
        "edited_at_us": None,
        "withdrawn": False,
        "erased": False,
        "position": 100,
    }
    comment = texts(view)["c"]
    assert (comment["group_id"], comment["author_id"], comment["position"]) == ("g", "ben", 101)
    assert mentions(view) == [("awa", "c", 101), ("ben", "", 100)]


@pytest.mark.parametrize("seconds", [1_600_000_000, 0])
def test_an_import_keeps_its_time(view: Tables, seconds: int) -> None:
    view.given(History.of([published(written_at=Timestamp(seconds=seconds))]))
    assert texts(view)[""]["written_at_us"] == seconds * 1_000_000


def test_earlier_texts_are_kept_with_the_time_since_when_they_stood(view: Tables) -> None:
    view.given(History.of([published(mentions=("ben", "cy")), edited(mentions=("cy",)), edited(text="third")]))
    kept = [
        (Sealed.FromString(row["body"]).ciphertext, row["body_type"], row["written_at_us"])  # type: ignore[arg-type]
        for row in view.rows(REVISIONS)
    ]
    assert kept == [
        (b"first", "regard.feed.v1.PostPublished", NOW_US),
        (b"second", "regard.feed.v1.PostEdited", NOW_US + 1_000_000),
    ]
    row = texts(view)[""]
    assert (row["edited_at_us"], row["position"], row["mentioned_ids"]) == (NOW_US + 2_000_000, 100, [])
    assert mentions(view) == []


def test_an_edit_mentions_anew(view: Tables) -> None:
    view.given(History.of([published(mentions=("ben",)), edited(mentions=("cy", "ben"))]))
    assert mentions(view) == [("ben", "", 101), ("cy", "", 101)]


def test_what_was_withdrawn_leaves_no_text(view: Tables) -> None:
    view.given(History.of([published(mentions=("ben",)), edited(), commented(), withdrawn(), withdrawn("c"), edited()]))
    assert [(row["body"], row["withdrawn"]) for row in texts(view).values()] == [(None, True)] * 2
    assert view.rows(REVISIONS) == []
    assert mentions(view) == []


def test_reactions_come_and_go(view: Tables) -> None:
    view.given(History.of([published(), commented(), reaction(), reaction(), reaction("c"), taken_back("c")]))
    assert [(row["comment_id"], row["person_id"]) for row in view.rows(REACTIONS)] == [("", "ben")]
    view.given(History.of([reaction("none")]))
    assert len(view.rows(REACTIONS)) == 1


def test_of_an_erased_author_no_text_is_left(view: Tables) -> None:
    history = [
        published(),
        commented(),
        edited(),
        edited("c"),
        erased("awa"),
        edited(text="third"),
        commented("d", "awa"),
    ]
    view.given(History.of(history))
    assert {key: (row["body"] is None, row["erased"]) for key, row in texts(view).items()} == {
        "": (True, True),
        "c": (False, False),
        "d": (True, True),
    }
    assert [row["comment_id"] for row in view.rows(REVISIONS)] == ["c"]


def test_of_a_deleted_group_nothing_is_left_nor_comes(view: Tables) -> None:
    everything = [published(mentions=("ben",)), commented(mentions=("awa",)), reaction(), reaction("c"), edited()]
    view.given(History.of([*everything, deleted(), *everything]))
    assert [view.rows(table) for table in (TEXTS, REVISIONS, REACTIONS, MENTIONS)] == [[], [], [], []]


def test_files_stand_with_a_post_until_it_is_withdrawn_and_do_not_come_back(view: Tables) -> None:
    view.given(History.of([published(), edited(), withdrawn("c"), erased("ben")]))
    assert attached(view) == [(0, "file-1"), (1, "file-2")]
    view.given(History.of([withdrawn(), published()]))
    assert attached(view) == []


@pytest.mark.parametrize("end", [erased("awa"), deleted()])
def test_nothing_stands_with_what_is_gone(view: Tables, end: Happened) -> None:
    view.given(History.of([published(), end, published()]))
    assert attached(view) == []


AUTHORS, KEYS, COMMENTS = some.sampled_from(["awa", "ben"]), some.sampled_from(["", "c"]), some.just("c")
PEOPLE = some.lists(some.sampled_from(["awa", "ben"]), unique=True, max_size=2).map(tuple)
HAPPENED = some.lists(
    some.one_of(
        some.builds(published, AUTHORS, PEOPLE),
        some.builds(commented, COMMENTS, AUTHORS, PEOPLE),
        some.builds(edited, KEYS, some.sampled_from(["second", "third"]), PEOPLE),
        some.builds(withdrawn, KEYS),
        some.builds(reaction, KEYS, AUTHORS),
        some.builds(taken_back, KEYS, AUTHORS),
        some.builds(lambda who: (GROUP, groups.MemberAdded(group_id="g", person_id=who)), AUTHORS),
        some.builds(lambda who: (GROUP, groups.MemberRemoved(group_id="g", person_id=who)), AUTHORS),
        some.builds(erased, AUTHORS),
        some.builds(deleted),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@each(HAPPENED, some.randoms(use_true_random=False))
def test_the_tables_end_the_same_whichever_topic_comes_first(happened: list[Happened], order: Random) -> None:
    history = History.of([published(), *happened])
    mixed = history.interleaved(order)
    note(f"{[event.position for event in mixed.events]}")
    ends = []
    for one in (history, mixed):
        with tables(METADATA, reduce) as view:
            view.given(one)
            ends.append(view.everything(METADATA))
    assert ends[0] == ends[1]
