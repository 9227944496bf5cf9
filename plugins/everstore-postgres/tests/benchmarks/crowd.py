"""A hundred tasks at once, beside asyncpg over as many connections: its pool, and a plain queue."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import calls
from contenders import Everstore, raw_connection, raw_pool, raw_queue
from page import times, verdict, with_unit
from rounds import at_once, in_turns

import everstore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from bench import Bench

__all__ = ["TASKS", "measure_crowd", "work"]

TASKS = 100
A_TASK = 6  # calls of a task in a turn
MIX = (calls.stat, calls.read, calls.replace, calls.get, calls.set_, calls.read)
# name, calls of a task in turn, whether all tasks share one session
CROWDS: tuple[tuple[str, Sequence[calls.Call], bool], ...] = (
    ("read 1 KiB", (calls.read,), False),
    ("set a value", (calls.set_,), False),
    ("replace 1 KiB", (calls.replace,), False),
    ("replace 1 KiB, all in one session", (calls.replace,), True),
    ("mixed", MIX, False),
)
AT_MOST = 1.25


async def _task(contender: Any, session_id: UUID, mix: Sequence[calls.Call], numbers: Iterator[int]) -> int:
    for step in range(A_TASK):
        await mix[step % len(mix)](contender, session_id, next(numbers))
    return A_TASK


def work(
    contender: Any, sessions: Sequence[UUID], mix: Sequence[calls.Call], numbers: Iterator[int]
) -> partial[Any]:
    """A turn of a hundred tasks, in these sessions in turn."""

    async def turn() -> float:
        tasks = (sessions[number % len(sessions)] for number in range(TASKS))
        return await at_once([_task(contender, session_id, mix, numbers) for session_id in tasks])

    return partial(turn)


async def measure_crowd(bench: Bench) -> None:
    """The table of crowds: microseconds a call, and times the two raw ways."""
    page, numbers = bench.page, count()
    sessions = [everstore.new_session_id() for _ in range(TASKS)]
    page.begin("crowd", f"{TASKS} tasks over {bench.connections} connections")
    page.head(
        "", "everstore", "asyncpg's pool", "asyncpg and a queue",
        "everstore to the pool", "target", "everstore to the queue", "target",
    )  # fmt: skip
    async with (
        bench.schema("crowd") as schema,
        bench.schema("raw") as raw_schema,
        bench.store(schema) as store,
        raw_connection(bench, raw_schema),
        raw_pool(bench, raw_schema) as pool,
        raw_queue(bench, raw_schema) as queue,
    ):
        contenders: dict[str, Any] = {"everstore": Everstore(store), "pool": pool, "queue": queue}
        for filler in (contenders["everstore"], queue):
            await asyncio.gather(*(calls.fill(filler, session_id) for session_id in sessions))
        for contender in contenders.values():
            await calls.check(contender, sessions[0])
        for name, mix, is_shared in CROWDS:
            where = sessions[:1] if is_shared else sessions
            turns = {one: work(contender, where, mix, numbers) for one, contender in contenders.items()}
            figures = await in_turns(turns, max(3, bench.rounds // 2))
            row = [with_unit(figures.seconds(one)) for one in contenders]
            for reference in ("pool", "queue"):
                ratio = figures.ratio("everstore", reference)
                row += [times(ratio), verdict(ratio, AT_MOST)]
            page.row(name, *row)
            page.keep(name, figures)
    page.say()
