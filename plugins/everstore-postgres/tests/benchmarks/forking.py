"""What a fork, an append and a range cost beside the bytes that they are of."""

from __future__ import annotations

from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from filling import A_DIRECTORY, file_at, write_directory
from page import note, times, verdict, with_unit
from rounds import in_turns, one_by_one

import everstore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    import asyncpg
    from bench import Bench
    from page import Page

__all__ = ["measure_forks"]

FILES = 10_000
BODY = "x" * 10_240
A_TURN = 10
EDITS, AMONG = 100, 1_000
SIZES = """
SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
"""
MORE, PART = "x" * 200, 1_000
SMALL, LARGE, LARGEST = "/small", "/large", "/largest"
BYTES = {SMALL: 4 << 10, LARGE: 8 << 20, LARGEST: 32 << 20}


async def _fill(store: everstore.Store, session_id: UUID, files: int) -> None:
    for number in range(files // A_DIRECTORY):
        await write_directory(store, session_id, f"/d/{number:03}", BODY)


async def _forks(store: everstore.Store, connection: asyncpg.Connection, page: Page, rounds: int) -> None:
    """Forks of a session, and what tells the last one from it."""
    session_id = everstore.new_session_id()
    note(f"writing {FILES:,} files")
    await _fill(store, session_id, FILES)
    await connection.execute("VACUUM ANALYZE")
    taken, sizes = [], []
    for _ in range(rounds):
        before = await connection.fetchval(SIZES)
        started = perf_counter()
        fork = everstore.new_session_id()
        await store.file_system.fork_session(session_id, fork)
        taken.append(perf_counter() - started)
        sizes.append((await connection.fetchval(SIZES) - before) / FILES)
    for name, seconds in (
        ("the first fork", taken[0]),
        ("the next ones", sorted(taken[1:])[rounds // 2 - 1]),
    ):
        page.row(name, with_unit(seconds), verdict(seconds / 0.150, 1))
    page.row("storage a file, of the first", f"{sizes[0]:,.0f} B", verdict(sizes[0] / 400, 1))
    await store.file_system.write_file(fork, file_at("/d/007", 7), BODY.replace("x", "y"))
    looking = partial(store.file_system.diff_sessions, session_id, fork)
    assert len(await looking()) == 1
    page.row("`diff_sessions`, one file differs", with_unit(await one_by_one([looking] * rounds)), "")
    page.keep("forks", {"seconds": taken, "bytes a file": sizes})


async def _checkpoints(store: everstore.Store, page: Page) -> None:
    """Fork, edit, fork, ...: what the last ones cost beside the first ones."""
    session_id = everstore.new_session_id()
    await _fill(store, session_id, AMONG)
    taken = []
    for number in range(EDITS):
        started = perf_counter()
        await store.file_system.fork_session(session_id, everstore.new_session_id())
        await store.file_system.append_file(session_id, file_at("/d/001", 1), f"{number}\n")
        taken.append(perf_counter() - started)
    first, last = median(taken[1:21]), median(taken[-20:])
    page.row(
        f"a fork of {AMONG:,} files and an edit, {EDITS} times",
        with_unit(last),
        f"{times(last / first)} the first",
    )
    page.keep("checkpoints", {"seconds": taken})


def _beside(ratio: float, at_most: float) -> str:
    return f"{times(ratio)}; {verdict(ratio, at_most)}"


async def _parts(store: everstore.Store, page: Page, rounds: int) -> None:
    """Appends and ranges, beside what they are compared with."""
    session_id, files = everstore.new_session_id(), store.file_system

    async def appended(path: str) -> float:
        await files.write_file(session_id, path, "x" * BYTES[path])
        return await one_by_one([partial(files.append_file, session_id, path, MORE)] * A_TURN)

    def looked(call: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[float]]:
        return partial(one_by_one, [call] * A_TURN)

    await files.write_file(session_id, LARGEST, "x" * BYTES[LARGEST])
    turns = {path: partial(appended, path) for path in (SMALL, LARGE)}
    figures = await in_turns(turns, rounds)
    page.row("append 200 B to 4 KiB", with_unit(figures.seconds(SMALL)), "")
    ratio = figures.ratio(LARGE, SMALL)
    page.row(
        "append 200 B to 8 MiB", with_unit(figures.seconds(LARGE)), f"{times(ratio)}; {verdict(ratio, 2)}"
    )
    page.keep("appends", figures)
    looks = {
        "stat": looked(partial(files.stat_file, session_id, LARGEST)),
        "range": looked(partial(files.read_bytes, session_id, LARGEST, BYTES[LARGEST] // 2, PART)),
    }
    figures = await in_turns(looks, rounds)
    page.row("stat", with_unit(figures.seconds("stat")), "")
    ratio = figures.ratio("range", "stat")
    page.row(
        "1,000 B out of 32 MiB", with_unit(figures.seconds("range")), f"{times(ratio)}; {verdict(ratio, 3)}"
    )
    page.keep("ranges", figures)


async def measure_forks(bench: Bench) -> None:
    """The table of forks, appends and ranges, with the targets that they have."""
    page = bench.page
    page.begin("forks", f"Forks of {FILES:,} files of 10 KiB; appends; ranges")
    page.head("", "took", "")
    async with (
        bench.schema("forks") as schema,
        bench.store(schema, connections=4) as store,
        bench.connection(schema) as connection,
    ):
        rounds = max(4, bench.rounds // 4)
        await _forks(store, connection, page, rounds)
        await _checkpoints(store, page)
        await _parts(store, page, rounds)
    page.say()
