"""What sessions hold, and which hold anything, each within one transaction."""

from __future__ import annotations

import heapq
from itertools import groupby, islice
from typing import TYPE_CHECKING

from everstore.clock import now_ns
from everstore.engine.entries import Entries
from everstore.engine.keys import ENTRIES, RECORDS, SECRETS, VALUES, above, range_of, split_key
from everstore.engine.rows import DIRECTORY, row_of
from everstore.engine.space import Texts, is_alive
from everstore.models import FileUsage, StorageUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction

__all__ = ["ids_of_files", "ids_of_records", "ids_of_texts", "usage_of_files", "usage_of_texts"]


def usage_of_files(transaction: Transaction, engine: Engine, session_id: UUID) -> FileUsage:
    """``SessionFileSystem.usage``."""
    rows = [row for _, row in Entries(transaction, engine, session_id).rows.beginning()]
    directories = sum(row.flags & DIRECTORY != 0 for row in rows)
    last_write_ns = max((row.updated_ns for row in rows), default=None)
    return FileUsage(len(rows) - directories, directories, sum(row.size for row in rows), last_write_ns)


def usage_of_texts(transaction: Transaction, engine: Engine, session_id: UUID) -> StorageUsage:
    """``SessionStorageStore.usage``."""
    now = now_ns()
    values, secrets = (
        [row.updated_ns for _, row in Texts(transaction, engine, kind, session_id).all(now)]
        for kind in (VALUES, SECRETS)
    )
    return StorageUsage(len(values), len(secrets), max((*values, *secrets), default=None))


def ids_of_files(transaction: Transaction, engine: Engine, after: UUID | None, limit: int) -> list[UUID]:
    """``SessionFileSystem.session_ids``."""
    del engine
    return _page(limit, _sessions(transaction, ENTRIES, after, lambda _: True))


def ids_of_texts(transaction: Transaction, engine: Engine, after: UUID | None, limit: int) -> list[UUID]:
    """``SessionStorageStore.session_ids``."""
    del engine
    now = now_ns()

    def holds(data: bytes) -> bool:
        row = row_of(data)
        return row is None or is_alive(row, now)  # what is damaged is there

    return _page(limit, *(_sessions(transaction, kind, after, holds) for kind in (VALUES, SECRETS)))


def ids_of_records(transaction: Transaction, engine: Engine, after: UUID | None, limit: int) -> list[UUID]:
    """``SessionStore.session_ids``."""
    del engine
    return _page(limit, _sessions(transaction, RECORDS, after, lambda _: True))


def _sessions(
    transaction: Transaction, kind: bytes, after: UUID | None, holds: Callable[[bytes], bool]
) -> Iterator[UUID]:
    """The sessions behind ``after`` that have a row of a kind that counts; the other rows are skipped."""
    low, high = range_of(kind)
    if after is not None:
        low = above(kind + after.bytes)
    while (key := next((key for key, data in transaction.scan(low, high) if holds(data)), None)) is not None:
        _, session_id, _ = split_key(key)
        yield session_id
        low = above(kind + session_id.bytes)


def _page(limit: int, *ascending: Iterable[UUID]) -> list[UUID]:
    """The first of several, each once."""
    return [session_id for session_id, _ in islice(groupby(heapq.merge(*ascending)), limit)]
