"""The file system's verbs."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from everstore import Capabilities, SessionFileSystem
from everstore.compat import override
from everstore.rules import answered_together, apply_to_tree
from everstore.search import compile_glob
from everstore.trees import TreePage
from everstore_sqlite import differing, forking, own_limits, rows, search
from everstore_sqlite.ids import FILES, page_of
from everstore_sqlite.tree import SqliteTree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from everstore import FileChange, FileInfo, FileStat, GrepMatch, SessionFile
    from everstore.changes import FileMutation
    from everstore.models import FileUsage
    from everstore.search import Query
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits
    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteFileSystem"]


T = TypeVar("T")


class SqliteFileSystem(SessionFileSystem):
    """Files in a database."""

    capabilities = Capabilities(durable=True, shared=True, forks=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """A view on ``database``, which somebody else closes."""
        self._database = database
        self._limits = limits

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[T]]) -> list[T]:
        return await self._database.write(_apply, session_id, self._limits, changes)

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        return await self._database.look(rows.read_file, session_id, path)

    @override
    async def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        return await self._database.look(rows.read_bytes, session_id, path, start, length)

    @override
    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        return await self._database.look(rows.stat_file, session_id, path)

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        return await self._database.read(rows.list_directory, session_id, path)

    @override
    async def usage(self, session_id: UUID) -> FileUsage:
        return await self._database.read(rows.usage, session_id)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._database.read(page_of, FILES, after, limit)

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
        return await self._search(rows.list_tree, session_id, page)

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        await self._database.limit_session(own_limits.FILES, session_id, limits.of_files)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._database.write(_purge, session_id, self._limits)

    @override
    async def search(self, session_id: UUID, query: Query) -> list[GrepMatch]:
        grep = partial(search.grep, indexed=self._database.has_index)
        return await self._search(grep, session_id, query)

    @override
    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        return await self._search(search.glob, session_id, compile_glob(pattern))

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        await self._database.write(forking.fork, source, target, replaced)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[FileChange]:
        return await self._search(differing.differences, a, b, after, limit)

    async def _search(self, work: Callable[..., list[Any]], *arguments: object) -> list[Any]:
        unwanted = threading.Event()
        try:
            return await self._database.search(work, unwanted, *arguments)
        finally:
            unwanted.set()  # a search that nobody waits for any more stops


def _apply(
    transaction: Transaction, session_id: UUID, limits: Limits, changes: Sequence[FileMutation[T]]
) -> list[T]:
    return answered_together(partial(apply_to_tree, SqliteTree(transaction, session_id, limits)), changes)


def _purge(transaction: Transaction, session_id: UUID, limits: Limits) -> bool:
    return SqliteTree(transaction, session_id, limits).purge()
