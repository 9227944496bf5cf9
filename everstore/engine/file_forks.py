"""Forks of a session's files, and how those of two sessions differ; each within one transaction."""

from __future__ import annotations

from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from msgspec.structs import replace

from everstore.engine import own_limits
from everstore.engine.entries import Entries
from everstore.engine.keys import LIMITS_OF_FILES, usage_key
from everstore.engine.rows import DIRECTORY, READONLY, TEXT
from everstore.errors import SessionNotEmptyError
from everstore.models import FileChange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction
    from everstore.engine.rows import Row, Rows
    from everstore.engine.writing import Writing

__all__ = ["differences", "fork"]

_TOLD = DIRECTORY | TEXT | READONLY


def fork(writing: Writing, engine: Engine, source: UUID, target: UUID, replaced: UUID | None) -> None:
    """``SessionFileSystem.fork_session``: a row an entry, and no content.

    What is replaced is a fork, too, which is all that is left of it then.
    """
    taken, place = Entries(writing, engine, source), Entries(writing, engine, target)
    if replaced is None:
        _take(writing, taken, place)
        own_limits.take(writing, LIMITS_OF_FILES, source, target)
        return
    _take(writing, place, Entries(writing, engine, replaced))
    place.rows.clear()
    _take(writing, taken, place)


def _take(writing: Writing, taken: Entries, place: Entries) -> None:
    if next(place.rows.kept(), None) is not None:
        raise SessionNotEmptyError.of(place.session_id)
    for name, row in list(taken.rows.beginning()):
        shared = taken.rows.shared(name, row)
        place.rows.put_row(name, replace(shared, version=writing.next_version()), None)
    writing.delete(usage_key(place.session_id))


def differences(
    transaction: Transaction,
    engine: Engine,
    unwanted: Event,
    a: UUID,
    b: UUID,
    after: str | None,
    limit: int | None,
) -> list[FileChange]:
    """``SessionFileSystem.diff_sessions``: all rows of both are looked at, and contents by their digests."""
    ones, others = Entries(transaction, engine, a), Entries(transaction, engine, b)
    changes: list[FileChange] = []
    for name, one, other in _pairs(ones, others):
        if unwanted.is_set():
            break
        if one is None or other is None or not _is_same(ones.rows, name, one, others.rows, other):
            path = ones.rows.spelled(name)
            if after is None or path > after:
                before = None if one is None else ones.info(path, one)
                then = None if other is None else others.info(path, other)
                changes.append(FileChange.between(path, before, then))
    changes.sort(key=attrgetter("path"))
    return changes[:limit]


def _is_same(ones: Rows, name: bytes, one: Row, others: Rows, other: Row) -> bool:
    return one.flags & _TOLD == other.flags & _TOLD and ones.is_same(name, one, others, other)


def _pairs(ones: Entries, others: Entries) -> Iterator[tuple[bytes, Row | None, Row | None]]:
    """The rows of both by their names, in the order of these."""
    sides = (_on(side, entries) for side, entries in enumerate((ones, others)))
    for name, found in groupby(merge(*sides, key=itemgetter(0, 1)), itemgetter(0)):
        rows = {side: row for _, side, row in found}
        yield name, rows.get(0), rows.get(1)


def _on(side: int, entries: Entries) -> Iterator[tuple[bytes, int, Row]]:
    return ((name, side, row) for name, row in entries.rows.beginning())
