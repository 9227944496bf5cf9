"""``EverstoreKeyValueStore`` beside ``MemoryStore``, ``DiskStore`` and ``PostgreSQLStore`` of py-key-value.

``python tests/adapters/benchmarks/key_value_bench.py``, with ``py-key-value-aio[disk,memory,postgresql]``.
Each task has keys of its own; values have 200 bytes, ``_many`` is ten of them. SQLite writes as ``DiskStore``
has it do (``synchronous=normal``).
"""

from __future__ import annotations

import asyncio
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

from key_value.aio.stores.disk import DiskStore
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.postgresql import PostgreSQLStore
from timing import header, row

import everstore
from everstore.adapters.key_value import EverstoreKeyValueStore

SERVER = Path(__file__).parents[3] / "plugins" / "everstore-postgres" / "tests" / "server.py"
VALUE = {"text": "x" * 180, "n": 1}


class Keys:
    """What is done with values, each task with keys of its own."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def prepare(self) -> None:
        """A value for each key."""
        for task in range(50):
            await self.put_many(task, 0)

    async def get(self, task: int, turn: int) -> None:
        """One value."""
        del turn
        await self._store.get(f"{task} 1", collection="bench")

    async def put(self, task: int, turn: int) -> None:
        """One value."""
        del turn
        await self._store.put(f"{task} 1", VALUE, collection="bench")

    async def get_many(self, task: int, turn: int) -> None:
        """Ten values."""
        del turn
        await self._store.get_many([f"{task} {number}" for number in range(10)], collection="bench")

    async def put_many(self, task: int, turn: int) -> None:
        """Ten values."""
        del turn
        await self._store.put_many(
            [f"{task} {number}" for number in range(10)], [VALUE] * 10, collection="bench"
        )


async def compare(title: str, own: Any, **settings: Any) -> None:
    """Print a table."""
    sys.stdout.write(f"\n{title}\n\n")
    async with everstore.open_store(environment={}, **settings) as store:
        ours, theirs = Keys(EverstoreKeyValueStore(store)), Keys(own)
        await ours.prepare()
        await theirs.prepare()
        header()
        for tasks in (1, 50):
            for what in ("get", "get_many", "put", "put_many"):
                await row(what, getattr(ours, what), getattr(theirs, what), tasks=tasks, rounds=15)


async def main(folder: str, url: str) -> None:
    """Print the tables."""
    await compare("memory beside MemoryStore", MemoryStore())
    sqlite = {"backend": "sqlite", "sqlite_path": f"{folder}/everstore.db", "sqlite_synchronous": "normal"}
    async with DiskStore(directory=f"{folder}/own") as own:
        await compare("SQLite beside DiskStore", own, **sqlite)
    postgres = {
        "backend": "postgres",
        "postgres_url": url,
        "postgres_schema_name": "bench",
        "postgres_partitions": 1,
    }
    async with PostgreSQLStore(url=url) as own:
        await compare("PostgreSQL beside PostgreSQLStore", own, **postgres)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, runpy.run_path(str(SERVER))["server_url"]() as url:
        asyncio.run(main(folder, url))
