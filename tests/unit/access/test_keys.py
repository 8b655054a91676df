"""Content keys at hand: brought in few calls, forgotten in time, and gone when they are destroyed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import pytest

from services.access.keys import CACHE_S, Keyring
from tests.guarded import Keys

GROUP = str(uuid.uuid4())


class Ring:
    """A keyring on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.now_s = 0.0
        self.ring = Keyring(self.keys.fetch, lambda: self.now_s)  # type: ignore[arg-type]

    @property
    def calls(self) -> int:
        return len(self.keys.asked)


@pytest.fixture
async def held() -> Ring:
    return Ring()


async def test_a_key_is_asked_for_once_in_five_minutes_and_not_kept_longer(held: Ring) -> None:
    made = await held.ring.current(GROUP, "awa")
    assert made
    held.now_s = CACHE_S - 1
    assert await held.ring.key(GROUP, "awa", made.key_id) == made
    assert held.calls == 1
    held.now_s = CACHE_S
    await held.ring.current(GROUP, "ben")
    assert list(held.ring._rings) == [(GROUP, "ben")]
    assert await held.ring.key(GROUP, "awa", made.key_id) == made
    assert held.calls == 3


async def test_many_authors_come_in_few_calls(held: Ring) -> None:
    authors = [f"author {number}" for number in range(700)]
    for author in authors[:650]:
        await held.ring.current(GROUP, author)
    held.ring.drop(GROUP)
    before = held.calls
    await held.ring.prepare(GROUP, authors)
    await held.ring.prepare(GROUP, authors[:650])
    assert [len(one) for _, one in held.keys.asked[before:]] == [500, 200]


async def test_opening_never_makes_a_key_and_writing_does(held: Ring) -> None:
    assert await held.ring.key(GROUP, "awa", "1") is None
    assert await held.ring.current(GROUP, "awa")
    held.keys.destroy(GROUP, "awa")
    held.ring.drop(GROUP, "awa")
    assert await held.ring.current(GROUP, "awa") is None
    assert await held.ring.key(GROUP, "awa", "1") is None


async def test_an_authors_destroyed_keys_leave_the_others(held: Ring) -> None:
    for author in ("awa", "ben"):
        await held.ring.current(GROUP, author)
    held.ring.drop(GROUP, "awa")
    assert list(held.ring._rings) == [(GROUP, "ben")]
    held.ring.drop(str(uuid.uuid4()))
    assert list(held.ring._rings) == [(GROUP, "ben")]


async def test_a_key_that_appeared_meanwhile_is_found(held: Ring) -> None:
    made = await held.ring.current(GROUP, "awa")
    assert made

    async def with_another(group_id: str, authors: Sequence[str], create: bool) -> Sequence[object]:
        first = await held.keys.fetch(group_id, authors, create)
        return [*first, type(made_key)(author="awa", key_id="2", key=bytes(32))]

    (made_key,) = await held.keys.fetch(GROUP, ["awa"], False)
    held.ring._fetch = with_another  # type: ignore[assignment]
    assert await held.ring.key(GROUP, "awa", "2")
