"""When a key is published, signs, and goes."""

from collections.abc import Sequence

from hypothesis import given as for_all
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from services.identity.tokens import (
    ACCESS_TOKEN_LIFE_S,
    CACHED_S,
    PUBLISHED_AHEAD_S,
    SIGNS_FOR_S,
    SigningKey,
    is_rotation_due,
    published,
    signing,
)

KEY = ECKey.generate_key("P-256")


def ring(*signs_from_s: int) -> tuple[SigningKey, ...]:
    return tuple(SigningKey(number, str(number), start, KEY) for number, start in enumerate(signs_from_s, 1))


def kids(keys: Sequence[SigningKey]) -> str:
    return "".join(key.kid for key in keys)


def test_a_key_is_published_before_it_signs() -> None:
    keys = ring(0, 10_000)
    assert (kids(published(keys, 9_999)), signing(keys, 9_999).kid) == ("12", "1")
    assert (kids(published(keys, 10_000)), signing(keys, 10_000).kid) == ("12", "2")


def test_a_clock_set_back_before_the_first_key_leaves_one_to_sign_with() -> None:
    keys = ring(1_000, 10_000)
    assert signing(keys, 900).kid == "1"
    assert signing(keys, 900) in published(keys, 900)


def test_a_key_stays_until_its_last_token_has_ended() -> None:
    keys = ring(0, 10_000)
    assert kids(published(keys, 10_000 + ACCESS_TOKEN_LIFE_S)) == "12"
    assert kids(published(keys, 10_000 + ACCESS_TOKEN_LIFE_S + 60)) == "2"


def test_the_next_key_is_made_in_time() -> None:
    assert is_rotation_due((), 0)
    assert not is_rotation_due(ring(0), SIGNS_FOR_S - PUBLISHED_AHEAD_S - 1)
    assert is_rotation_due(ring(0), SIGNS_FOR_S - PUBLISHED_AHEAD_S)
    assert not is_rotation_due(ring(0, SIGNS_FOR_S), SIGNS_FOR_S)


@for_all(st.lists(st.integers(1, 3 * SIGNS_FOR_S), min_size=1), st.integers(0, CACHED_S))
def test_a_token_verifies_wherever_the_set_is_at_most_five_minutes_old(pauses_s: list[int], age_s: int) -> None:
    keys, now_s = ring(0), 0
    for pause_s in pauses_s:
        now_s += pause_s
        fetched = published(keys, now_s)
        assert len(fetched) <= 3
        if is_rotation_due(keys, now_s):  # just after the set was fetched, which is the worst moment
            keys = ring(*(key.signs_from_s for key in keys), now_s + PUBLISHED_AHEAD_S)
        later_s = now_s + age_s
        assert signing(keys, later_s) in published(keys, later_s)
        assert signing(keys, later_s) in fetched
