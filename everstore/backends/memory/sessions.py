"""Session records in memory, ordered by age."""

from __future__ import annotations

import bisect
import threading
from typing import TYPE_CHECKING

from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import SessionNotFoundError
from everstore.interfaces import SessionStore

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import Session

__all__ = ["MemorySessions"]


def _age(session: Session) -> tuple[int, int]:
    return session.created_ns, session.id.int


class MemorySessions(SessionStore):
    """Session records in memory."""

    def __init__(self) -> None:
        """An empty one."""
        self._records: dict[int, Session] = {}
        self._ages: list[tuple[int, int]] = []  # sorted, oldest first: a page is a slice
        self._lock = threading.Lock()

    @override
    async def add_session(self, session: Session) -> None:
        with self._lock:
            self._forget_age(self._records.get(session.id.int))
            self._records[session.id.int] = session  # in one step, for whoever reads meanwhile
            bisect.insort(self._ages, _age(session))

    @override
    async def get_session(self, session_id: UUID) -> Session | None:
        return self._records.get(session_id.int)

    @override
    async def update_session_title(self, session_id: UUID, title: str) -> Session:
        with self._lock:
            record = self._records.get(session_id.int)
            if record is None:
                raise SessionNotFoundError.of(session_id)
            record = self._records[session_id.int] = record.retitled(title, now_ns())
            return record

    @override
    async def list_sessions(self, *, limit: int = 100, after: Session | None = None) -> list[Session]:
        with self._lock:
            end = len(self._ages) if after is None else bisect.bisect_left(self._ages, _age(after))
            page = self._ages[max(0, end - limit) : end]
            return [self._records[number] for _, number in reversed(page)]

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        with self._lock:
            record = self._records.pop(session_id.int, None)
            self._forget_age(record)
            return record is not None

    def _forget_age(self, record: Session | None) -> None:
        if record is not None:
            del self._ages[bisect.bisect_left(self._ages, _age(record))]
