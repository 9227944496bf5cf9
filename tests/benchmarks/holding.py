"""How long a search holds the event loop: the longest that a task beside it has to wait for its turn."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from statistics import median
from time import perf_counter, thread_time
from typing import Any

from contenders import open_contender
from workloads import Search, call, path_of

__all__ = ["Hold", "measure_hold"]


@dataclass
class Hold:
    """Milliseconds: the longest turn of the typical search, by the clock and of the processor's time.

    The clock also runs while other programs have the processor; the processor's time does not.
    """

    files: int
    wall: float
    processor: float
    processor_worst: float


async def _gaps(done: asyncio.Event) -> tuple[float, float]:
    """The longest that others had the loop between two turns of this task."""
    wall = processor = 0.0
    while not done.is_set():
        before, before_processor = perf_counter(), thread_time()
        await asyncio.sleep(0)
        wall = max(wall, perf_counter() - before)
        processor = max(processor, thread_time() - before_processor)
    return wall * 1e3, processor * 1e3


async def measure_hold(files: int, times: int) -> Hold:
    """Search ``files`` files of 8 KiB through everstore, with a task beside it."""
    search = Search()
    async with open_contender("everstore") as contender:
        session = await search.prepare(contender)
        source = [await call(contender, "read_file", session, path_of(number)) for number in range(1000)]
        for number in range(1000, files):
            await call(contender, "write_file", session, path_of(number), source[number % 1000].content)
        longest = [await _search_beside(contender.calls["grep_files"], session, files) for _ in range(times)]
    return Hold(
        files,
        median(wall for wall, _ in longest),
        median(processor for _, processor in longest),
        max(processor for _, processor in longest),
    )


async def _search_beside(grep: Any, session: Any, files: int) -> tuple[float, float]:
    done = asyncio.Event()
    ticker = asyncio.create_task(_gaps(done))
    await asyncio.sleep(0)
    found = await grep(session, Search.needle)
    done.set()
    assert len(found) == files // 50
    return await ticker
