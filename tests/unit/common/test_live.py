"""A listener gets everything from when it began to listen, or is told that it did not."""

import asyncio

import pytest

from services.common.live import Behind, Live


async def test_a_listener_gets_what_is_published_while_it_listens() -> None:
    live = Live[int]()
    live.publish((1,))
    async with live.subscribe() as first:
        live.publish((2, 3))
        async with live.subscribe() as second:
            live.publish((4,))
            assert [await anext(first), await anext(first), await anext(second)] == [(2, 3), (4,), (4,)]
        live.publish((5,))
        assert await anext(first) == (5,)


async def test_a_listener_that_waits_is_woken() -> None:
    live = Live[str]()
    async with live.subscribe() as listener:
        waiting = asyncio.ensure_future(anext(listener))
        await asyncio.sleep(0)
        assert not waiting.done()
        live.publish(("a",))
        assert await waiting == ("a",)


async def test_a_slow_listener_is_told_and_the_others_are_not_held_up() -> None:
    live = Live[int](capacity=3)
    async with live.subscribe() as slow, live.subscribe() as quick:
        for number in range(10):
            live.publish((number,))
            assert await anext(quick) == (number,)
        with pytest.raises(Behind):
            await anext(slow)
        live.publish((10,))
        with pytest.raises(Behind):
            await anext(slow)


async def test_up_to_the_capacity_nothing_is_lost() -> None:
    live = Live[int](capacity=3)
    async with live.subscribe() as listener:
        live.publish((1, 2))
        live.publish((3,))
        assert [await anext(listener), await anext(listener)] == [(1, 2), (3,)]
        live.publish((4, 5, 6))
        assert await anext(listener) == (4, 5, 6)


async def test_one_tuple_may_be_larger_than_the_capacity() -> None:
    live = Live[int](capacity=2)
    async with live.subscribe() as listener:
        live.publish((1, 2, 3))
        assert await anext(listener) == (1, 2, 3)


async def test_nothing_is_kept_for_who_no_longer_listens() -> None:
    live = Live[int](capacity=1)
    async with live.subscribe() as listener:
        pass
    live.publish((1,))
    live.publish((2,))
    waiting = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
