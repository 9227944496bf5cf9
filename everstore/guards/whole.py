"""What guards of several roles have in common: what is behind them, and the verbs about whole sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from everstore.arguments import check_distinct, check_session_id, plain_count
from everstore.guards.checkpoints import require_forks
from everstore.session_limits import plain_limits

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from everstore.guards.room import Room
    from everstore.interfaces import SessionFileSystem, SessionStorageStore, SessionStore
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["ListedGuard", "WholeGuard"]


class ListedGuard:
    """What stands before the verb of every role that lists the ids of sessions."""

    _next: Any  # each role says of which interface

    def __init__(self, backend: SessionFileSystem | SessionStorageStore | SessionStore) -> None:
        self._next = backend

    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> Answer[list[UUID]]:
        limit = plain_count("limit", limit, 1)
        if after is not None:
            check_session_id(after)
        listing: Answer[list[UUID]] = self._next.session_ids(after=after, limit=limit)
        return listing


class WholeGuard(ListedGuard):
    """What stands before the verbs about all that a role keeps of a session."""

    def __init__(
        self, backend: SessionFileSystem | SessionStorageStore, limits: Limits | None, room: Room
    ) -> None:
        super().__init__(backend)
        self._store_limits = limits
        self._room = room

    def limit_session(self, session_id: UUID, limits: SessionLimits) -> Answer[None]:
        check_session_id(session_id)
        limiting: Answer[None] = self._next.limit_session(
            session_id, plain_limits(limits, self._store_limits)
        )
        return limiting

    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> Answer[None]:
        check_distinct(source, target, replaced)
        require_forks(self._next.capabilities)
        forking: Answer[None] = self._next.fork_session(source, target, replaced=replaced)
        return forking

    def purge_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        purging: Answer[bool] = self._next.purge_session(session_id)
        return purging
