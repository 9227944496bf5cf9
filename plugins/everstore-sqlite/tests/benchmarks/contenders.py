"""Who is measured: everstore as its users open it, the same work by hand, and others on SQLite.

Each has ``write``, ``read``, ``stat``, ``set`` and ``get`` of a name in one directory; all are
coroutine functions, and all wait until what they wrote is as durable as the run asks for.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiosqlite
from agentfs_sdk import AgentFS, AgentFSOptions

import everstore
from everstore_sqlite.schema import migrate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["CONTENDERS"]

KEY = os.urandom(16)

FIND = "SELECT serial FROM entries WHERE session = ? AND parent = '/d/' AND name = ?"
REPLACE = (
    "UPDATE entries SET version = ?, updated = ?, size = ? WHERE session = ? AND parent = '/d/' AND name = ?"
)
REPLACE_CONTENT = "UPDATE contents SET is_text = 1, data = ? WHERE serial = ?"
CREATE = "INSERT INTO entries VALUES (?, '/d/', ?, ?, ?, ?, ?, ?, 0, 0, NULL, NULL)"
CREATE_CONTENT = "INSERT INTO contents VALUES (?, 1, ?)"
READ = """
    SELECT version, created, updated, serial, size, is_readonly, is_text, data
    FROM entries JOIN contents USING (serial) WHERE session = ? AND parent = '/d/' AND name = ?
"""
STAT = """
    SELECT version, created, updated, serial, size, is_readonly, is_directory
    FROM entries WHERE session = ? AND parent = '/d/' AND name = ?
"""
SET = "REPLACE INTO pairs VALUES (?, ?, ?, ?, ?, NULL, ?)"
GET = "SELECT value FROM pairs WHERE session = ? AND key = ?"


class Everstore:
    """Through ``open_store()``."""

    def __init__(self, store: everstore.Store) -> None:
        self._work = store.session(everstore.new_session_id())

    async def write(self, name: str, content: str) -> None:
        await self._work.files.write_file(f"/d/{name}", content)

    async def read(self, name: str) -> str:
        return (await self._work.files.read_file(f"/d/{name}")).content

    async def stat(self, name: str) -> int:
        return (await self._work.files.stat_file(f"/d/{name}")).size_bytes

    async def set(self, key: str, value: str) -> None:
        await self._work.storage.set_value(key, value)

    async def get(self, key: str) -> str:
        return await self._work.storage.get_value(key)


class ByHand:
    """sqlite3 itself, on the same schema: one commit a write, no rules, no limits, no log."""

    def __init__(self, path: Path, synchronous: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        migrate(self._connection)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {synchronous}")
        self._version = 0

    def close(self) -> None:
        self._connection.close()

    def write(self, name: str, content: str) -> None:
        execute = self._connection.execute
        data = content.encode()
        self._version += 1
        now = time.time_ns()
        execute("BEGIN IMMEDIATE")
        row = execute(FIND, (KEY, name)).fetchone()
        if row is None:
            execute(CREATE, (KEY, name, self._version, now, now, self._version, len(data)))
            execute(CREATE_CONTENT, (self._version, data))
        else:
            execute(REPLACE, (self._version, now, len(data), KEY, name))
            execute(REPLACE_CONTENT, (data, row[0]))
        execute("COMMIT")

    def read(self, name: str) -> str:
        return self._connection.execute(READ, (KEY, name)).fetchone()[7].decode()

    def stat(self, name: str) -> int:
        return self._connection.execute(STAT, (KEY, name)).fetchone()[4]

    def set(self, key: str, value: str) -> None:
        self._version += 1
        now = time.time_ns()
        self._connection.execute(SET, (KEY, key, self._version, now, now, value.encode()))

    def get(self, key: str) -> str:
        return self._connection.execute(GET, (KEY, key)).fetchone()[0].decode()


class InThread:
    """The same in a worker thread, so that an event loop stays free."""

    def __init__(self, by_hand: ByHand, thread: ThreadPoolExecutor) -> None:
        self._by_hand = by_hand
        self._thread = thread

    def __getattr__(self, verb: str) -> Any:
        work = getattr(self._by_hand, verb)
        loop = asyncio.get_running_loop()

        async def call(*arguments: str) -> Any:
            return await loop.run_in_executor(self._thread, work, *arguments)

        return call


class OnLoop:
    """The same on the event loop's own thread, which stands still meanwhile."""

    def __init__(self, by_hand: ByHand) -> None:
        self._by_hand = by_hand

    def __getattr__(self, verb: str) -> Any:
        work = getattr(self._by_hand, verb)

        async def call(*arguments: str) -> Any:
            return work(*arguments)

        return call


class Aiosqlite:
    """The same through aiosqlite."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()  # one transaction at a time on one connection
        self._version = 0

    async def _row(self, sql: str, *arguments: Any) -> Any:
        async with self._connection.execute(sql, arguments) as cursor:
            return await cursor.fetchone()

    async def write(self, name: str, content: str) -> None:
        execute = self._connection.execute
        data = content.encode()
        async with self._turn:
            self._version += 1
            now = time.time_ns()
            await execute("BEGIN IMMEDIATE")
            row = await self._row(FIND, KEY, name)
            if row is None:
                await execute(CREATE, (KEY, name, self._version, now, now, self._version, len(data)))
                await execute(CREATE_CONTENT, (self._version, data))
            else:
                await execute(REPLACE, (self._version, now, len(data), KEY, name))
                await execute(REPLACE_CONTENT, (data, row[0]))
            await execute("COMMIT")

    async def read(self, name: str) -> str:
        return (await self._row(READ, KEY, name))[7].decode()

    async def stat(self, name: str) -> int:
        return (await self._row(STAT, KEY, name))[4]

    async def set(self, key: str, value: str) -> None:
        self._version += 1
        now = time.time_ns()
        await self._connection.execute(SET, (KEY, key, self._version, now, now, value.encode()))

    async def get(self, key: str) -> str:
        return (await self._row(GET, KEY, key))[0].decode()


class Agentfs:
    """AgentFS, with the schema and the durability that it has."""

    def __init__(self, agent: AgentFS) -> None:
        self._agent = agent
        self._turn = asyncio.Lock()  # its calls are several statements, which must not mix

    async def write(self, name: str, content: str) -> None:
        async with self._turn:
            await self._agent.fs.write_file(f"/d/{name}", content)

    async def read(self, name: str) -> str:
        async with self._turn:
            return await self._agent.fs.read_file(f"/d/{name}")

    async def stat(self, name: str) -> int:
        async with self._turn:
            return (await self._agent.fs.stat(f"/d/{name}")).size

    async def set(self, key: str, value: str) -> None:
        async with self._turn:
            await self._agent.kv.set(key, value)

    async def get(self, key: str) -> str:
        async with self._turn:
            return await self._agent.kv.get(key)


@asynccontextmanager
async def _everstore(folder: Path, synchronous: str) -> AsyncIterator[Everstore]:
    settings = {"sqlite_path": folder / "everstore.db", "sqlite_synchronous": synchronous}
    async with everstore.open_store(backend="sqlite", **settings) as store:
        yield Everstore(store)


@asynccontextmanager
async def _in_thread(folder: Path, synchronous: str) -> AsyncIterator[InThread]:
    by_hand = ByHand(folder / "thread.db", synchronous)
    with ThreadPoolExecutor(1) as thread:
        yield InThread(by_hand, thread)
    by_hand.close()


@asynccontextmanager
async def _on_loop(folder: Path, synchronous: str) -> AsyncIterator[OnLoop]:
    by_hand = ByHand(folder / "loop.db", synchronous)
    yield OnLoop(by_hand)
    by_hand.close()


@asynccontextmanager
async def _aiosqlite(folder: Path, synchronous: str) -> AsyncIterator[Aiosqlite]:
    ByHand(folder / "aiosqlite.db", synchronous).close()
    async with aiosqlite.connect(folder / "aiosqlite.db", isolation_level=None) as connection:
        await connection.execute(f"PRAGMA synchronous = {synchronous}")
        yield Aiosqlite(connection)


@asynccontextmanager
async def _agentfs(folder: Path, synchronous: str) -> AsyncIterator[Agentfs]:
    agent = await AgentFS.open(AgentFSOptions(path=str(folder / "agent.db")))
    await agent.get_database().execute(f"PRAGMA synchronous = {synchronous}")
    yield Agentfs(agent)
    await agent.close()


CONTENDERS = {
    "everstore": _everstore,
    "sqlite3 in a thread": _in_thread,
    "sqlite3 on the loop": _on_loop,
    "aiosqlite": _aiosqlite,
    "AgentFS": _agentfs,
}
"""By name; each opens in a folder, with a durability: ``full`` or ``normal``."""
