"""Whether what other sessions hold costs anything: a listing alone, and among a million files."""

from __future__ import annotations

import gc
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from time import process_time_ns
from typing import TYPE_CHECKING, Any

from contenders import open_contender
from workloads import call, path_of

if TYPE_CHECKING:
    from contenders import Contender

__all__ = ["Crowd", "measure_crowd"]

DIRECTORY = "/src/package_00"


@dataclass
class Crowd:
    """Nanoseconds to list a directory of 100 files, in a store of its own and among ``files`` of others."""

    contender: str
    files: int
    alone: float
    crowded: float
    ratio: float


async def _settle(contender: Contender, sessions: int) -> Any:
    """So many sessions of a hundred small files; the last of them."""
    for _ in range(sessions):
        session = contender.new_session()
        for number in range(100):
            await call(contender, "write_file", session, path_of(number), "small")
    return session


async def _nanoseconds(contender: Contender, session: Any, times: int) -> float:
    listing = contender.calls["list_directory"]
    started = process_time_ns()
    for _ in range(times):
        await listing(session, DIRECTORY)
    return (process_time_ns() - started) / times


async def measure_crowd(name: str, files: int, turns: int, times: int) -> Crowd:
    """Both stores are asked in turn; ``times`` listings a turn."""
    async with AsyncExitStack() as stack:
        gc.disable()  # a million new entries are nothing for the collector to look at again and again
        lonely, crowded = [await stack.enter_async_context(open_contender(name)) for _ in range(2)]
        own = await _settle(lonely, 1)
        shared = await _settle(crowded, files // 100)
        assert len(await call(crowded, "list_directory", shared, DIRECTORY)) == 100
        pairs = []
        for turn in range(turns + 1):
            gc.collect()
            alone = await _nanoseconds(lonely, own, times)
            pair = (alone, await _nanoseconds(crowded, shared, times))
            if turn:  # the first listing makes what the others find
                pairs.append(pair)
        gc.enable()
    return Crowd(
        name,
        files,
        median(alone for alone, _ in pairs),
        median(among for _, among in pairs),
        median(among / alone for alone, among in pairs),
    )
