"""One task: each verb beside the one statement that does the same work by hand."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import calls
from contenders import Everstore, raw_connection
from page import times, verdict, with_unit
from rounds import in_turns, one_by_one

import everstore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench import Bench

__all__ = ["measure_verbs"]

VERBS = {
    "read 1 KiB": calls.read,
    "stat": calls.stat,
    "replace 1 KiB": calls.replace,
    "create 1 KiB": calls.create,
    "set a value": calls.set_,
    "get a value": calls.get,
}
A_TURN = 20
AT_MOST = 1.25


async def measure_verbs(bench: Bench) -> None:
    """The table of verbs: microseconds, and times the raw statement."""
    page, session_id, numbers = bench.page, everstore.new_session_id(), count()
    page.begin("verbs", "One task")
    page.head("", "everstore", "asyncpg", "everstore to asyncpg", "middle half of the rounds", "target")
    async with (
        bench.schema("verbs") as schema,
        bench.schema("raw") as raw_schema,
        bench.store(schema, connections=1) as store,
        raw_connection(bench, raw_schema) as raw,
    ):
        contenders = {"everstore": Everstore(store), "asyncpg": raw}
        for contender in contenders.values():
            await calls.fill(contender, session_id)
            await calls.check(contender, session_id)
        for name, call in VERBS.items():

            def turn(contender: object, call: calls.Call = call) -> Callable[[], Awaitable[float]]:
                return lambda: one_by_one(
                    partial(call, contender, session_id, next(numbers)) for _ in range(A_TURN)
                )

            figures = await in_turns({name: turn(one) for name, one in contenders.items()}, bench.rounds)
            ratio = figures.ratio("everstore", "asyncpg")
            low, high = figures.spread("everstore", "asyncpg")
            cells = [with_unit(figures.seconds(one)) for one in contenders]
            page.row(name, *cells, times(ratio), f"{low:.2f} to {high:.2f}", verdict(ratio, AT_MOST))
            page.keep(name, figures)
    page.say()
