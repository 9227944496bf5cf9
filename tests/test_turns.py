"""Long work in turns: done whole, in order, and left when nobody wants it any more."""

from __future__ import annotations

import asyncio
import threading

import pytest

from everstore.turns import MOST_AT_ONCE, Pace, in_turns, merged_in_turns, sorted_in_turns


def work(costs, done):
    for number, cost in enumerate(costs):
        yield cost
        done.append((number, threading.get_ident()))


@pytest.mark.parametrize("costly", [[], [0], [3], [9], range(10)], ids=str)
async def test_every_step_is_done_once_and_what_is_costly_and_all_behind_it_in_a_thread(costly):
    done = []
    costs = [MOST_AT_ONCE + 1 if number in costly else 1 for number in range(10)]
    await in_turns(work(costs, done))
    assert [number for number, _ in done] == [*range(10)]
    here = threading.get_ident()
    first = min(costly, default=10)
    assert [thread == here for _, thread in done] == [number < first for number in range(10)]


async def test_work_that_is_known_to_be_much_is_done_in_a_thread():
    done = []
    await in_turns(work([1, 1], done), in_thread=True)
    assert threading.get_ident() not in {thread for _, thread in done}


def test_a_thread_ends_with_its_step_when_the_caller_is_cancelled():
    begun = threading.Event()
    steps = []

    def endless():
        while True:
            yield MOST_AT_ONCE + 1
            begun.set()
            steps.append(1)

    async def cancelled():
        task = asyncio.ensure_future(in_turns(endless()))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())  # which waits for its threads: it would never return
    assert steps


@pytest.mark.parametrize("costs", [[1], [MOST_AT_ONCE + 1]], ids=["on the loop", "in a thread"])
async def test_an_error_in_a_step_comes_through(costs):
    def failing():
        yield from costs
        raise LookupError

    with pytest.raises(LookupError):
        await in_turns(failing())


@pytest.mark.parametrize("count", [0, 1, 4096, 4097, 20_000])
async def test_sorting_in_turns_is_sorting(count):
    items = [(str(number * 7919 % 1000), number) for number in range(count)]
    by = lambda item: item[0]  # noqa: E731 - a key
    assert await sorted_in_turns(items, by) == sorted(items, key=by)
    assert [*await merged_in_turns(items, by)] == sorted(items, key=by)


async def test_who_paces_himself_leaves_others_their_turns():
    """However long the machine takes for it: he goes on until another one had a turn."""
    pace = Pace()
    other = asyncio.ensure_future(asyncio.sleep(0))
    while not other.done():
        await pace()
    await other
