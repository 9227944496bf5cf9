"""``EverstoreFileSystem`` beside fsspec's own ``LocalFileSystem`` and ``MemoryFileSystem``.

``python tests/adapters/benchmarks/fsspec_bench.py``. Files of 4 KB, each task in a folder of its own. One
task calls as a script does; fifty are threads. Neither side waits for the disk.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from timing import header, row

from everstore import sync
from everstore.adapters.fsspec import EverstoreFileSystem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CONTENT = b"a line of a file that is read\n" * 136


class Files:
    """What is done with files, each task in a folder of its own."""

    def __init__(self, file_system: Any, root: str) -> None:
        self._fs = file_system
        self._root = root
        for task in range(50):
            self._fs.makedirs(f"{root}/{task}")
            for number in range(20):
                self._fs.pipe_file(f"{root}/{task}/{number}", CONTENT)

    def cat(self, task: int) -> None:
        """Read a file."""
        self._fs.cat_file(f"{self._root}/{task}/7")

    def pipe(self, task: int) -> None:
        """Replace a file."""
        self._fs.pipe_file(f"{self._root}/{task}/7", CONTENT)

    def append(self, task: int) -> None:
        """Add a line to a file, through an open one."""
        with self._fs.open(f"{self._root}/{task}/log", "ab") as file:
            file.write(b"a line\n")

    def find(self, task: int) -> None:
        """List a folder of twenty."""
        self._fs.find(f"{self._root}/{task}", detail=True)

    def open(self, task: int) -> None:
        """Read a file through an open one."""
        with self._fs.open(f"{self._root}/{task}/7") as file:
            file.read()

    def call(self, what: str, tasks: int) -> Callable[[int, int], Awaitable[object]]:
        """The same, as ``row`` calls it."""
        verb = getattr(self, what)

        async def call(task: int, turn: int) -> None:
            del turn
            if tasks == 1:
                verb(task)
            else:
                await asyncio.to_thread(verb, task)

        return call


async def compare(title: str, ours: Files, theirs: Files) -> None:
    """Print a table."""
    sys.stdout.write(f"\n{title}\n\n")
    header()
    for tasks in (1, 50):
        for what in ("cat", "open", "find", "pipe", "append"):
            await row(what, ours.call(what, tasks), theirs.call(what, tasks), tasks=tasks, rounds=15)


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = {
            "backend": "sqlite",
            "sqlite_path": f"{folder}/everstore.db",
            "sqlite_synchronous": "normal",
        }
        with sync.open_store(environment={}, **sqlite) as store:
            ours, theirs = Files(EverstoreFileSystem(store), "s"), Files(LocalFileSystem(), f"{folder}/own")
            asyncio.run(compare("SQLite beside LocalFileSystem", ours, theirs))
        with sync.open_store(environment={}) as store:
            own = MemoryFileSystem(global_store=False, skip_instance_cache=True)
            asyncio.run(
                compare(
                    "memory beside MemoryFileSystem", Files(EverstoreFileSystem(store), "s"), Files(own, "/s")
                )
            )


if __name__ == "__main__":
    main()
