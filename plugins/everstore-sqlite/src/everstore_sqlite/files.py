"""The file system's verbs."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from everstore import Capabilities, SessionFileSystem
from everstore.compat import override
from everstore.search import Query, compile_glob
from everstore_sqlite import rows, search
from everstore_sqlite.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from uuid import UUID

    from everstore import FileInfo, FileStat, GrepMatch, InitialFile, SessionFile
    from everstore.models import Encoding
    from everstore.settings import Limits
    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteFileSystem"]


T = TypeVar("T")


class SqliteFileSystem(SessionFileSystem):
    """Files in a database."""

    capabilities = Capabilities(durable=True, shared=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """A view on ``database``, which somebody else closes."""
        self._database = database
        self._limits = limits

    def _change(
        self, session_id: UUID, verb: Callable[..., T], *arguments: Any, **options: Any
    ) -> Coroutine[Any, Any, T]:
        """What a verb of ``Tree`` answers, once it is committed."""
        return self._database.write(_in_tree, verb, session_id, self._limits, arguments, options)

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        return await self._database.look(rows.read_file, session_id, path)

    @override
    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        return await self._database.look(rows.stat_file, session_id, path)

    @override
    async def write_file(
        self,
        session_id: UUID,
        path: str,
        content: str,
        encoding: Encoding = "text",
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> SessionFile:
        return await self._change(
            session_id, Tree.write, path, content, encoding, if_revision=if_revision, if_absent=if_absent
        )

    @override
    async def write_file_if_content_matches(
        self,
        session_id: UUID,
        path: str,
        expected_content: str,
        expected_encoding: Encoding,
        content: str,
        encoding: Encoding,
    ) -> SessionFile | None:
        expected = (expected_content, expected_encoding)
        return await self._change(session_id, Tree.write_if_matches, path, expected, content, encoding)

    @override
    async def seed_initial_file(self, session_id: UUID, file: InitialFile) -> SessionFile:
        return await self._change(session_id, Tree.seed, file)

    @override
    async def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> SessionFile:
        return await self._change(session_id, Tree.edit, path, old, new, replace_all=replace_all)

    @override
    async def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> SessionFile:
        return await self._change(session_id, Tree.append, path, content, encoding)

    @override
    async def create_directory(self, session_id: UUID, path: str) -> FileInfo:
        return await self._change(session_id, Tree.create_directory, path)

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        return await self._database.read(rows.list_directory, session_id, path)

    @override
    async def delete_file(self, session_id: UUID, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the interface's
        return await self._change(session_id, Tree.delete, path, recursive=recursive)

    @override
    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        return await self._change(session_id, Tree.copy, source, destination, overwrite=overwrite)

    @override
    async def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        return await self._change(session_id, Tree.move, source, destination, overwrite=overwrite)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._change(session_id, Tree.purge)

    @override
    async def grep_files(
        self,
        session_id: UUID,
        pattern: str,
        path_pattern: str | None = None,
        *,
        regex: bool = False,
        ignore_case: bool = False,
        before: int = 0,
        after: int = 0,
        limit: int | None = None,
    ) -> list[GrepMatch]:
        query = Query(
            pattern,
            path_pattern,
            regex=regex,
            ignore_case=ignore_case,
            before=before,
            after=after,
            limit=limit,
        )
        grep = partial(search.grep, indexed=self._database.has_index)
        return await self._search(grep, session_id, query)

    @override
    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        return await self._search(search.glob, session_id, compile_glob(pattern))

    async def _search(self, work: Callable[..., list[Any]], *arguments: object) -> list[Any]:
        unwanted = threading.Event()
        try:
            return await self._database.search(work, unwanted, *arguments)
        finally:
            unwanted.set()  # a search that nobody waits for any more stops


def _in_tree(
    transaction: Transaction,
    verb: Callable[..., T],
    session_id: UUID,
    limits: Limits,
    arguments: tuple[object, ...],
    options: dict[str, object],
) -> T:
    return verb(Tree(transaction, session_id, limits), *arguments, **options)
