"""What a post with its thread decides."""

from __future__ import annotations

from hypothesis import given as each
from hypothesis import strategies as some
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_UNSPECIFIED, Sealed
from regard.feed.v1.events_pb2 import (
    CommentAdded,
    CommentEdited,
    CommentWithdrawn,
    PostEdited,
    PostPublished,
    PostWithdrawn,
    ReactionAdded,
    ReactionRemoved,
)

from services.common.errors import Refused
from services.feed.post import DECIDER, AddComment, Command, Edit, Post, PublishPost, React, Withdraw
from tests.given import examples

given = examples(DECIDER)
BODY = Sealed(subject="g/awa", key_id="1", nonce=bytes(12), ciphertext=b"sealed")
AGAIN = Sealed(subject="g/awa", key_id="1", nonce=bytes(12), ciphertext=b"again")
PUBLISH = PublishPost("p", "g", "awa", BODY, LEVEL_CONFIDENTIAL, ("ben",))
PUBLISHED = PostPublished(
    post_id="p", group_id="g", author_id="awa", body=BODY, level=LEVEL_CONFIDENTIAL, mentioned_ids=["ben"]
)
COMMENT = AddComment("c", "ben", BODY, LEVEL_OPEN, ("awa",))
COMMENTED = CommentAdded(
    post_id="p", comment_id="c", author_id="ben", body=BODY, level=LEVEL_OPEN, mentioned_ids=["awa"]
)
POST_WITHDRAWN = PostWithdrawn(post_id="p", withdrawn_by="awa")
COMMENT_WITHDRAWN = CommentWithdrawn(post_id="p", comment_id="c", withdrawn_by="ben")


def reacted(comment_id: str = "") -> ReactionAdded:
    return ReactionAdded(post_id="p", comment_id=comment_id, person_id="ben", emoji="+1")


def test_a_post_is_published_once() -> None:
    state = given().when(PUBLISH).then(PUBLISHED)
    assert (state.id, state.group_id, state.level) == ("p", "g", LEVEL_CONFIDENTIAL)
    given(PUBLISHED).when(PublishPost("p", "h", "ben", AGAIN, LEVEL_OPEN)).then()
    assert Post().level == LEVEL_UNSPECIFIED


def test_nothing_is_done_to_a_post_that_is_not_there() -> None:
    for command in (COMMENT, Edit("", "awa", BODY), Withdraw("", "awa", True), React("", "awa", "+1", True)):
        given().when(command).raises("FED-01")


def test_a_comment_is_added_once_and_has_its_own_level() -> None:
    state = given(PUBLISHED).when(COMMENT).then(COMMENTED)
    assert [text.level for text in state.texts.values()] == [LEVEL_CONFIDENTIAL, LEVEL_OPEN]
    given(PUBLISHED, COMMENTED).when(COMMENT).then()
    given(PUBLISHED, COMMENTED, POST_WITHDRAWN).when(COMMENT).then()
    given(PUBLISHED, POST_WITHDRAWN).when(COMMENT).raises("FED-05")


def test_only_its_author_edits_a_text_that_stands() -> None:
    edited = PostEdited(post_id="p", body=AGAIN, mentioned_ids=["cy"], edited_by="awa")
    given(PUBLISHED).when(Edit("", "awa", AGAIN, ("cy",))).then(edited)
    comment_edited = CommentEdited(post_id="p", comment_id="c", body=AGAIN, edited_by="ben")
    given(PUBLISHED, COMMENTED).when(Edit("c", "ben", AGAIN)).then(comment_edited)
    given(PUBLISHED, COMMENTED).when(Edit("", "ben", AGAIN)).raises("FED-03")
    given(PUBLISHED, COMMENTED).when(Edit("c", "awa", AGAIN)).raises("FED-03")
    given(PUBLISHED).when(Edit("c", "awa", AGAIN)).raises("FED-02")
    given(PUBLISHED, POST_WITHDRAWN).when(Edit("", "awa", AGAIN)).raises("FED-05")
    given(PUBLISHED, COMMENTED, COMMENT_WITHDRAWN).when(Edit("c", "ben", AGAIN)).raises("FED-05")


def test_author_or_moderator_withdraw_once() -> None:
    given(PUBLISHED).when(Withdraw("", "awa", False)).then(POST_WITHDRAWN)
    given(PUBLISHED).when(Withdraw("", "mod", True)).then(PostWithdrawn(post_id="p", withdrawn_by="mod"))
    given(PUBLISHED).when(Withdraw("", "ben", False)).raises("FED-04")
    given(PUBLISHED, POST_WITHDRAWN).when(Withdraw("", "awa", False)).then()
    given(PUBLISHED, POST_WITHDRAWN).when(Withdraw("", "ben", False)).raises("FED-04")
    given(PUBLISHED, COMMENTED).when(Withdraw("c", "ben", False)).then(COMMENT_WITHDRAWN)
    given(PUBLISHED, COMMENTED).when(Withdraw("c", "awa", False)).raises("FED-04")
    given(PUBLISHED).when(Withdraw("c", "mod", True)).raises("FED-02")


def test_a_reaction_is_there_or_not() -> None:
    removed = ReactionRemoved(post_id="p", person_id="ben", emoji="+1")
    given(PUBLISHED).when(React("", "ben", "+1", True)).then(reacted())
    given(PUBLISHED, reacted()).when(React("", "ben", "+1", True)).then()
    given(PUBLISHED, reacted()).when(React("", "ben", "+1", False)).then(removed)
    given(PUBLISHED, reacted(), removed).when(React("", "ben", "+1", False)).then()
    given(PUBLISHED, COMMENTED, reacted()).when(React("c", "ben", "+1", True)).then(reacted("c"))
    given(PUBLISHED).when(React("c", "ben", "+1", True)).raises("FED-02")
    given(PUBLISHED, POST_WITHDRAWN).when(React("", "ben", "+1", True)).raises("FED-05")


COMMENT_IDS, PEOPLE = some.sampled_from(["", "c", "d"]), some.sampled_from(["awa", "ben"])
LEVELS = some.sampled_from([LEVEL_OPEN, LEVEL_CONFIDENTIAL])
COMMANDS = some.one_of(
    some.builds(PublishPost, some.just("p"), some.just("g"), PEOPLE, some.just(BODY), LEVELS),
    some.builds(AddComment, some.sampled_from(["c", "d"]), PEOPLE, some.just(BODY), LEVELS),
    some.builds(Edit, COMMENT_IDS, PEOPLE, some.just(AGAIN)),
    some.builds(Withdraw, COMMENT_IDS, PEOPLE, some.booleans()),
    some.builds(React, COMMENT_IDS, PEOPLE, some.sampled_from(["+1", "eyes"]), some.booleans()),
)


@each(some.lists(COMMANDS, max_size=14))
def test_whatever_is_asked_texts_keep_author_and_level_and_what_is_withdrawn_stays_so(asked: list[Command]) -> None:
    state, past = Post(), []
    for command in asked:
        try:
            events = DECIDER.decide(command, state)
        except Refused:
            continue
        after = DECIDER.fold(events, state)
        for key, text in state.texts.items():
            assert (after.texts[key].author_id, after.texts[key].level) == (text.author_id, text.level)
            assert after.texts[key].withdrawn or not text.withdrawn
            assert not text.withdrawn or after.texts[key].reactions <= text.reactions
        if not isinstance(command, Edit):
            assert DECIDER.decide(command, after) == ()
        past += events
        state = after
    assert DECIDER.fold(past) == state
