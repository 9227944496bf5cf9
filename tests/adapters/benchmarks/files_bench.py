"""``EverstoreBackend`` and ``EverstoreWorkspace`` beside what deepagents and Pydantic AI bring themselves.

``python tests/adapters/benchmarks/files_bench.py``. Each task has a session, namespace or directory of its
own, with twenty files of 2 KB.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from deepagents.backends import FilesystemBackend, StoreBackend
from langgraph.store.postgres.aio import AsyncPostgresStore
from langgraph.store.sqlite.aio import AsyncSqliteStore
from pydantic_ai.workspaces import LocalWorkspaceBackend
from timing import header, row

import everstore
from everstore.adapters.deepagents import EverstoreBackend
from everstore.adapters.pydantic_ai import EverstoreWorkspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from deepagents.backends.protocol import BackendProtocol

ROOT = Path(__file__).parents[3]
TASKS = 50
TEXT = "".join(f"line {number} of a file of an agent\n" for number in range(60))
FILES = [(f"/src/{number}.py", f"{TEXT}# found in {number}\n".encode()) for number in range(20)]


class Backends:
    """A backend of deepagents a task, and the calls that its tools make."""

    def __init__(self, make: Callable[[], BackendProtocol]) -> None:
        self.of = [make() for _ in range(TASKS)]
        self.edits = [0] * TASKS

    async def fill(self) -> None:
        for backend in self.of:
            for path, content in FILES:
                await backend.awrite(path, content.decode())
            await backend.awrite("/log.md", f"edits: 0\n{TEXT}")

    async def write_file(self, task: int, turn: int) -> None:
        assert (await self.of[task].awrite(f"/out/{turn % 10}.md", TEXT)).error is None

    async def edit_file(self, task: int, _: int) -> None:
        count = self.edits[task]
        answer = await self.of[task].aedit("/log.md", f"edits: {count}\n", f"edits: {count + 1}\n")
        assert answer.occurrences == 1
        self.edits[task] += 1

    async def read_file(self, task: int, turn: int) -> None:
        answer = await self.of[task].aread(f"/src/{turn % 20}.py", limit=100)
        assert answer.total_lines == 61

    async def ls(self, task: int, _: int) -> None:
        entries = (await self.of[task].als("/src")).entries
        assert entries is not None
        assert len(entries) == 20

    async def glob(self, task: int, _: int) -> None:
        matches = (await self.of[task].aglob("**/*.py")).matches
        assert matches is not None
        assert len(matches) == 20

    async def grep(self, task: int, turn: int) -> None:
        matches = (await self.of[task].agrep(f"found in {turn % 20}", glob="*.py")).matches
        assert matches


class Workspaces:
    """A workspace of Pydantic AI a task, and the calls that tools make."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.of = [make() for _ in range(TASKS)]
        self.roots: list[str] = []

    async def fill(self) -> None:
        for workspace in self.of:
            self.roots.append((await workspace.working_dir()).rstrip("/"))
            for path, content in FILES:
                await workspace.write_bytes(self.roots[-1] + path, content)

    async def write_bytes(self, task: int, turn: int) -> None:
        await self.of[task].write_bytes(f"{self.roots[task]}/out/{turn % 10}.md", TEXT.encode())

    async def read_bytes(self, task: int, turn: int) -> None:
        assert await self.of[task].read_bytes(f"{self.roots[task]}/src/{turn % 20}.py")

    async def stat(self, task: int, turn: int) -> None:
        assert (await self.of[task].stat(f"{self.roots[task]}/src/{turn % 20}.py")).size

    async def list_dir(self, task: int, _: int) -> None:
        assert len(await self.of[task].list_dir(f"{self.roots[task]}/src")) == 20


async def compare(title: str, ours: Any, theirs: Any, *verbs: str) -> None:
    sys.stdout.write(f"\n{title}\n\n")
    header()
    await ours.fill()
    await theirs.fill()
    for tasks in (1, TASKS):
        for verb in verbs:
            rounds = 31 if tasks == 1 else 11
            await row(verb, getattr(ours, verb), getattr(theirs, verb), tasks=tasks, rounds=rounds)


def in_store(store: Any) -> Backends:
    def make() -> StoreBackend:
        name = uuid4().hex
        return StoreBackend(namespace=lambda _: (name,), store=store)

    return Backends(make)


@asynccontextmanager
async def opened(settings: dict[str, Any]) -> AsyncIterator[tuple[Backends, Workspaces]]:
    async with everstore.open_store(**settings) as store:
        yield (
            Backends(lambda: EverstoreBackend(store, session=uuid4())),
            Workspaces(lambda: EverstoreWorkspace(store)),
        )


VERBS = ("write_file", "edit_file", "read_file", "ls", "glob", "grep")
OPERATIONS = ("write_bytes", "read_bytes", "stat", "list_dir")


async def main() -> None:
    server = runpy.run_path(str(ROOT / "plugins" / "everstore-postgres" / "tests" / "server.py"))
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))

        def local() -> str:
            made = directory / uuid4().hex
            made.mkdir()
            return str(made)

        sqlite = await stack.enter_async_context(AsyncSqliteStore.from_conn_string(f"{directory}/store.db"))
        await sqlite.setup()
        settings = {"backend": "sqlite", "sqlite_path": f"{directory}/everstore.db"}
        ours, workspaces = await stack.enter_async_context(opened(settings))
        await compare("deepagents: SQLite, StoreBackend on AsyncSqliteStore", ours, in_store(sqlite), *VERBS)
        files = Backends(lambda: FilesystemBackend(local(), virtual_mode=True))
        ours, _ = await stack.enter_async_context(opened(settings))
        await compare("deepagents: SQLite, FilesystemBackend", ours, files, *VERBS)
        local_ones = Workspaces(lambda: LocalWorkspaceBackend(local()))
        await compare("Pydantic AI: SQLite, LocalWorkspaceBackend", workspaces, local_ones, *OPERATIONS)
        ours, workspaces = await stack.enter_async_context(opened({"backend": "memory"}))
        local_ones = Workspaces(lambda: LocalWorkspaceBackend(local()))
        await compare("Pydantic AI: memory, LocalWorkspaceBackend", workspaces, local_ones, *OPERATIONS)

        url = stack.enter_context(server["server_url"]())
        pool: Any = {"min_size": 10, "max_size": 10}
        postgres = await stack.enter_async_context(AsyncPostgresStore.from_conn_string(url, pool_config=pool))
        await postgres.setup()
        settings = {
            "backend": "postgres",
            "postgres_url": url,
            "postgres_schema_name": f"bench_{uuid4().hex}",
        }
        ours, _ = await stack.enter_async_context(opened(settings))
        await compare(
            "deepagents: PostgreSQL, StoreBackend on AsyncPostgresStore", ours, in_store(postgres), *VERBS
        )


asyncio.run(main())
