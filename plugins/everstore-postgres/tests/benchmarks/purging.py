"""What a large session leaves behind when it is deleted, and whether that space is used again."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from filling import A_DIRECTORY, file_at, multiply, write_directory
from page import note, with_unit

import everstore

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import asyncpg
    from bench import Bench

__all__ = ["measure_purge"]

FILES = 100_000
BODY = "x" * 1024
TEMPLATE = "/d/template"
SIZE = "SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('files')"


async def _size(connection: asyncpg.Connection) -> int:
    """Bytes of the table with its indexes, all partitions."""
    return await connection.fetchval(SIZE)


async def measure_purge(bench: Bench) -> None:
    """The table of sizes and times, step by step."""
    page = bench.page
    page.begin("purge", f"Deleting a session of {FILES:,} files of 1 KiB")
    page.head("", "took", "table and indexes afterwards")
    async with (
        bench.schema("purge") as schema,
        bench.store(schema) as store,
        bench.connection(schema) as connection,
    ):

        async def step(name: str, work: Awaitable[object]) -> None:
            started = perf_counter()
            await work
            taken = perf_counter() - started
            size = await _size(connection)
            page.row(name, with_unit(taken), f"{size / 1e6:,.0f} MB")
            page.keep(name, {"seconds": taken, "bytes": size})

        session_id = everstore.new_session_id()

        async def fill() -> None:
            await write_directory(store, session_id, TEMPLATE, BODY)
            await multiply(connection, session_id, TEMPLATE, FILES // A_DIRECTORY - 1)

        note(f"filling a session with {FILES:,} files")
        await step("filled, by one statement", fill())
        await step("`delete_session`", store.delete_session(session_id))
        assert await store.file_system.read_file(session_id, file_at(TEMPLATE, 0)) is None
        await step("`VACUUM`", connection.execute("VACUUM files"))
        for again in ("a second time", "a third time"):
            await step(f"filled {again}", fill())
            await step("`delete_session`", store.delete_session(session_id))
            await step("`VACUUM`", connection.execute("VACUUM files"))
    page.say()
