"""What stands before a store of session records."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import UNSET, UnsetType

from everstore.arguments import (
    check_session_id,
    plain_count,
    plain_labels,
    plain_session,
    plain_title,
)
from everstore.compat import override
from everstore.errors import InvalidArgumentError
from everstore.guards.checkpoints import require_forks
from everstore.guards.whole import ListedGuard
from everstore.interfaces import SessionStore
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from uuid import UUID

    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["SessionStoreGuard"]


class SessionStoreGuard(ListedGuard, SessionStore):
    """What stands before a store of session records."""

    _next: SessionStore

    def __init__(self, backend: SessionStore, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it."""
        del limits
        super().__init__(backend)

    @override
    def add_session(self, session: Session) -> Answer[None]:
        return self._next.add_session(plain_session(session))

    @override
    def get_session(self, session_id: UUID) -> Answer[Session | None]:
        check_session_id(session_id)
        return self._next.get_session(session_id)

    @override
    def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Answer[Session]:
        check_session_id(session_id)
        if title is UNSET and labels is UNSET:
            raise InvalidArgumentError("update_session changes nothing; give it title=, labels= or both")
        if title is not UNSET and title is not None:
            title = plain_title(title)
        if labels is not UNSET:
            labels = plain_labels(labels)
        return self._next.update_session(session_id, title=title, labels=labels)

    @override
    def update_session_title(self, session_id: UUID, title: str) -> Answer[Session]:
        check_session_id(session_id)
        return self._next.update_session_title(session_id, plain_title(title))

    @override
    def list_sessions(
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> Answer[list[Session]]:
        limit = plain_count("limit", limit, 1)
        if after is not None:
            if not isinstance(after, Session):
                raise InvalidArgumentError("after is the last record (Session) of the page before")
            after = plain_session(after)
        wanted = None if labels is None else plain_labels(labels)
        if checkpoints_of is not None:
            check_session_id(checkpoints_of)
            require_forks(self._next.capabilities)
            wanted = wanted or None
            return self._next.list_sessions(
                limit=limit, after=after, labels=wanted, checkpoints_of=checkpoints_of
            )
        if not wanted:
            return self._next.list_sessions(limit=limit, after=after)
        return self._next.list_sessions(limit=limit, after=after, labels=wanted)

    @override
    def delete_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.delete_session(session_id)
