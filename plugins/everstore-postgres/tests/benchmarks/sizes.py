"""The same directory in a session of a thousand files and in one of a million."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from filling import A_DIRECTORY, file_at, multiply, write_directory
from page import note, times, with_unit
from rounds import in_turns, one_by_one

import everstore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    import asyncpg
    from bench import Bench

__all__ = ["measure_sizes"]

FEW = 1_000
BODY = "x" * 100
TEN, HUNDRED, TEMPLATE = "/d/ten", "/d/hundred", "/d/template"
A_TURN = 5
TOGETHER = """
SELECT count(DISTINCT tableoid) = 1 FROM (
    (SELECT tableoid FROM files WHERE session_id = $1 LIMIT 1)
    UNION ALL (SELECT tableoid FROM files WHERE session_id = $2 LIMIT 1)
) AS parts
"""


@dataclass
class Place:
    """A session that has ``/d/ten``, ``/d/hundred``, and more beside them."""

    store: everstore.Store
    session_id: UUID

    async def fill(self, connection: asyncpg.Connection, files: int) -> None:
        """Write the two directories, and as many as it takes beside them."""
        await write_directory(self.store, self.session_id, TEN, BODY, 10)
        for directory in (HUNDRED, TEMPLATE):
            await write_directory(self.store, self.session_id, directory, BODY)
        await multiply(connection, self.session_id, TEMPLATE, files // A_DIRECTORY - 2)

    async def list(self, directory: str, files: int) -> float:
        listed = partial(self.store.file_system.list_directory, self.session_id, directory)
        assert len(await listed()) == files
        return await one_by_one([listed] * A_TURN)

    async def read(self) -> float:
        reading = partial(self.store.file_system.read_file, self.session_id)
        return await one_by_one(partial(reading, file_at(HUNDRED, number)) for number in range(A_TURN))

    async def create(self) -> float:
        paths = [f"/d/hundred/new-{number}.txt" for number in range(A_TURN)]
        writing = partial(self.store.file_system.write_file, self.session_id, content=BODY)
        taken = await one_by_one(partial(writing, path) for path in paths)
        for path in paths:
            await self.store.file_system.delete_file(self.session_id, path)
        return taken

    async def delete_files(self) -> float:
        deleting = partial(self.store.file_system.delete_file, self.session_id)
        taken = await one_by_one(partial(deleting, file_at(HUNDRED, number)) for number in range(A_TURN))
        await write_directory(self.store, self.session_id, HUNDRED, BODY, A_TURN)
        return taken

    async def delete_tree(self) -> float:
        started = perf_counter()
        assert await self.store.file_system.delete_file(self.session_id, HUNDRED, recursive=True)
        taken = perf_counter() - started
        await write_directory(self.store, self.session_id, HUNDRED, BODY)
        return taken

    async def glob(self) -> float:
        found = partial(self.store.file_system.glob_files, self.session_id, f"{HUNDRED}/*.txt")
        assert len(await found()) == A_DIRECTORY
        return await one_by_one([found])


WORK: dict[str, Callable[[Place], Callable[[], Awaitable[float]]]] = {
    "list 10 files": lambda place: partial(place.list, TEN, 10),
    "list 100 files": lambda place: partial(place.list, HUNDRED, A_DIRECTORY),
    "read a file": lambda place: place.read,
    "create a file": lambda place: place.create,
    "delete a file": lambda place: place.delete_files,
    "delete a subtree of 100 files": lambda place: place.delete_tree,
    "glob that selects 100 files": lambda place: place.glob,
}


async def _neighbour(place: Place, connection: asyncpg.Connection) -> Place:
    """Another session whose rows are in the same partition."""
    while True:
        other = Place(place.store, everstore.new_session_id())
        await write_directory(place.store, other.session_id, TEN, BODY, 1)
        if await connection.fetchval(TOGETHER, other.session_id, place.session_id):
            return other
        await place.store.delete_session(other.session_id)


async def measure_sizes(bench: Bench) -> None:
    """The table of sizes: times, and how many times those in a small session of a small table."""
    page = bench.page
    alone, beside, within = (
        f"{FEW:,} files",
        f"{FEW:,} beside {bench.files:,}",
        f"{bench.files:,} files",
    )
    page.begin("sizes", f"In a session of {FEW:,} files and of {bench.files:,}")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        schemas = [await enter(bench.schema(f"sizes_{size}")) for size in ("small", "large")]
        # One connection each: the first call on a connection has its function planned.
        small, large = [await enter(bench.store(schema, connections=1)) for schema in schemas]
        one, other = [await enter(bench.connection(schema)) for schema in schemas]
        places = {
            alone: Place(small, everstore.new_session_id()),
            within: Place(large, everstore.new_session_id()),
        }
        await places[alone].fill(one, FEW)
        note(f"filling a session with {bench.files:,} files")
        await places[within].fill(other, bench.files)
        places[beside] = await _neighbour(places[within], other)
        await places[beside].fill(other, FEW)
        order = (alone, beside, within)
        page.head("", *order, f"{beside}: ratio", f"{within}: ratio")
        for name, work in WORK.items():
            rounds = max(3, bench.rounds // 4)
            figures = await in_turns({size: work(places[size]) for size in order}, rounds)
            cells = [with_unit(figures.seconds(size)) for size in order]
            page.row(name, *cells, *(times(figures.ratio(size, alone)) for size in (beside, within)))
            page.keep(name, figures)
    page.say()
