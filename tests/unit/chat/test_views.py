"""What chat's tables hold after which events, in whichever order the two topics come."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given as each
from hypothesis import note, settings
from hypothesis import strategies as some
from regard.chat.v1 import events_pb2 as chat
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Sealed
from regard.groups.v1 import events_pb2 as groups

from services.chat.views import ATTACHMENTS, MARKS, MESSAGES, METADATA, REACTIONS, ROOMS, reduce
from services.common.moments import microseconds
from tests.unit.tables import AT, History, Row, Tables, tables

GROUP, TALK, ROOM = "group-g", "talk-r", "room-r"
SEALED = Sealed(subject="g/awa", key_id="1", nonce=bytes(12), ciphertext=b"sealed")
NOW_US = microseconds(AT)
OPENED = (ROOM, chat.RoomOpened(room_id="r", group_id="g", name=SEALED, opened_by="awa"))


@pytest.fixture
def view() -> Iterator[Tables]:
    with tables(METADATA, reduce) as view:
        yield view


def sent(message_id: str = "m", author: str = "awa", **more: object) -> tuple[str, Message]:
    more.setdefault("file_ids", ["file-1", "file-2"])
    return TALK, chat.MessageSent(
        message_id=message_id,
        room_id="r",
        group_id="g",
        author_id=author,
        body=SEALED,
        level=LEVEL_CONFIDENTIAL,
        **more,  # type: ignore[arg-type]
    )


def edited(message_id: str = "m") -> tuple[str, Message]:
    again = Sealed(subject="g/awa", key_id="1", nonce=bytes(12), ciphertext=b"again")
    return TALK, chat.MessageEdited(message_id=message_id, room_id="r", body=again, mentioned_ids=["cy"])


def withdrawn(message_id: str = "m") -> tuple[str, Message]:
    return TALK, chat.MessageWithdrawn(message_id=message_id, room_id="r", withdrawn_by="awa")


def reaction(person: str = "ben", emoji: str = "+1", message_id: str = "m") -> tuple[str, Message]:
    return TALK, chat.ReactionAdded(message_id=message_id, room_id="r", person_id=person, emoji=emoji)


def mark(sequence: int, person: str = "ben") -> tuple[str, Message]:
    return f"room-r.{person}", chat.ReadUpTo(room_id="r", person_id=person, sequence=sequence)


def deleted() -> tuple[str, Message]:
    return GROUP, groups.GroupDeleted(group_id="g")


def erased(author: str = "awa") -> tuple[str, Message]:
    return GROUP, groups.KeysDestroyed(group_id="g", author_id=author)


def only(view: Tables, table: sa.Table) -> Row:
    (row,) = view.rows(table)
    return row


def test_a_room_is_opened_and_closed(view: Tables) -> None:
    view.given(History.of([OPENED, (ROOM, chat.RoomClosed(room_id="r"))]))
    assert only(view, ROOMS) == {
        "room_id": "r",
        "group_id": "g",
        "name": SEALED.SerializeToString(),
        "direct": False,
        "closed": True,
        "opened_at_us": NOW_US,
    }


def test_a_message_has_its_place_and_time(view: Tables) -> None:
    view.given(History.of([sent("first"), sent("m", reply_to_id="first", mentioned_ids=["ben"])]))
    assert view.rows(MESSAGES)[1] == {
        "message_id": "m",
        "room_id": "r",
        "group_id": "g",
        "sequence": 2,
        "author_id": "awa",
        "body": SEALED.SerializeToString(),
        "body_type": "regard.chat.v1.MessageSent",
        "level": LEVEL_CONFIDENTIAL,
        "reply_to_id": "first",
        "mentioned_ids": ["ben"],
        "sent_at_us": NOW_US + 1_000_000,
        "edited_at_us": None,
        "withdrawn": False,
        "erased": False,
        "position": 101,
    }


@pytest.mark.parametrize("seconds", [1_600_000_000, 0])
def test_an_import_keeps_its_time(view: Tables, seconds: int) -> None:
    view.given(History.of([sent(written_at=Timestamp(seconds=seconds))]))
    assert only(view, MESSAGES)["sent_at_us"] == seconds * 1_000_000


def test_a_message_that_was_appended_twice_keeps_its_first_place(view: Tables) -> None:
    view.given(History.of([sent(), edited(), sent()]))
    row = only(view, MESSAGES)
    assert (row["sequence"], row["position"], row["body_type"]) == (1, 101, "regard.chat.v1.MessageEdited")


def test_an_edit_changes_text_and_mentions_and_not_the_place(view: Tables) -> None:
    view.given(History.of([sent(mentioned_ids=["ben"]), edited()]))
    row = only(view, MESSAGES)
    assert Sealed.FromString(row["body"]).ciphertext == b"again"  # type: ignore[arg-type]
    assert (row["sequence"], row["mentioned_ids"], row["edited_at_us"]) == (1, ["cy"], NOW_US + 1_000_000)
    assert row["body_type"] == "regard.chat.v1.MessageEdited"


def test_what_was_withdrawn_does_not_come_back(view: Tables) -> None:
    view.given(History.of([sent(mentioned_ids=["ben"]), withdrawn(), edited()]))
    row = only(view, MESSAGES)
    assert (row["body"], row["withdrawn"], row["mentioned_ids"], row["position"]) == (None, True, [], 101)


def test_changes_named_in_another_room_change_nothing(view: Tables) -> None:
    view.given(History.of([sent(), *(("talk-other", message) for _, message in (withdrawn(), edited()))]))
    assert only(view, MESSAGES)["position"] == 100


def attached(view: Tables) -> list[tuple[object, object, object]]:
    return [(row["message_id"], row["place"], row["file_id"]) for row in view.rows(ATTACHMENTS)]


def test_files_stand_with_a_message_until_it_is_withdrawn_and_do_not_come_back(view: Tables) -> None:
    elsewhere = ("talk-other", chat.MessageWithdrawn(message_id="m", room_id="other"))
    view.given(History.of([sent(), edited(), elsewhere, erased("ben"), sent("n", file_ids=["file-3"])]))
    assert attached(view) == [("m", 0, "file-1"), ("m", 1, "file-2"), ("n", 0, "file-3")]
    view.given(History.of([withdrawn(), sent()]))
    assert attached(view) == [("n", 0, "file-3")]


@pytest.mark.parametrize("end", [erased("awa"), deleted()])
def test_nothing_stands_with_what_is_gone(view: Tables, end: tuple[str, Message]) -> None:
    view.given(History.of([sent(), end, sent()]))
    assert attached(view) == []


def test_reactions_come_and_go_and_count_as_changes(view: Tables) -> None:
    back = (TALK, chat.ReactionRemoved(message_id="m", room_id="r", person_id="ben", emoji="+1"))
    view.given(History.of([sent(), reaction(), reaction(), reaction("cy"), reaction("ben", "eyes"), back]))
    assert [(row["person_id"], row["emoji"]) for row in view.rows(REACTIONS)] == [("ben", "eyes"), ("cy", "+1")]
    assert only(view, MESSAGES)["position"] == 105


def test_reactions_to_nothing_are_not_kept(view: Tables) -> None:
    elsewhere = (TALK, chat.ReactionAdded(message_id="m", room_id="other", person_id="ben", emoji="+1"))
    view.given(History.of([reaction(), sent(), elsewhere]))
    assert view.rows(REACTIONS) == []


def test_the_last_mark_counts(view: Tables) -> None:
    view.given(History.of([mark(3), mark(5), mark(4), mark(9, "cy")]))
    assert [(row["person_id"], row["sequence"]) for row in view.rows(MARKS)] == [("ben", 4), ("cy", 9)]


def test_an_erased_author_leaves_their_places_empty(view: Tables) -> None:
    view.given(History.of([sent("m", "awa"), sent("n", "ben"), erased("awa"), edited("m"), sent("o", "awa")]))
    rows = view.rows(MESSAGES)
    assert [(row["message_id"], row["body"] is None, row["erased"]) for row in rows] == [
        ("m", True, True),
        ("n", False, False),
        ("o", True, True),
    ]


def test_of_a_deleted_group_nothing_is_left_nor_comes(view: Tables) -> None:
    view.given(History.of([OPENED, sent(), reaction(), deleted(), sent("n"), reaction(message_id="n"), OPENED]))
    assert [view.rows(table) for table in (ROOMS, MESSAGES, REACTIONS)] == [[], [], []]


def test_people_belong_until_they_are_gone(view: Tables) -> None:
    added = [(GROUP, groups.MemberAdded(group_id="g", person_id=person)) for person in ("awa", "ben", "cy", "dee")]
    left = (
        groups.MemberLeft(group_id="g", person_id="ben"),
        groups.MemberRemoved(group_id="g", person_id="cy"),
        groups.MembershipExpired(group_id="g", person_id="dee"),
    )
    belonging = METADATA.tables["chat_belonging_v1"]
    view.given(History.of([*added, added[0], *((GROUP, event) for event in left)]))
    assert view.rows(belonging) == [{"person_id": "awa", "group_id": "g"}]
    view.given(History.of([deleted()]))
    assert view.rows(belonging) == []


AUTHORS, MESSAGE_IDS = some.sampled_from(["awa", "ben"]), some.sampled_from(["m", "n"])
HAPPENED = some.lists(
    some.one_of(
        some.just(OPENED),
        some.just((ROOM, chat.RoomClosed(room_id="r"))),
        some.builds(sent, MESSAGE_IDS, AUTHORS),
        some.builds(edited, MESSAGE_IDS),
        some.builds(withdrawn, MESSAGE_IDS),
        some.builds(reaction, AUTHORS, some.just("+1"), MESSAGE_IDS),
        some.builds(
            lambda id: (TALK, chat.ReactionRemoved(message_id=id, room_id="r", person_id="ben", emoji="+1")),
            MESSAGE_IDS,
        ),
        some.builds(mark, some.integers(0, 9)),
        some.builds(lambda who: (GROUP, groups.MemberAdded(group_id="g", person_id=who)), AUTHORS),
        some.builds(lambda who: (GROUP, groups.MemberLeft(group_id="g", person_id=who)), AUTHORS),
        some.builds(erased, AUTHORS),
        some.builds(deleted),
    ),
    max_size=14,
)


@settings(max_examples=150, deadline=None)
@each(HAPPENED, some.randoms(use_true_random=False))
def test_the_tables_end_the_same_whichever_topic_comes_first(
    happened: list[tuple[str, Message]], order: Random
) -> None:
    history = History.of(happened)
    mixed = history.interleaved(order)
    note(f"{[event.position for event in mixed.events]}")
    ends = []
    for one in (history, mixed):
        with tables(METADATA, reduce) as view:
            view.given(one)
            ends.append(view.everything(METADATA))
    assert ends[0] == ends[1]
