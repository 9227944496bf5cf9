"""Who is measured: everstore as its users open it, asyncpg by hand in three ways, and LangGraph's store.

Each has ``write``, ``read``, ``stat``, ``set`` and ``get`` of a name in a session, or some of them.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from time import time_ns
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

    from bench import Bench

    import everstore

__all__ = ["Everstore", "LangGraph", "Raw", "langgraph", "raw_connection", "raw_pool", "raw_queue"]

# What everstore keeps of a file and of a value, in the same columns, in a table each. Contents are kept
# uncompressed as everstore's are; neither has them out of line at 1 KiB.
TABLES = """
CREATE SCHEMA {schema};
CREATE SEQUENCE {schema}.versions AS bigint CACHE 32;
CREATE TABLE {schema}.files (
    version bigint NOT NULL, serial bigint NOT NULL, created_ns bigint NOT NULL, updated_ns bigint NOT NULL,
    session_id uuid NOT NULL, size integer NOT NULL, is_text boolean NOT NULL, is_readonly boolean NOT NULL,
    path text COLLATE "C" NOT NULL, content bytea STORAGE EXTERNAL, PRIMARY KEY (session_id, path)
) WITH (fillfactor = 90);
CREATE TABLE {schema}.entries (
    version bigint NOT NULL, created_ns bigint NOT NULL, updated_ns bigint NOT NULL, expires_ns bigint,
    session_id uuid NOT NULL, key text COLLATE "C" NOT NULL, value bytea NOT NULL,
    PRIMARY KEY (session_id, key)
) WITH (fillfactor = 90);
"""
# A statement each, that leaves the same behind as the verb and answers with the same.
WRITE = """
INSERT INTO {schema}.files AS f
VALUES (nextval('{schema}.versions'), lastval(), $3, $3, $1, length($4::bytea), true, false, $2, $4)
ON CONFLICT (session_id, path) DO UPDATE
SET version = excluded.version, updated_ns = excluded.updated_ns, size = excluded.size, is_text = true,
    content = excluded.content
RETURNING version, serial, created_ns, updated_ns, size
"""
COLUMNS = "version, serial, created_ns, updated_ns, size, is_text, is_readonly"
READ = f"SELECT {COLUMNS}, content FROM {{schema}}.files WHERE session_id = $1 AND path = $2"
STAT = f"SELECT {COLUMNS} FROM {{schema}}.files WHERE session_id = $1 AND path = $2"
SET = """
INSERT INTO {schema}.entries AS e VALUES (nextval('{schema}.versions'), $3, $3, NULL, $1, $2, $4)
ON CONFLICT (session_id, key) DO UPDATE
SET version = excluded.version, updated_ns = excluded.updated_ns, expires_ns = NULL, value = excluded.value
"""
GET = """
SELECT value FROM {schema}.entries
WHERE session_id = $1 AND key = $2 AND (expires_ns IS NULL OR expires_ns > $3)
"""


class Everstore:
    """Through ``open_store()``."""

    def __init__(self, store: everstore.Store) -> None:
        self._files = store.file_system
        self._storage = store.storage

    async def write(self, session_id: UUID, path: str, content: str) -> int:
        return (await self._files.write_file(session_id, path, content)).size_bytes

    async def read(self, session_id: UUID, path: str) -> str:
        return (await self._files.read_file(session_id, path)).content

    async def stat(self, session_id: UUID, path: str) -> int:
        return (await self._files.stat_file(session_id, path)).size_bytes

    async def set(self, session_id: UUID, key: str, value: str) -> None:
        await self._storage.set_value(session_id, key, value)

    async def get(self, session_id: UUID, key: str) -> str:
        return await self._storage.get_value(session_id, key)


class Raw:
    """asyncpg by hand: ``row`` sends a statement and answers with its row."""

    def __init__(self, schema: str, row: Callable[..., Awaitable[Any]]) -> None:
        self._row = row
        self.statements = [text.replace("{schema}", schema) for text in (WRITE, READ, STAT, SET, GET)]
        self._write, self._read, self._stat, self._set, self._get = self.statements

    async def write(self, session_id: UUID, path: str, content: str) -> int:
        return (await self._row(self._write, session_id, path, time_ns(), content.encode()))[4]

    async def read(self, session_id: UUID, path: str) -> str:
        return (await self._row(self._read, session_id, path))[7].decode()

    async def stat(self, session_id: UUID, path: str) -> int:
        return (await self._row(self._stat, session_id, path))[4]

    async def set(self, session_id: UUID, key: str, value: str) -> None:
        await self._row(self._set, session_id, key, time_ns(), value.encode())

    async def get(self, session_id: UUID, key: str) -> str:
        return (await self._row(self._get, session_id, key, time_ns()))[0].decode()


class LangGraph:
    """A session is a namespace, a value an item of it."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def set(self, session_id: UUID, key: str, value: str) -> None:
        await self._store.aput((session_id.hex,), key, {"text": value})

    async def get(self, session_id: UUID, key: str) -> str:
        return (await self._store.aget((session_id.hex,), key)).value["text"]


async def _prepared(connection: asyncpg.Connection, raw: Raw) -> dict[str, Any]:
    """The row of each statement, prepared once: the shortest way that asyncpg has."""
    return {text: (await connection.prepare(text)).fetchrow for text in raw.statements}


@asynccontextmanager
async def raw_connection(bench: Bench, schema: str) -> AsyncIterator[Raw]:
    """One connection, used by one task; it also makes the tables that the two others use."""
    async with bench.connection() as connection:
        await connection.execute(TABLES.replace("{schema}", schema))
        rows: dict[str, Any] = {}
        raw = Raw(schema, lambda statement, *args: rows[statement](*args))
        rows.update(await _prepared(connection, raw))
        yield raw


@asynccontextmanager
async def raw_pool(bench: Bench, schema: str) -> AsyncIterator[Raw]:
    """asyncpg's own pool."""
    async with asyncpg.create_pool(
        bench.url,
        min_size=bench.connections,
        max_size=bench.connections,
        server_settings={"plan_cache_mode": "force_generic_plan"},
    ) as pool:
        yield Raw(schema, pool.fetchrow)


@asynccontextmanager
async def raw_queue(bench: Bench, schema: str) -> AsyncIterator[Raw]:
    """Connections handed out by a queue, which promises nothing: no time limit, no reset, no repair."""
    free: asyncio.LifoQueue[dict[str, Any]] = asyncio.LifoQueue()

    async def row(statement: str, *args: object) -> Any:
        rows = await free.get()
        try:
            return await rows[statement](*args)
        finally:
            free.put_nowait(rows)

    async with AsyncExitStack() as stack:
        raw = Raw(schema, row)
        for _ in range(bench.connections):
            connection = await stack.enter_async_context(bench.connection())
            free.put_nowait(await _prepared(connection, raw))
        yield raw


@asynccontextmanager
async def langgraph(bench: Bench, schema: str) -> AsyncIterator[LangGraph]:
    """AsyncPostgresStore over a pool of its own driver, psycopg."""
    from langgraph.store.postgres.aio import AsyncPostgresStore  # noqa: PLC0415 - only its part needs it

    async with bench.connection() as connection:
        await connection.execute(f"CREATE SCHEMA {schema}")
    sizes = {"min_size": bench.connections, "max_size": bench.connections}
    there = f"{bench.url}{'&' if '?' in bench.url else '?'}options=-csearch_path%3D{schema}"
    async with AsyncPostgresStore.from_conn_string(there, pool_config=sizes) as store:
        await store.setup()
        yield LangGraph(store)
