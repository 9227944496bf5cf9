"""Files in PostgreSQL: one round trip a verb."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from everstore.changes import FileTimes
from everstore.compat import override
from everstore.interfaces import Capabilities, SessionFileSystem, SessionFileSystemFactory
from everstore.models import FileStat, FileUsage, SessionFile, file_of, root_of
from everstore.paths import parent_of
from everstore.rules import answered_together
from everstore.trees import TreePage
from everstore_postgres.changing import Order, answer_to, is_long, order_of
from everstore_postgres.damage import ENCODINGS, content_at, damage_of_chunks
from everstore_postgres.forking import Forks
from everstore_postgres.ids import Ids
from everstore_postgres.outcomes import DIRECTORY
from everstore_postgres.places import depth_of, place_of, span_of
from everstore_postgres.plain_files import CHUNKS, PART, STAMPS, plain_reads, plain_stats, plain_writes
from everstore_postgres.purging import Purge, Rows
from everstore_postgres.search import Searcher, infos
from everstore_postgres.times import Times
from everstore_postgres.trees import Trees

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.changes import FileMutation
    from everstore.context import PluginContext
    from everstore.models import FileChange, FileInfo, GrepMatch
    from everstore.search import Query
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits
    from everstore_postgres.database import Database

__all__ = ["PostgresFileSystem", "PostgresFileSystemFactory"]

T = TypeVar("T")

_ROWS = Rows(
    table="files",
    columns="depth, place",
    size="size",
    after="(depth, place) > ($2, $3)",
    upto="(depth, place) <= ($4, $5)",
    starts=((-1, ""),),
    was="true",
    returning="content_id",
    also="{schema}.let_go(array_agg(content_id) FILTER (WHERE content_id IS NOT NULL))",
    function="purge_files",
    lock="SELECT pg_advisory_xact_lock(uuid_hash_extended($1, 1))",
    last=(
        "WITH gone AS (DELETE FROM {schema}.session_limits WHERE session_id = $1 AND part = 'f')"
        " DELETE FROM {schema}.usage WHERE session_id = $1"
    ),
)


class PostgresFileSystem(SessionFileSystem):
    """A private tree of files for every session, in one partitioned table."""

    capabilities = Capabilities(durable=True, shared=True, forks=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """Files in this database."""
        self._database = database
        self._limits = limits
        self._searcher = Searcher(database)
        self._trees = Trees(database)
        self._forks = Forks(database)
        sql = database.sql
        self._read = plain_reads(database)
        self._chunks = sql(CHUNKS)
        self._stat = plain_stats(database)
        self._write = plain_writes(database)
        self._part = sql(PART)
        self._list = sql(
            f"SELECT {STAMPS}, coalesce(long_path, place) FROM {{schema}}.files"
            " WHERE session_id = $1 AND depth = $2 AND place >= $3 AND place < $4"
            " AND starts_with(coalesce(long_path, place), $5)"
        )
        self._write_if = sql("SELECT * FROM {schema}.write_file($1, $2, $3, $4, $5, $6, $7, $8)")
        self._put = sql(
            "SELECT * FROM {schema}.put_file("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        )
        self._create = sql("SELECT * FROM {schema}.create_directory($1, $2, $3, $4, $5, $6, $7)")
        self._delete = sql("SELECT * FROM {schema}.delete_file($1, $2, $3, $4, $5, $6)")
        self._transfer = sql("SELECT * FROM {schema}.transfer($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        self._apply = sql(
            "SELECT * FROM {schema}.apply_changes("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
        )
        self._usage = sql(
            "SELECT count(*) FILTER (WHERE kind <> 'd'), count(*) FILTER (WHERE kind = 'd'),"
            " coalesce(sum(size), 0), max(updated_ns) FROM {schema}.files WHERE session_id = $1"
        )
        self._ids = Ids(database, "{schema}.files WHERE true")
        self._limit = sql("SELECT outcome FROM {schema}.limit_session($1, 'f', $2, $3)")
        self._purge = Purge(database, _ROWS)
        self._times = Times(database)

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        if path == "/":
            return root_of(session_id)
        row = await self._read.row(session_id, depth_of(path), place_of(path))
        if row is None:
            return None
        *_, version, created_ns, updated_ns, serial, size, is_readonly, kind, data = row
        if data is None and kind != DIRECTORY:
            chunks = await self._database.rows(self._chunks, session_id, depth_of(path), place_of(path))
            if not chunks:
                return None
            version, created_ns, updated_ns, serial, size, is_readonly, kind, data = chunks[0]
            if len(chunks) > 1:
                data = b"".join([chunk[-1] for chunk in chunks])
        if kind == DIRECTORY:
            return SessionFile(
                version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, content=None
            )
        encoding = ENCODINGS.get(kind)
        content = content_at(path, size, data, encoding)
        return file_of(
            version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, content,
            encoding or "text",
        )  # fmt: skip

    @override
    async def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        if path == "/":
            return None
        row = await self._database.row(self._part, session_id, depth_of(path), place_of(path), start, length)
        if row is None or row["kind"] == DIRECTORY:
            return None
        data: bytes | None = row["data"]
        if data is None or row["kind"] not in ENCODINGS:
            found = await self.read_file(session_id, path)  # tells what is wrong, unless it can be read
            return None if found is None else found.part(start, length)
        return data

    @override
    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        if path == "/":
            return root_of(session_id).stat()
        row = await self._stat.row(session_id, depth_of(path), place_of(path))
        if row is None:
            return None
        *_, version, created_ns, updated_ns, serial, size, is_readonly, kind = row
        return FileStat(
            version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, kind == DIRECTORY
        )

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[T]]) -> list[T]:
        if changes and isinstance(changes[0], FileTimes):  # and so are the others
            return cast("list[T]", await self._times.of_files(session_id, cast("list[FileTimes]", changes)))
        orders = [order_of(change) for change in changes]
        rows = await self._rows(session_id, orders)
        if (path := _damaged_source(orders, rows)) is not None:
            await self.read_file(session_id, path)  # tells what is wrong, unless it was mended
            rows = await self._rows(session_id, orders)
            if (path := _damaged_source(orders, rows)) is not None:
                raise damage_of_chunks(path)

        def answers() -> list[T]:
            return answered_together(
                lambda index: answer_to(changes[index], rows[index], session_id), range(len(changes))
            )

        return await asyncio.to_thread(answers) if is_long(changes, rows) else answers()

    async def _rows(self, session_id: UUID, orders: list[Order]) -> list[Any]:
        """The rows that the server answers changes with."""
        if len(orders) == 1:
            return [await self._one(session_id, orders[0])]
        return await self._all(session_id, orders)

    async def _one(self, session_id: UUID, order: Order) -> Any:
        """The row that the function of one change answers with."""
        limits = self._limits
        match order:
            case Order("nothing"):
                return {"outcome": "nothing"}
            case Order("delete" | "delete strictly" as verb, path):
                return await self._database.change(
                    self._delete, session_id, path, depth_of(path), place_of(path), order.option,
                    verb == "delete strictly",
                )  # fmt: skip
            case Order("directory", path):
                return await self._database.change(
                    self._create, session_id, path, depth_of(path), place_of(path), order.option,
                    limits.session_entries, limits.session_bytes,
                )  # fmt: skip
            case Order(verb, path, destination=str(destination)):
                return await self._database.change(
                    self._transfer, session_id, path, depth_of(path), destination, depth_of(destination),
                    order.option, verb == "move", limits.file_bytes, limits.session_entries,
                    limits.session_bytes,
                )  # fmt: skip
            case Order("write", path, kind, data, condition) if limits.of_files is None:
                places = depth_of(path), place_of(path), place_of(parent_of(path))
                args = (session_id, path, *places, kind, data)
                return await (
                    self._write.row(*args, size=len(data or b""))
                    if condition is None
                    else self._database.change(self._write_if, *args, condition)
                )
            case Order(verb, path):
                return await self._database.change(
                    self._put, verb, session_id, path, depth_of(path), place_of(path),
                    place_of(parent_of(path)), *order[2:8],
                    limits.file_bytes, limits.session_entries, limits.session_bytes,
                )  # fmt: skip

    async def _all(self, session_id: UUID, orders: list[Order]) -> list[Any]:
        """The rows of several changes, up to one that is refused; then nothing was written."""
        if not orders:
            return []
        verbs, paths, *columns, destinations = map(list, zip(*orders, strict=True))
        return await self._database.change_all(
            self._apply, session_id, verbs, paths, [depth_of(path) for path in paths],
            [place_of(path) for path in paths], [place_of(parent_of(path)) for path in paths], *columns,
            destinations, [depth_of(path or "/") for path in destinations],
            self._limits.file_bytes, self._limits.session_entries, self._limits.session_bytes,
        )  # fmt: skip

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        prefix, low, high = span_of(path)
        rows = await self._database.rows(self._list, session_id, depth_of(path) + 1, low, high, prefix)
        return await infos(session_id, rows)

    @override
    async def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[FileInfo]:
        page = TreePage(path, depth, after, limit)
        return await self._trees.page(session_id, page)

    @override
    async def search(self, session_id: UUID, query: Query) -> list[GrepMatch]:
        return await self._searcher.grep(session_id, query, in_order=query.limit is not None)

    @override
    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        return await self._searcher.glob(session_id, pattern)

    @override
    async def usage(self, session_id: UUID) -> FileUsage:
        return FileUsage(*await self._database.row(self._usage, session_id))

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        await self._forks.fork(source, target, replaced)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[FileChange]:
        return await self._forks.differences(a, b, after, limit)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._ids.page(after, limit)

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        await self._database.change(self._limit, session_id, *(limits.of_files or (None, None)))

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._purge(session_id)


def _damaged_source(orders: list[Order], rows: list[Any]) -> str | None:
    """What is damaged of that which was to be copied, where that is why a change was refused."""
    if rows and rows[-1]["outcome"] == "damaged" and orders[len(rows) - 1].destination:
        return str(rows[-1]["fact"])
    return None


class PostgresFileSystemFactory(SessionFileSystemFactory):
    """Makes the file system of an open database."""

    def __init__(self, database: Database) -> None:
        """Files in this database."""
        self._database = database

    @override
    async def create_session_file_system(self, context: PluginContext) -> SessionFileSystem:
        return PostgresFileSystem(self._database, context.limits)
