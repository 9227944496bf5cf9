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
    from collections.abc import Iterable, Iterator, Mapping
    from uuid import UUID

    from everstore.models import Session

__all__ = ["MemorySessions"]

_Ages = list[int]  # sorted, oldest first: a page is a slice
_ID = (1 << 128) - 1


def _age(session: Session) -> int:
    return age_of(session.created_ns, session.id.int)


def _up_to(ages: _Ages, age: int) -> int | None:
    """The largest of the ages that is not above one."""
    end = bisect.bisect_right(ages, age)
    return ages[end - 1] if end else None


class MemorySessions(SessionStore):
    """Session records in memory."""

    def __init__(self) -> None:
        """An empty one."""
        self._records: dict[int, Session] = {}
        self._ages: _Ages = []
        self._labelled: dict[tuple[str, str], _Ages] = {}  # by name and text, none of them empty
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
            below = None if after is None else _age(after)
            page = self._shared(labels, below) if labels else self._newest(limit, below)
            return [self._records[age & _ID] for age in islice(page, min(limit, maxsize))]

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

    def _newest(self, limit: int, below: int | None) -> Iterable[int]:
        end = len(self._ages) if below is None else bisect.bisect_left(self._ages, below)
        return reversed(self._ages[max(0, end - limit) : end])

    def _shared(self, labels: Mapping[str, str], below: int | None) -> Iterator[int]:
        lists = [self._labelled.get(label, []) for label in labels.items()]
        return shared_ages([partial(_up_to, ages) for ages in lists], below)

    def _put(self, record: Session) -> None:
        self._forget(self._records.get(record.id.int))
        self._records[record.id.int] = record  # in one step, for whoever reads meanwhile
        age = _age(record)
        bisect.insort(self._ages, age)
        for label in record.labels.items():
            bisect.insort(self._labelled.setdefault(label, []), age)

    def _forget(self, record: Session | None) -> None:
        """Take a record out of every order."""
        if record is None:
            return
        age = _age(record)
        del self._ages[bisect.bisect_left(self._ages, age)]
        for label in record.labels.items():
            ages = self._labelled[label]
            del ages[bisect.bisect_left(ages, age)]
            if not ages:
                del self._labelled[label]
