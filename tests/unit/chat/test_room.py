"""What a room decides."""

from hypothesis import given as each
from hypothesis import strategies as some
from regard.chat.v1.events_pb2 import MessageSent, RoomClosed, RoomOpened
from regard.common.v1.common_pb2 import Sealed

from services.chat.room import DECIDER, CloseRoom, Command, OpenRoom, Room
from services.common.errors import Refused
from tests.given import examples

given = examples(DECIDER)
NAME = Sealed(subject="g/label", key_id="1", nonce=bytes(12), ciphertext=b"sealed")
OPENED = RoomOpened(room_id="r", group_id="g", name=NAME, opened_by="awa")
OPEN = OpenRoom("r", "g", NAME, "awa")


def test_a_room_is_opened_once() -> None:
    assert given().when(OPEN).then(OPENED) == Room("r", "g")
    given(OPENED).when(OPEN).then()
    given(OPENED).when(OpenRoom("r", "another", None, "ben", direct=True)).then()


def test_a_direct_conversation_has_no_name() -> None:
    direct = given().when(OpenRoom("r", "g", None, "awa", direct=True))
    state = direct.then(RoomOpened(room_id="r", group_id="g", opened_by="awa", direct=True))
    assert state.direct
    assert not direct.events[0].HasField("name")


def test_a_room_is_closed_once_and_stays_closed() -> None:
    closed = RoomClosed(room_id="r", closed_by="mod")
    assert given(OPENED).when(CloseRoom("mod")).then(closed).closed
    assert given(OPENED, closed).when(CloseRoom("mod")).then().closed
    assert given(OPENED, closed).when(OPEN).then().closed


def test_what_was_never_opened_is_not_closed() -> None:
    given().when(CloseRoom("mod")).raises("CHT-01")


def test_events_of_other_streams_change_nothing() -> None:
    assert DECIDER.fold([OPENED, MessageSent(room_id="r")]) == Room("r", "g")


commands = some.one_of(
    some.builds(
        OpenRoom, some.just("r"), some.sampled_from(["g", "h"]), some.none(), some.just("awa"), some.booleans()
    ),
    some.builds(CloseRoom, some.sampled_from(["awa", "ben"])),
)


@each(some.lists(commands, max_size=8))
def test_whatever_is_asked_a_room_keeps_its_group_and_never_opens_again(asked: list[Command]) -> None:
    state, past = Room(), []
    for command in asked:
        try:
            events = DECIDER.decide(command, state)
        except Refused:
            assert not state.exists
            continue
        after = DECIDER.fold(events, state)
        assert not state.exists or (after.group_id, after.direct) == (state.group_id, state.direct)
        assert after.closed or not state.closed
        assert DECIDER.decide(command, after) == ()
        past += events
        state = after
    assert DECIDER.fold(past) == state
    assert len(past) <= 2
