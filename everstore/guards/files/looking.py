"""What stands before the verbs that change nothing."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from everstore.arguments import (
    check_flag,
    check_session_id,
    plain_context,
    plain_count,
    plain_offset,
    plain_pattern,
    plain_start,
    refuse_session_id,
)
from everstore.compat import override
from everstore.globs import LiteralPattern
from everstore.guards.files.sessions import SessionsGuard
from everstore.guards.strict import list_strictly, read_strictly
from everstore.paths import normalize_path

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from everstore.models import FileInfo, FileLines, FileStat, GrepMatch

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["LookingGuard"]


class LookingGuard(SessionsGuard):
    """What stands before the verbs that change nothing."""

    def _glob(self, pattern: str, what: str) -> str:
        plain = plain_pattern(pattern, what)
        return plain if self._normalize is normalize_path else LiteralPattern(plain)

    @override
    def read_file(self, session_id: UUID, path: str, strict: bool = False) -> Answer[Any]:  # noqa: FBT001, FBT002 - a keyword only takes a twentieth of a read
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        if strict is False:
            return self._next.read_file(session_id, self._normalize(path))
        check_flag("strict", strict)
        return read_strictly(self._next, session_id, self._normalize(path))

    @override
    def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> Answer[bytes | None]:
        check_session_id(session_id)
        start = plain_offset("start", start)
        if length is not None:
            length = plain_count("length", length, 0)
        return self._next.read_bytes(session_id, self._normalize(path), start, length)

    @override
    def list_directory(
        self, session_id: UUID, path: str = "/", *, strict: bool = False
    ) -> Answer[list[FileInfo]]:
        check_session_id(session_id)
        if strict is False:
            return self._next.list_directory(session_id, self._normalize(path))
        check_flag("strict", strict)
        return list_strictly(self._next, session_id, self._normalize(path))

    @override
    def stat_file(self, session_id: UUID, path: str) -> Answer[FileStat | None]:
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        return self._next.stat_file(session_id, self._normalize(path))

    @override
    def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Answer[list[FileInfo]]:
        check_session_id(session_id)
        path = self._normalize(path)
        if depth is not None:
            depth = plain_count("depth", depth, 1)
        if after is not None:
            after = self._normalize(after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        return self._next.list_tree(session_id, path, depth=depth, after=after, limit=limit)

    @override
    def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> Answer[FileLines | None]:
        check_session_id(session_id)
        start = plain_start(start)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        return self._next.read_lines(session_id, self._normalize(path), start, limit)

    @override
    def grep_files(
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
    ) -> Answer[list[GrepMatch]]:
        check_session_id(session_id)
        pattern = plain_pattern(pattern, "a search pattern", nul=True)
        if path_pattern is not None:
            path_pattern = self._glob(path_pattern, "path_pattern")
        if regex is not False:
            check_flag("regex", regex)
        if ignore_case is not False:
            check_flag("ignore_case", ignore_case)
        if type(before) is not int or before:
            before = plain_context("before", before)
        if type(after) is not int or after:
            after = plain_context("after", after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        return self._next.grep_files(
            session_id,
            pattern,
            path_pattern,
            regex=regex,
            ignore_case=ignore_case,
            before=before,
            after=after,
            limit=limit,
        )

    @override
    def glob_files(self, session_id: UUID, pattern: str) -> Answer[list[FileInfo]]:
        check_session_id(session_id)
        return self._next.glob_files(session_id, self._glob(pattern, "a glob"))
