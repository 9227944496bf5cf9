"""How it is timed: in rounds, everybody's turn in each, another one first each time.

A slow moment of the machine, or of its disk, hits all of a round alike; so what counts is the median of
the rounds' ratios. The collector has run before each turn and is off during it.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

__all__ = ["Figures", "at_once", "in_turns", "one_by_one"]

WARM_UP = 1


@dataclass
class Figures:
    """Seconds a call of each contender, round by round."""

    rounds: dict[str, list[float]]

    def seconds(self, name: str) -> float:
        """The median of a contender's rounds."""
        return median(self.rounds[name])

    def ratio(self, name: str, reference: str) -> float:
        """How many times as long as the reference a contender takes: the median of the rounds' ratios."""
        return median(self._ratios(name, reference))

    def spread(self, name: str, reference: str) -> tuple[float, float]:
        """Between which two ratios the middle half of the rounds is."""
        ratios = self._ratios(name, reference)
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        return low, high

    def _ratios(self, name: str, reference: str) -> list[float]:
        pairs = zip(self.rounds[name], self.rounds[reference], strict=True)
        return [ours / theirs for ours, theirs in pairs]


async def in_turns(turns: Mapping[str, Callable[[], Awaitable[float]]], rounds: int) -> Figures:
    """Let everybody have a turn in each round; a turn answers with the seconds that a call took in it."""
    taken: dict[str, list[float]] = {name: [] for name in turns}
    names = list(turns)
    for number in range(WARM_UP + rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            gc.disable()
            try:
                seconds = await turns[name]()
            finally:
                gc.enable()
            if number >= WARM_UP:
                taken[name].append(seconds)
    return Figures(taken)


async def one_by_one(calls: Iterable[Callable[[], Awaitable[object]]]) -> float:
    """The median of some calls, each made when the one before has answered."""
    taken = []
    for call in calls:
        started = perf_counter()
        await call()
        taken.append(perf_counter() - started)
    return median(taken)


async def at_once(tasks: Iterable[Awaitable[int]]) -> float:
    """The time that tasks take together by the number of calls that they answer to have made."""
    started = perf_counter()
    calls = await asyncio.gather(*tasks)
    return (perf_counter() - started) / sum(calls)
