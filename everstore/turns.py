"""Long work beside an event loop: in short slices on it, or in a thread where a single step would hold it.

Work is a generator of its steps. Before each step it tells what the step may cost: characters times what
one of them may cost, in RE2's instructions, each of which takes some nanoseconds at worst.
"""

from __future__ import annotations

import asyncio
import heapq
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["MOST_AT_ONCE", "Pace", "in_turns", "merged_in_turns", "sorted_in_turns"]

T = TypeVar("T")

MOST_AT_ONCE = 1 << 18
"""What a step on the event loop may cost: a millisecond or two at worst, much less nearly always."""

_SLICE_SECONDS = 0.002  # how long the loop may be held, one step aside
_SORTED_AT_ONCE = 4096


async def in_turns(steps: Iterator[int], *, in_thread: bool = False) -> None:
    """Do all steps, leaving the event loop free at least every few milliseconds.

    From the first step that costs too much, or at once with ``in_thread``, the rest is done in a thread,
    where RE2 searches without the interpreter's lock. Who is cancelled gets away at once; the thread ends
    with the step that it is at.
    """
    if not in_thread:
        until = time.perf_counter() + _SLICE_SECONDS
        for cost in steps:
            if cost > MOST_AT_ONCE:
                break
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + _SLICE_SECONDS
        else:
            return
    unwanted = threading.Event()
    try:
        await asyncio.to_thread(_finish, steps, unwanted)
    finally:
        unwanted.set()


class Pace:
    """Leaves the event loop free every few milliseconds, for long work that awaits what answers at once."""

    def __init__(self) -> None:
        """The work begins."""
        self._until = time.perf_counter() + _SLICE_SECONDS

    async def __call__(self) -> None:
        """Between two steps of the work."""
        if time.perf_counter() > self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + _SLICE_SECONDS


def _finish(steps: Iterator[int], unwanted: threading.Event) -> None:
    for _ in steps:
        if unwanted.is_set():
            break


async def merged_in_turns(items: Iterable[T], key: Callable[[T], str]) -> Iterable[T]:
    """The items in order, which is made without holding the event loop, partly while they are taken."""
    left = list(items)
    if len(left) <= _SORTED_AT_ONCE:
        left.sort(key=key)
        return left
    runs = [left[start : start + _SORTED_AT_ONCE] for start in range(0, len(left), _SORTED_AT_ONCE)]
    await in_turns(_sort(runs, key))
    return heapq.merge(*runs, key=key)


def _sort(runs: list[list[T]], key: Callable[[T], str]) -> Iterator[int]:
    for run in runs:
        run.sort(key=key)
        yield 0


async def sorted_in_turns(items: Iterable[T], key: Callable[[T], str]) -> list[T]:
    """The items in order, sorted without holding the event loop; those of one key stay in theirs."""
    merged = await merged_in_turns(items, key)
    if isinstance(merged, list):
        return merged
    done: list[T] = []
    await in_turns(_take(merged, done))
    return done


def _take(items: Iterable[T], done: list[T]) -> Iterator[int]:
    for count, item in enumerate(items):
        if not count % _SORTED_AT_ONCE:
            yield 0
        done.append(item)
