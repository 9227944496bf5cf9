"""Session records in memory, ordered by age, and for each label by age, too.

A checkpoint has its place in orders of its session, and in none that sessions are listed by.
"""

from __future__ import annotations

import bisect
import threading
from functools import partial
from itertools import islice
from sys import maxsize
from typing import TYPE_CHECKING, TypeVar

from msgspec import UNSET, UnsetType

from everstore.backends.memory.ids import page_of
from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import SessionNotFoundError
from everstore.ids import is_checkpoint
from everstore.interfaces import Capabilities, SessionStore
from everstore.labels import age_of, shared_ages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from uuid import UUID

    from everstore.models import Session

__all__ = ["MemorySessions"]

K = TypeVar("K")
A = TypeVar("A", int, tuple[int, int])

_ID = (1 << 128) - 1


def _age(session: Session) -> tuple[int, int]:
    return session.created_ns, session.id.int


def _shelf(record: Session) -> int | None:
    """Whose checkpoint it is, a number that no id has where it is nobody's; ``None`` of a session."""
    if not is_checkpoint(record.id):
        return None
    return -1 if record.parent is None else record.parent.int


def _up_to(ages: list[int], age: int) -> int | None:
    """The largest of the ages that is not above one."""
    end = bisect.bisect_right(ages, age)
    return ages[end - 1] if end else None


class MemorySessions(SessionStore):
    """Session records in memory."""

    capabilities = Capabilities(forks=True)

    def __init__(self) -> None:
        """An empty one."""
        self._records: dict[int, Session] = {}
        # Those of sessions under None, those of checkpoints under their session; sorted, oldest first: a page
        # is a slice. None is empty.
        self._ages: dict[int | None, list[tuple[int, int]]] = {}
        self._labelled: dict[tuple[int | None, str, str], list[int]] = {}  # as those, by name and text, too
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
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Session]:
        shelf = None if checkpoints_of is None else checkpoints_of.int
        with self._lock:
            if labels:
                return [*islice(self._shared(shelf, labels, after), min(limit, maxsize))]
            ages = self._ages.get(shelf, [])
            end = len(ages) if after is None else bisect.bisect_left(ages, _age(after))
            page = ages[max(0, end - limit) : end]
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

    def _shared(
        self, shelf: int | None, labels: Mapping[str, str], after: Session | None
    ) -> Iterator[Session]:
        lists = [partial(_up_to, self._labelled.get((shelf, *label), [])) for label in labels.items()]
        below = None if after is None else age_of(*_age(after))
        return (self._records[age & _ID] for age in shared_ages(lists, below))

    def _put(self, record: Session) -> None:
        number, shelf = record.id.int, _shelf(record)
        self._forget(self._records.get(number))
        self._records[number] = record  # in one step, for whoever reads meanwhile
        ages = self._ages.get(shelf)
        if ages is None:
            ages = self._ages[shelf] = []
        bisect.insort(ages, (record.created_ns, number))
        if record.labels:
            for label in record.labels.items():
                labelled = self._labelled.setdefault((shelf, *label), [])
                bisect.insort(labelled, age_of(record.created_ns, number))

    def _forget(self, record: Session | None) -> None:
        """Take a record out of every order."""
        if record is None:
            return
        shelf, age = _shelf(record), _age(record)
        _take(self._ages, shelf, age)
        if record.labels:
            for label in record.labels.items():
                _take(self._labelled, (shelf, *label), age_of(*age))


def _take(orders: dict[K, list[A]], key: K, age: A) -> None:
    """Take an age out of one of several orders."""
    ages = orders[key]
    del ages[bisect.bisect_left(ages, age)]
    if not ages:
        del orders[key]
