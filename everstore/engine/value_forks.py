"""A session's values taken over by another session, and how those of two differ."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from everstore.clock import now_ns
from everstore.engine import own_limits
from everstore.engine.keys import LIMITS_OF_TEXTS, VALUES
from everstore.engine.space import Texts, clear
from everstore.errors import SessionNotEmptyError
from everstore.models import KeyInfo, ValueChange
from everstore.paging import KeyPage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction
    from everstore.engine.rows import Row
    from everstore.engine.writing import Writing

__all__ = ["differences", "fork"]


def fork(writing: Writing, engine: Engine, source: UUID, target: UUID, replaced: UUID | None) -> None:
    """``SessionStorageStore.fork_session``."""
    now = now_ns()
    taken, held = (Texts(writing, engine, VALUES, each) for each in (source, target))
    kept = held if replaced is None else Texts(writing, engine, VALUES, replaced)
    if next(kept.all(now), None) is not None:
        raise SessionNotEmptyError.of(target if replaced is None else replaced)
    clear(writing, kept.rows)  # what is past its time may be there still
    if replaced is None:
        own_limits.take(writing, LIMITS_OF_TEXTS, source, target)
    else:
        for key, row in [*held.all(now)]:
            kept.rows.put_row(key.encode(), held.rows.shared(key.encode(), row), None)
        clear(writing, held.rows)
    for key, row in [*taken.all(now)]:
        ours = replace(taken.rows.shared(key.encode(), row), version=writing.next_version())
        held.rows.put_row(key.encode(), ours, None)


def differences(
    transaction: Transaction, engine: Engine, a: UUID, b: UUID, after: str | None, limit: int | None
) -> list[ValueChange]:
    """``SessionStorageStore.diff_sessions``."""
    page, now = KeyPage.of("", after, None, reverse=False), now_ns()
    texts = [Texts(transaction, engine, VALUES, each) for each in (a, b)]
    before, after_it = (dict(each.all(now, page)) for each in texts)

    def differ(key: str, one: Row, other: Row) -> bool:
        ones, others = texts[0].rows, texts[1].rows
        return one.expires_ns != other.expires_ns or not ones.is_same(key.encode(), one, others, other)

    def found() -> Iterator[ValueChange]:
        for key in sorted(before.keys() | after_it.keys()):
            one, other = before.get(key), after_it.get(key)
            if one is None or other is None or differ(key, one, other):
                yield ValueChange.between(key, _info(key, one), _info(key, other))

    return [*islice(found(), limit)]


def _info(key: str, row: Row | None) -> KeyInfo | None:
    if row is None:
        return None
    return KeyInfo(row.version, row.created_ns, row.updated_ns, key, row.expires_ns)
