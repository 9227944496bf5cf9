"""EverstoreSession beside the SDK's own sessions: ``python tests/adapters/benchmarks/openai_agents.py``."""

from __future__ import annotations

import asyncio
import runpy
import sys
import tempfile
from pathlib import Path

from agents import SQLiteSession
from agents.extensions.memory import SQLAlchemySession
from sqlalchemy.ext.asyncio import create_async_engine

import everstore
from everstore.adapters.openai_agents import EverstoreSession

sys.path.insert(0, str(Path(__file__).parent))
from timing import header, row

ITEMS = [{"role": "user", "content": "x" * 200}, {"role": "assistant", "content": "y" * 800}]


async def measure(store, own, where):
    """What a turn of an agent does: the history is read, and two items are added."""

    def turns(make):
        sessions = {}

        async def turn(task, _):
            if task not in sessions:
                sessions[task] = make(f"{where} {task}")
            await sessions[task].get_items(20)
            await sessions[task].add_items(ITEMS)

        return turn

    for tasks in (1, 50):
        kind = f"{where}, a turn"
        ours, theirs = turns(lambda name: EverstoreSession(store, name)), turns(own)
        await row(kind, ours, theirs, tasks=tasks, rounds=301 if tasks == 1 else 61)  # a disk is moody


async def main() -> None:
    """Print the table."""
    root = Path(__file__).parents[3]
    header()
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/own.db"
        async with everstore.open_store(
            backend="sqlite", environment={"EVERSTORE_SQLITE_PATH": f"{folder}/e.db"}
        ) as store:
            await measure(store, lambda name: SQLiteSession(name, file), "SQLiteSession")
            engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/alchemy.db")
            await measure(
                store,
                lambda name: SQLAlchemySession(name, engine=engine, create_tables=True),
                "SQLAlchemy, SQLite",
            )
            await engine.dispose()
    server = runpy.run_path(str(root / "plugins" / "everstore-postgres" / "tests" / "server.py"))
    with server["server_url"]() as url:
        engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"))
        async with everstore.open_store(
            backend="postgres", environment={"EVERSTORE_POSTGRES_URL": url}
        ) as store:
            await measure(
                store,
                lambda name: SQLAlchemySession(name, engine=engine, create_tables=True),
                "SQLAlchemy, PostgreSQL",
            )
        await engine.dispose()


asyncio.run(main())
