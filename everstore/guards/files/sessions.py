"""A guard's backend and limits, and the verbs about all of a session's files."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from everstore.arguments import check_distinct, check_session_id, plain_count
from everstore.compat import override
from everstore.guards.checkpoints import require_forks
from everstore.guards.room import Room
from everstore.interfaces import OpenFileSystem
from everstore.paths import normalize_literal_path, normalize_path
from everstore.session_limits import plain_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from uuid import UUID

    from everstore.changes import FileMutation
    from everstore.interfaces import SessionFileSystem
    from everstore.models import FileChange, FileUsage
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["SessionsGuard"]


class SessionsGuard(OpenFileSystem):
    """What stands before the verbs about whole sessions."""

    def __init__(
        self, backend: SessionFileSystem, limits: Limits | None = None, *, workspace_alias: bool = True
    ) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        self._next = backend
        self._normalize: Callable[[str], str] = normalize_path if workspace_alias else normalize_literal_path
        self._store_limits = limits
        most = None if limits is None else limits.file_bytes
        self._room = Room("file", most, backend.capabilities.max_file_bytes)

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[T]]) -> list[T]:
        """No verb: what comes here from the verbs of the same object is checked already."""
        return await self._next.apply(session_id, changes)

    @override
    def usage(self, session_id: UUID) -> Answer[FileUsage]:
        check_session_id(session_id)
        return self._next.usage(session_id)

    @override
    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> Answer[list[UUID]]:
        limit = plain_count("limit", limit, 1)
        if after is not None:
            check_session_id(after)
        return self._next.session_ids(after=after, limit=limit)

    @override
    def limit_session(self, session_id: UUID, limits: SessionLimits) -> Answer[None]:
        check_session_id(session_id)
        return self._next.limit_session(session_id, plain_limits(limits, self._store_limits))

    @override
    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> Answer[None]:
        check_distinct(source, target, replaced)
        require_forks(self._next.capabilities)
        return self._next.fork_session(source, target, replaced=replaced)

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

    @override
    def purge_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.purge_session(session_id)
