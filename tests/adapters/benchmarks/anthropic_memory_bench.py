"""``EverstoreMemoryTool`` on SQLite beside the SDK's own memory tool over local files.

``python tests/adapters/benchmarks/anthropic_memory_bench.py``. Each task has a memory file of its own of a
hundred lines; both sides have a command on the disk before they answer it. At last twenty agents of one
process insert five lines each into one file, and what is left of them is counted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from anthropic.lib.tools._beta_builtin_memory_tool import BetaAsyncLocalFilesystemMemoryTool
from timing import header, row

import everstore
from everstore.adapters.anthropic_memory import EverstoreMemoryTool

if TYPE_CHECKING:
    from anthropic.lib.tools import BetaAsyncAbstractMemoryTool

TEXT = "".join(f"note {number}: likes tea, and walks in the evening\n" for number in range(100))
AGENTS, TURNS = 20, 5


class Memories:
    """What an agent asks of a memory, each task in a file of its own."""

    def __init__(self, tool: BetaAsyncAbstractMemoryTool) -> None:
        self._tool = tool
        self._made = 0

    async def create(self, task: int, turn: int) -> None:
        """A new file."""
        del task, turn
        self._made += 1
        await self._tool.call({"command": "create", "path": f"/memories/new/{self._made}", "file_text": TEXT})

    async def view(self, task: int, turn: int) -> None:
        """The whole file."""
        del turn
        await self._tool.call({"command": "view", "path": f"/memories/{task}"})

    async def str_replace(self, task: int, turn: int) -> None:
        """One line of it."""
        old, new = ("note 50:", "node 50:") if turn % 2 else ("node 50:", "note 50:")
        command = {"command": "str_replace", "path": f"/memories/{task}", "old_str": old, "new_str": new}
        await self._tool.call(command)

    async def insert(self, task: int, turn: int) -> None:
        """A line at the top."""
        command = {
            "command": "insert",
            "path": f"/memories/{task}",
            "insert_line": 0,
            "insert_text": f"{turn}",
        }
        await self._tool.call(command)

    async def prepare(self, tasks: int) -> None:
        """A file for each task."""
        text = TEXT.replace("note 50:", "node 50:")
        for task in range(tasks):
            await self._tool.call({"command": "create", "path": f"/memories/{task}", "file_text": text})


async def left(tool: BetaAsyncAbstractMemoryTool) -> int:
    """How many of the lines are there that many agents insert at once."""
    await tool.call({"command": "create", "path": "/memories/shared", "file_text": ""})

    async def agent(number: int) -> None:
        for turn in range(TURNS):
            line = {"insert_line": 0, "insert_text": f"{number} {turn}"}
            await tool.call({"command": "insert", "path": "/memories/shared", **line})

    await asyncio.gather(*map(agent, range(AGENTS)))
    told = await tool.call({"command": "view", "path": "/memories/shared"})
    return sum(bool(line.partition("\t")[2]) for line in str(told).split("\n")[1:])


async def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        settings = {"backend": "sqlite", "sqlite_path": str(place / "everstore.db")}
        async with everstore.open_store(environment={}, **settings) as store:
            tools = (
                EverstoreMemoryTool(store, everstore.new_session_id()),
                BetaAsyncLocalFilesystemMemoryTool(str(place / "own")),
            )
            ours, theirs = map(Memories, tools)
            await asyncio.gather(ours.prepare(50), theirs.prepare(50))
            header()
            for tasks in (1, 50):
                for what in ("view", "str_replace", "insert", "create"):
                    await row(what, getattr(ours, what), getattr(theirs, what), tasks=tasks, rounds=11)
            for name, tool in zip(("everstore", "its own"), tools, strict=True):
                sys.stdout.write(f"{name}: {await left(tool)} of {AGENTS * TURNS} lines are left\n")


if __name__ == "__main__":
    asyncio.run(main())
