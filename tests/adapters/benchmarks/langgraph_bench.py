"""``EverstoreSaver`` and ``EverstoreStore`` beside LangGraph's own for SQLite and PostgreSQL.

``python tests/adapters/benchmarks/langgraph_bench.py``. Each task has a thread of its own: a conversation of
twenty messages, to which a ``put`` adds one.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.postgres.aio import AsyncPostgresStore
from langgraph.store.sqlite.aio import AsyncSqliteStore
from timing import header, row

import everstore
from everstore.adapters.langgraph import EverstoreSaver, EverstoreStore

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.store.base import BaseStore

ROOT = Path(__file__).parents[3]
MESSAGES = [
    kind(f"message {number}: " + "lorem ipsum dolor sit amet " * 8, id=str(number))
    for number, kind in enumerate([HumanMessage, AIMessage] * 10)
]


class Conversations:
    """Threads of one saver, a task each, and the calls that an agent makes on them."""

    def __init__(self, saver: BaseCheckpointSaver[Any]) -> None:
        self.saver = saver
        self.name = uuid4().hex
        self.configs: dict[int, Any] = {}
        self.checkpoints: dict[int, Any] = {}

    def _latest(self, task: int) -> Any:
        return {"configurable": {"thread_id": f"{self.name}-{task}", "checkpoint_ns": ""}}

    async def put(self, task: int, turn: int) -> None:
        """The checkpoint after a step: one message more, in a state of four channels."""
        before = self.checkpoints.get(task)
        versions = {} if before is None else before["channel_versions"]
        channels = (
            ["messages", "branch:to:agent"] if before else ["messages", "plan", "user", "branch:to:agent"]
        )
        new = {each: self.saver.get_next_version(versions.get(each), None) for each in channels}
        checkpoint = {
            "v": 4,
            "id": str(uuid6(clock_seq=turn)),
            "ts": "2026-01-01T00:00:00+00:00",
            "channel_values": {
                "messages": [*MESSAGES, HumanMessage(f"turn {turn}")],
                "plan": [{"step": number, "text": "look into it " * 5} for number in range(20)],
                "user": "somebody",
                "branch:to:agent": None,
            },
            "channel_versions": {**versions, **new},
            "versions_seen": {"agent": {"messages": versions.get("messages", "")}},
            "updated_channels": channels,
        }
        config = self.configs.get(task, self._latest(task))
        metadata: Any = {"source": "loop", "step": turn, "parents": {}}
        self.configs[task] = await self.saver.aput(config, checkpoint, metadata, new)  # type: ignore[arg-type]  # a plain dict is what runs
        self.checkpoints[task] = checkpoint

    async def put_writes(self, task: int, turn: int) -> None:
        """What one task of a step wrote."""
        writes = [("messages", [HumanMessage(f"turn {turn}")]), ("branch:to:tools", None)]
        await self.saver.aput_writes(self.configs[task], writes, str(uuid4()), "~__pregel_pull, agent")

    async def get_latest(self, task: int, _: int) -> None:
        """The state that a run begins with."""
        found = await self.saver.aget_tuple(self._latest(task))
        assert found is not None
        assert len(found.checkpoint["channel_values"]["messages"]) > len(MESSAGES)

    async def list_ten(self, task: int, _: int) -> None:
        """The last ten checkpoints."""
        found = [each async for each in self.saver.alist(self._latest(task), limit=10)]
        assert len(found) == 10


class Memories:
    """Items of one memory, a namespace a task."""

    def __init__(self, store: BaseStore) -> None:
        self.store = store
        self.name = uuid4().hex

    async def put(self, task: int, turn: int) -> None:
        """An item."""
        await self.store.aput(
            (self.name, str(task)), f"key {turn % 20}", {"text": "likes tea " * 10, "turn": turn}
        )

    async def get(self, task: int, _: int) -> None:
        """The same item again."""
        assert await self.store.aget((self.name, str(task)), "key 1") is not None

    async def search(self, task: int, _: int) -> None:
        """Ten items of twenty."""
        assert len(await self.store.asearch((self.name, str(task)), limit=10)) == 10


async def compare(ours: BaseCheckpointSaver[Any], theirs: BaseCheckpointSaver[Any]) -> None:
    one, other = Conversations(ours), Conversations(theirs)
    for tasks in (1, 50):
        await row("put", one.put, other.put, tasks=tasks)
        await row("get_tuple of the latest", one.get_latest, other.get_latest, tasks=tasks)
        await row("list of ten", one.list_ten, other.list_ten, tasks=tasks, rounds=11)
        await row("put_writes", one.put_writes, other.put_writes, tasks=tasks)


async def compare_memories(ours: BaseStore, theirs: BaseStore) -> None:
    one, other = Memories(ours), Memories(theirs)
    for tasks in (1, 50):
        await row("store put", one.put, other.put, tasks=tasks)
        await row("store get", one.get, other.get, tasks=tasks)
        await row("store search", one.search, other.search, tasks=tasks)


async def on_sqlite(directory: str) -> None:
    sys.stdout.write("\nSQLite (AsyncSqliteSaver, AsyncSqliteStore)\n\n")
    header()
    async with AsyncExitStack() as stack:
        settings = {"backend": "sqlite", "sqlite_path": f"{directory}/everstore.db"}
        store = await stack.enter_async_context(everstore.open_store(**settings))
        theirs = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(f"{directory}/saver.db"))
        memory = await stack.enter_async_context(AsyncSqliteStore.from_conn_string(f"{directory}/store.db"))
        await memory.setup()
        await compare(EverstoreSaver(store), theirs)
        await compare_memories(EverstoreStore(store), memory)


async def on_postgres() -> None:
    sys.stdout.write("\nPostgreSQL (AsyncPostgresSaver, AsyncPostgresStore)\n\n")
    header()
    server = runpy.run_path(str(ROOT / "plugins" / "everstore-postgres" / "tests" / "server.py"))
    async with AsyncExitStack() as stack:
        url = stack.enter_context(server["server_url"]())
        store = await stack.enter_async_context(everstore.open_store(backend="postgres", postgres_url=url))
        theirs = await stack.enter_async_context(AsyncPostgresSaver.from_conn_string(url))
        memory = await stack.enter_async_context(AsyncPostgresStore.from_conn_string(url))
        await theirs.setup()
        await memory.setup()
        await compare(EverstoreSaver(store), theirs)
        await compare_memories(EverstoreStore(store), memory)


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        await on_sqlite(directory)
    await on_postgres()


if __name__ == "__main__":
    asyncio.run(main())
