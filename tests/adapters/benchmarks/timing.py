"""Two ways to do the same, timed turn by turn in one run, as a row of a table.

Each file beside this one is a program that measures one adapter beside its framework's own backend.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable

__all__ = ["Call", "header", "row"]

Call = Callable[[int, int], Awaitable[object]]
"""Does the work once, as the given task in the given round: whoever writes has names of its own."""


def header() -> None:
    """The head of the table that ``row`` goes on with."""
    sys.stdout.write(
        "| what | tasks | everstore, us | its own, us | its own / everstore |\n|---|---|---|---|---|\n"
    )


async def _microseconds(call: Call, tasks: int, turn: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(call(task, turn) for task in range(tasks)))
    return (time.perf_counter() - began) * 1e6 / tasks


async def row(what: str, ours: Call, theirs: Call, *, tasks: int = 1, rounds: int = 31) -> float:
    """Print what a call takes on either side, the median of the rounds; how often ours fits into theirs."""
    took: dict[Call, list[float]] = {ours: [], theirs: []}
    for turn in range(rounds + 1):
        for call in (ours, theirs) if turn % 2 else (theirs, ours):
            took[call].append(await _microseconds(call, tasks, turn))
    ours_us, theirs_us = (statistics.median(took[call][1:]) for call in (ours, theirs))
    ratio = theirs_us / ours_us
    sys.stdout.write(f"| {what} | {tasks} | {ours_us:.0f} | {theirs_us:.0f} | {ratio:.2f} |\n")
    return ratio
