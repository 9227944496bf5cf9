"""Values beside LangGraph's AsyncPostgresStore: the same server, the same durability, as many connections."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import calls
from contenders import Everstore, langgraph
from crowd import TASKS, work
from page import times, with_unit
from rounds import in_turns, one_by_one

import everstore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bench import Bench

__all__ = ["measure_peers"]

A_TURN = 20


async def measure_peers(bench: Bench) -> None:
    """The table of values: microseconds a call, and how many times as fast everstore is."""
    page, numbers = bench.page, count()
    sessions = [everstore.new_session_id() for _ in range(TASKS)]
    page.begin("peers", "Values beside LangGraph's AsyncPostgresStore")
    page.head("", "everstore", "AsyncPostgresStore", "everstore's throughput", "middle half of the rounds")
    async with (
        bench.schema("peers") as schema,
        bench.schema("langgraph") as their_schema,
        bench.store(schema) as store,
        langgraph(bench, their_schema) as theirs,
    ):
        contenders: dict[str, Any] = {"everstore": Everstore(store), "langgraph": theirs}
        for contender in contenders.values():
            fillings = (calls.fill(contender, session_id, [calls.set_]) for session_id in sessions)
            await asyncio.gather(*fillings)
            assert await calls.get(contender, sessions[3], 7) == "value"

        def alone(contender: Any, call: calls.Call) -> Callable[[], Awaitable[float]]:
            return lambda: one_by_one(
                partial(call, contender, sessions[0], next(numbers)) for _ in range(A_TURN)
            )

        for name, call in (("set, put", calls.set_), ("get", calls.get)):
            turns = {one: alone(contender, call) for one, contender in contenders.items()}
            crowds = {
                one: work(contender, sessions, [call], numbers) for one, contender in contenders.items()
            }
            for who, taking in ((f"{name}: one task", turns), (f"{name}: {TASKS} tasks", crowds)):
                figures = await in_turns(taking, max(3, bench.rounds // 2))
                low, high = figures.spread("langgraph", "everstore")
                cells = [with_unit(figures.seconds(one)) for one in contenders]
                gain = figures.ratio("langgraph", "everstore")
                page.row(who, *cells, times(gain), f"{low:.2f} to {high:.2f}")
                page.keep(who, figures)
    page.say()
