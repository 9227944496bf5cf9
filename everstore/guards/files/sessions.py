"""A guard's backend and limits, and the verbs about all of a session's files."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from everstore.arguments import check_session_id, plain_count
from everstore.compat import override
from everstore.guards.checkpoints import require_forks
from everstore.guards.room import Room
from everstore.guards.whole import WholeGuard
from everstore.interfaces import OpenFileSystem
from everstore.paths import normalize_literal_path, normalize_path

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from uuid import UUID

    from everstore.changes import FileMutation
    from everstore.interfaces import SessionFileSystem
    from everstore.models import FileChange, FileUsage
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["SessionsGuard"]


class SessionsGuard(WholeGuard, OpenFileSystem):
    """What stands before the verbs about whole sessions."""

    _next: SessionFileSystem

    def __init__(
        self, backend: SessionFileSystem, limits: Limits | None = None, *, workspace_alias: bool = True
    ) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        most = None if limits is None else limits.file_bytes
        super().__init__(backend, limits, Room("file", most, backend.capabilities.max_file_bytes))
        self._normalize: Callable[[str], str] = normalize_path if workspace_alias else normalize_literal_path

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[T]]) -> list[T]:
        """No verb: what comes here from the verbs of the same object is checked already."""
        return await self._next.apply(session_id, changes)

    @override
    def usage(self, session_id: UUID) -> Answer[FileUsage]:
        check_session_id(session_id)
        return self._next.usage(session_id)

    @override
    def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> Answer[list[FileChange]]:
        check_session_id(a)
        check_session_id(b)
        if after is not None:
            after = self._normalize(after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        require_forks(self._next.capabilities)
        return self._next.diff_sessions(a, b, after=after, limit=limit)
