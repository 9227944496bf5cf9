"""How it is measured: in rounds, all contenders in each, the median of the rounds' ratios.

The machine is never quiet: what is measured is the processor's time, and a slow second hits all
contenders of its round alike. A workload's stores are opened for it alone, and hold one more session
than it uses. The collector has run before each turn and is off during it.
"""

from __future__ import annotations

import gc
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from contenders import CONTENDERS, open_contender
from workloads import filled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workloads import Workload

__all__ = ["Figures", "measure"]

WARM_UP = 2
PATIENCE = 2.0  # seconds: who has had that much does not take part in further rounds
FEWEST = 5  # rounds that everybody takes part in


@dataclass
class Figures:
    """One workload's answer: nanoseconds a call by contender, round by round."""

    name: str
    target: float
    rounds: dict[str, list[float]]

    def nanoseconds(self, contender: str) -> float | None:
        """The median of a contender's rounds; ``None`` when it did not take part."""
        return median(self.rounds[contender]) if contender in self.rounds else None

    def faster_than(self, contender: str) -> float | None:
        """How many times a contender's throughput everstore has: the median of the rounds' ratios."""
        if contender not in self.rounds:
            return None
        pairs = zip(self.rounds[contender], self.rounds["everstore"], strict=False)
        return median(theirs / ours for theirs, ours in pairs)


async def measure(workload: Workload, turns: int, names: Sequence[str] = tuple(CONTENDERS)) -> Figures:
    """Time a workload on these contenders, those of them that have its verbs."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_contender(name)) for name in names]
        able = [one for one in opened if {workload.verb, *workload.needs} <= set(one.calls)]
        sessions = {}
        for contender in able:
            await filled(contender)
            sessions[contender.name] = await workload.prepare(contender)
            await workload.check(contender, sessions[contender.name])
        rounds: dict[str, list[float]] = {contender.name: [] for contender in able}
        spent = dict.fromkeys(rounds, 0.0)
        for turn in range(WARM_UP + turns):
            first = turn % len(able)
            for contender in able[first:] + able[:first]:
                name = contender.name
                if spent[name] > PATIENCE and len(rounds[name]) >= FEWEST and name != "everstore":
                    continue
                started = perf_counter()
                session = await workload.before(contender, sessions[name], turn)
                gc.collect()
                gc.disable()
                try:
                    taken = await workload.time(contender, session, turn)
                finally:
                    gc.enable()
                if turn >= WARM_UP:
                    rounds[name].append(taken)
                    spent[name] += perf_counter() - started
    return Figures(workload.name, workload.target, rounds)
