"""Files in PostgreSQL: one round trip a verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.content import content_bytes
from everstore.errors import PathExistsError
from everstore.interfaces import Capabilities, SessionFileSystem, SessionFileSystemFactory
from everstore.models import FileInfo, FileStat, SessionFile, root_of
from everstore.paths import parent_of, require_room
from everstore.search import Query
from everstore_postgres.damage import ENCODINGS, content_at
from everstore_postgres.outcomes import refusal, version_of
from everstore_postgres.places import depth_of, place_of, span_of
from everstore_postgres.purging import Purge, Rows
from everstore_postgres.search import Searcher, infos

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.context import PluginContext
    from everstore.models import Encoding, GrepMatch, InitialFile
    from everstore.settings import Limits
    from everstore_postgres.database import Database

__all__ = ["PostgresFileSystem", "PostgresFileSystemFactory"]

_DIRECTORY = b"d"
_TEXT_WITH_NUL = b"z"
_STAMPS = "version, created_ns, updated_ns, serial, size, is_readonly, kind"
_AT = "session_id = $1 AND depth = $2 AND place = $3"
_ROWS = Rows(
    table="files",
    columns="depth, place",
    size="size",
    after="(depth, place) > ($2, $3)",
    upto="(depth, place) <= ($4, $5)",
    starts=((-1, ""),),
    was="true",
    function="purge_files",
    lock="SELECT pg_advisory_xact_lock(uuid_hash_extended($1, 1))",
    last="DELETE FROM {schema}.usage WHERE session_id = $1",
)


def _kind(content: str, encoding: Encoding) -> bytes:
    if encoding == "base64":
        return b"b"
    return _TEXT_WITH_NUL if "\0" in content else b"t"


class PostgresFileSystem(SessionFileSystem):
    """A private tree of files for every session, in one partitioned table."""

    capabilities = Capabilities(durable=True, shared=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """Files in this database."""
        self._database = database
        self._limits = limits
        self._searcher = Searcher(database)
        sql = database.sql
        self._read = sql(f"SELECT {_STAMPS}, content FROM {{schema}}.files WHERE {_AT}")
        self._stat = sql(f"SELECT {_STAMPS} FROM {{schema}}.files WHERE {_AT}")
        self._list = sql(
            f"SELECT {_STAMPS}, coalesce(long_path, place) FROM {{schema}}.files"
            " WHERE session_id = $1 AND depth = $2 AND place >= $3 AND place < $4"
            " AND starts_with(coalesce(long_path, place), $5)"
        )
        self._put = sql(
            "SELECT * FROM {schema}.put_file("
            "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
        )
        self._create = sql("SELECT * FROM {schema}.create_directory($1, $2, $3, $4, $5, $6)")
        self._delete = sql("SELECT {schema}.delete_file($1, $2, $3, $4, $5)")
        self._transfer = sql("SELECT * FROM {schema}.transfer($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
        self._purge = Purge(database, _ROWS)

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        if path == "/":
            return root_of(session_id)
        row = await self._database.row(self._read, session_id, depth_of(path), place_of(path))
        if row is None:
            return None
        version, created_ns, updated_ns, serial, size, is_readonly, kind, data = row
        if kind == _DIRECTORY:
            return SessionFile(
                version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, content=None
            )
        encoding = ENCODINGS.get(kind)
        content = content_at(path, size, data, encoding)
        return SessionFile(
            version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, content,
            encoding or "text",
        )  # fmt: skip

    @override
    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        if path == "/":
            return root_of(session_id).stat()
        row = await self._database.row(self._stat, session_id, depth_of(path), place_of(path))
        if row is None:
            return None
        version, created_ns, updated_ns, serial, size, is_readonly, kind = row
        return FileStat(
            version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, kind == _DIRECTORY
        )

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
        condition = 0 if if_absent else version_of(if_revision)
        row = await self._put_file("write", session_id, path, content, encoding, condition=condition)
        if row["outcome"] != "done":
            raise refusal(row, path, self._limits, if_revision)
        return _stored(row, session_id, path, content, encoding)

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
        expected = content_bytes(expected_content, expected_encoding)
        other = _kind(expected_content, expected_encoding), expected
        row = await self._put_file("swap", session_id, path, content, encoding, other=other)
        if row["outcome"] == "different":
            return None
        if row["outcome"] != "done":
            raise refusal(row, path, self._limits)
        return _stored(row, session_id, path, content, encoding)

    @override
    async def seed_initial_file(self, session_id: UUID, file: InitialFile) -> SessionFile:
        row = await self._put_file(
            "seed", session_id, file.path, file.content, file.encoding, option=file.is_readonly
        )
        if row["outcome"] != "done":
            raise refusal(row, file.path, self._limits)
        return _stored(row, session_id, file.path, file.content, file.encoding, is_readonly=file.is_readonly)

    @override
    async def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> SessionFile:
        if "\0" not in old and "\0" not in new:
            row = await self._put_file(
                "edit", session_id, path, old, "text", option=replace_all, other=(b"t", new.encode())
            )
            if row["outcome"] == "done":
                return _stored(
                    row, session_id, path, content_at(path, row["size"], row["content"], "text"), "text"
                )
            if row["outcome"] != "NUL":
                raise refusal(row, path, self._limits)
        # No function of the server replaces a part of a text that holds a NUL.
        return await super().edit_file(session_id, path, old, new, replace_all=replace_all)

    @override
    async def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> SessionFile:
        row = await self._put_file("append", session_id, path, content, encoding)
        if row["outcome"] != "done":
            raise refusal(row, path, self._limits, appended=encoding)
        whole = content_at(path, row["size"], row["content"], encoding)
        return _stored(row, session_id, path, whole, encoding)

    async def _put_file(
        self,
        verb: str,
        session_id: UUID,
        path: str,
        content: str,
        encoding: Encoding,
        *,
        condition: int | None = None,
        option: bool = False,
        other: tuple[bytes | None, bytes | None] = (None, None),
    ) -> Any:
        limits = self._limits
        return await self._database.change(
            self._put, verb, session_id, path, depth_of(path), place_of(path), place_of(parent_of(path)),
            _kind(content, encoding),
            content_bytes(content, encoding), condition, option, *other,
            limits.file_bytes, limits.session_entries, limits.session_bytes,
        )  # fmt: skip

    @override
    async def create_directory(self, session_id: UUID, path: str) -> FileInfo:
        if path == "/":
            return root_of(session_id).info()
        row = await self._database.change(
            self._create, session_id, path, depth_of(path), place_of(path),
            self._limits.session_entries, self._limits.session_bytes,
        )  # fmt: skip
        if row["outcome"] == "exists":
            raise PathExistsError.at(path)
        if row["outcome"] != "done":
            raise refusal(row, path, self._limits)
        return FileInfo(
            row["version"], row["created_ns"], row["updated_ns"], session_id, path, row["serial"], 0,
            is_readonly=False, is_directory=True,
        )  # fmt: skip

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        prefix, low, high = span_of(path)
        rows = await self._database.rows(self._list, session_id, depth_of(path) + 1, low, high, prefix)
        return await infos(session_id, rows)

    @override
    async def delete_file(self, session_id: UUID, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        if path == "/":
            return False
        row = await self._database.change(
            self._delete, session_id, path, depth_of(path), place_of(path), recursive
        )
        return bool(row[0])

    @override
    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        return await self._moved(session_id, source, destination, overwrite=overwrite, is_move=False)

    @override
    async def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        return await self._moved(session_id, source, destination, overwrite=overwrite, is_move=True)

    async def _moved(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool, is_move: bool
    ) -> FileInfo:
        limits = self._limits
        row = await self._database.change(
            self._transfer, session_id, source, depth_of(source), destination, depth_of(destination),
            overwrite, is_move, limits.file_bytes, limits.session_entries, limits.session_bytes,
        )  # fmt: skip
        if row["outcome"] == "too long":
            require_room(source, destination, [row["fact"]])
        if row["outcome"] == "damaged":
            await self.read_file(session_id, row["fact"])  # tells what is wrong, unless it was mended
            return await self._moved(session_id, source, destination, overwrite=overwrite, is_move=is_move)
        if row["outcome"] != "done":
            raise refusal(row, source if row["outcome"] == "missing" else destination, self._limits)
        return FileInfo(
            row["version"], row["created_ns"], row["updated_ns"], session_id, destination, row["serial"],
            row["size"], is_readonly=False, is_directory=row["kind"] == _DIRECTORY,
        )  # fmt: skip

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
        return await self._searcher.grep(session_id, query, in_order=limit is not None)

    @override
    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        return await self._searcher.glob(session_id, pattern)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._purge(session_id)


def _stored(
    row: Any, session_id: UUID, path: str, content: str, encoding: Encoding, *, is_readonly: bool = False
) -> SessionFile:
    """The file that a call has just put in place."""
    return SessionFile(
        row["version"], row["created_ns"], row["updated_ns"], session_id, path, row["serial"], row["size"],
        is_readonly, content, encoding,
    )  # fmt: skip


class PostgresFileSystemFactory(SessionFileSystemFactory):
    """Makes the file system of an open database."""

    def __init__(self, database: Database) -> None:
        """Files in this database."""
        self._database = database

    @override
    async def create_session_file_system(self, context: PluginContext) -> SessionFileSystem:
        return PostgresFileSystem(self._database, context.limits)
