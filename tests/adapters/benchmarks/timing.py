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
        "| what | tasks | everstore, us | its own, us | its own / everstore "
        "| processor us: everstore | its own |\n"
        "|---|---|---|---|---|---|---|\n"
    )


async def _microseconds(call: Call, tasks: int, turn: int) -> tuple[float, float]:
    """What a call took, and what this process, with all its threads, computed meanwhile."""
    began, computed = time.perf_counter(), time.process_time()
    await asyncio.gather(*(call(task, turn) for task in range(tasks)))
    took, computed = time.perf_counter() - began, time.process_time() - computed
    return took * 1e6 / tasks, computed * 1e6 / tasks


async def row(what: str, ours: Call, theirs: Call, *, tasks: int = 1, rounds: int = 31) -> float:
    """Print what a call takes on either side, the median of the rounds; how often ours fits into theirs."""
    took: dict[Call, list[tuple[float, float]]] = {ours: [], theirs: []}
    for turn in range(rounds + 1):
        for call in (ours, theirs) if turn % 2 else (theirs, ours):
            took[call].append(await _microseconds(call, tasks, turn))
    [(ours_us, ours_cpu), (theirs_us, theirs_cpu)] = (
        map(statistics.median, zip(*took[call][1:], strict=True)) for call in (ours, theirs)
    )
    ratio = theirs_us / ours_us
    figures = f"{ours_us:.0f} | {theirs_us:.0f} | {ratio:.2f} | {ours_cpu:.0f} | {theirs_cpu:.0f}"
    sys.stdout.write(f"| {what} | {tasks} | {figures} |\n")
    return ratio
