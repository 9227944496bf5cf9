"""A session's values taken over by another session, and how those of two differ."""

# ruff: noqa: S608 - made of constants

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.clock import now_ns
from everstore.errors import SessionNotEmptyError
from everstore.models import KeyInfo, ValueChange
from everstore_sqlite import own_limits
from everstore_sqlite.spaces import VALUES, require_sound

if TYPE_CHECKING:
    import sqlite3
    from uuid import UUID

    from everstore_sqlite.writer import Transaction

__all__ = ["differences", "fork"]

_ALIVE = "({0}.expires IS NULL OR {0}.expires > :now)"
_HOLDS = f"SELECT EXISTS (SELECT 1 FROM pairs p WHERE p.session = :empty AND {_ALIVE.format('p')})"
_MOVE = "UPDATE pairs SET session = :replaced WHERE session = :target"
# A version is one that was never given out: 63 random bits are.
_TAKE = f"""
    INSERT INTO pairs (session, key, version, created, updated, expires, value)
    SELECT :target, key, random() & 9223372036854775807, created, updated, expires, value
    FROM pairs p WHERE p.session = :source AND {_ALIVE.format("p")}
"""

_STAMPS = "{0}.version, {0}.created, {0}.updated, {0}.key, {0}.expires"
_A, _B = (
    f"{each}.session = :{each} AND {each}.key > :after AND {_ALIVE.format(each)}" for each in ("a", "b")
)
_DIFFERENCES = f"""
    SELECT a.key AS at, {_STAMPS.format("a")}, {_STAMPS.format("b")}
    FROM pairs a LEFT JOIN pairs b ON b.session = :b AND b.key = a.key AND {_ALIVE.format("b")}
    WHERE {_A} AND (b.key IS NULL OR a.value <> b.value OR a.expires IS NOT b.expires)
    UNION ALL
    SELECT b.key AS at, NULL, NULL, NULL, NULL, NULL, {_STAMPS.format("b")} FROM pairs b
    WHERE {_B} AND NOT EXISTS (
        SELECT 1 FROM pairs a WHERE a.session = :a AND a.key = b.key AND {_ALIVE.format("a")}
    )
    ORDER BY at LIMIT :limit
"""


def fork(transaction: Transaction, source: UUID, target: UUID, replaced: UUID | None) -> None:
    """``SessionStorageStore.fork_session``."""
    empty = target if replaced is None else replaced
    execute, arguments = transaction.execute, {"now": now_ns(), "empty": empty.bytes}
    if execute(_HOLDS, arguments).fetchone()[0]:
        raise SessionNotEmptyError.of(empty)
    execute(VALUES.purge, (empty.bytes,))  # what is past its time may be there still
    if replaced is not None:
        execute(_MOVE, {"replaced": replaced.bytes, "target": target.bytes})
    execute(_TAKE, {**arguments, "source": source.bytes, "target": target.bytes})
    if replaced is None:
        own_limits.take(transaction, own_limits.TEXTS, source, target)


def differences(
    connection: sqlite3.Connection, a: UUID, b: UUID, after: str | None, limit: int | None
) -> list[ValueChange]:
    """``SessionStorageStore.diff_sessions``: one statement, and so of one moment."""
    arguments = {"a": a.bytes, "b": b.bytes, "after": after or "", "now": now_ns()}
    rows = connection.execute(_DIFFERENCES, {**arguments, "limit": -1 if limit is None else limit}).fetchall()
    before, now = [row[1:6] for row in rows], [row[6:] for row in rows]
    for session_id, stamps in ((a, before), (b, now)):
        require_sound(connection, VALUES, session_id, [each for each in stamps if each[3] is not None])
    return [
        ValueChange.between(row[0], _info(one), _info(other))
        for row, one, other in zip(rows, before, now, strict=True)
    ]


def _info(stamps: tuple[Any, ...]) -> KeyInfo | None:
    return None if stamps[3] is None else KeyInfo(*stamps)
