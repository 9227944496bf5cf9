"""Session records in memory, ordered by age, and for each label by age, too."""

from __future__ import annotations

import bisect
import threading
from functools import partial
from itertools import islice
from sys import maxsize
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from everstore.backends.memory.ids import page_of
from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import SessionNotFoundError
from everstore.interfaces import SessionStore
from everstore.labels import age_of, shared_ages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from everstore.models import Session

__all__ = ["MemorySessions"]

_ID = (1 << 128) - 1


def _age(session: Session) -> tuple[int, int]:
    return session.created_ns, session.id.int


def _up_to(ages: list[int], age: int) -> int | None:
    """The largest of the ages that is not above one."""
    end = bisect.bisect_right(ages, age)
    return ages[end - 1] if end else None


class MemorySessions(SessionStore):
    """Session records in memory."""

    def __init__(self) -> None:
        """An empty one."""
        self._records: dict[int, Session] = {}
        self._ages: list[tuple[int, int]] = []  # sorted, oldest first: a page is a slice
        self._labelled: dict[tuple[str, str], list[int]] = {}  # as those, by name and text; none is empty
        self._lock = threading.Lock()

    @override
    async def add_session(self, session: Session) -> None:
        with self._lock:
            self._put(session)

    @override
    async def get_session(self, session_id: UUID) -> Session | None:
        return self._records.get(session_id.int)

    @override
    async def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        return self._update(session_id, title, labels)

    @override
    async def update_session_title(self, session_id: UUID, title: str) -> Session:
        return self._update(session_id, title, UNSET)  # the same, one coroutine less

    def _update(
        self, session_id: UUID, title: str | UnsetType | None, labels: Mapping[str, str] | UnsetType
    ) -> Session:
        with self._lock:
            record = self._records.get(session_id.int)
            if record is None:
                raise SessionNotFoundError.of(session_id)
            record = record.updated(now_ns(), title=title, labels=labels)
            if labels is UNSET:
                self._records[session_id.int] = record
            else:
                self._put(record)
            return record

    @override
    async def list_sessions(
        self, *, limit: int = 100, after: Session | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Session]:
        with self._lock:
            if labels:
                return [*islice(self._shared(labels, after), min(limit, maxsize))]
            end = len(self._ages) if after is None else bisect.bisect_left(self._ages, _age(after))
            page = self._ages[max(0, end - limit) : end]
            return [self._records[number] for _, number in reversed(page)]

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        with self._lock:
            record = self._records.pop(session_id.int, None)
            self._forget(record)
            return record is not None

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        with self._lock:
            return page_of(self._records, lambda _: True, after, limit)

    def _shared(self, labels: Mapping[str, str], after: Session | None) -> Iterator[Session]:
        lists = [partial(_up_to, self._labelled.get(label, [])) for label in labels.items()]
        below = None if after is None else age_of(*_age(after))
        return (self._records[age & _ID] for age in shared_ages(lists, below))

    def _put(self, record: Session) -> None:
        number = record.id.int
        self._forget(self._records.get(number))
        self._records[number] = record  # in one step, for whoever reads meanwhile
        bisect.insort(self._ages, (record.created_ns, number))
        if record.labels:
            for label in record.labels.items():
                bisect.insort(self._labelled.setdefault(label, []), age_of(record.created_ns, number))

    def _forget(self, record: Session | None) -> None:
        """Take a record out of every order."""
        if record is None:
            return
        age = _age(record)
        del self._ages[bisect.bisect_left(self._ages, age)]
        if record.labels:
            for label in record.labels.items():
                ages = self._labelled[label]
                del ages[bisect.bisect_left(ages, age_of(*age))]
                if not ages:
                    del self._labelled[label]
