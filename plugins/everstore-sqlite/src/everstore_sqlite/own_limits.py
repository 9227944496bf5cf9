"""The limits that a session has beside the store's: kept with its data, read where it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import DataDamagedError

if TYPE_CHECKING:
    import sqlite3
    from uuid import UUID

    from everstore_sqlite.writer import Transaction

__all__ = ["FILES", "TEXTS", "forget", "is_limited", "keep", "look"]

FILES, TEXTS = "files", "values"
"""The parts of a session that have limits of their own."""

_Limits = tuple[int | None, int | None]

_PLACE = "session_limits WHERE session = ? AND part = ?"
_LOOK = f"SELECT most, bytes FROM {_PLACE}"  # noqa: S608 - a constant
_FORGET = f"DELETE FROM {_PLACE}"  # noqa: S608 - a constant
_KEEP = "REPLACE INTO session_limits (session, part, most, bytes) VALUES (?, ?, ?, ?)"


def look(transaction: Transaction, part: str, session_id: UUID) -> _Limits | None:
    """The most entries or keys, and the most bytes, that a part of a session may have; ``None`` without."""
    row = transaction.execute(_LOOK, (session_id.bytes, part)).fetchone()
    if row is None:
        return None
    most, size = row
    if all(each is None or (type(each) is int and each > 0) for each in row):
        return most, size
    raise DataDamagedError.found(session_id, "its limits are none")


def is_limited(connection: sqlite3.Connection, most: int, part: str, session_id: UUID) -> bool:
    """Whether a part of a session has limits of its own, damaged or not."""
    del most
    return connection.execute(_LOOK, (session_id.bytes, part)).fetchone() is not None


def keep(transaction: Transaction, part: str, session_id: UUID, limits: _Limits | None) -> None:
    """Keep limits of a part of a session in place of those it had; ``None`` keeps none."""
    if limits is None:
        forget(transaction, part, session_id)
    else:
        transaction.execute(_KEEP, (session_id.bytes, part, *limits))


def forget(transaction: Transaction, part: str, session_id: UUID) -> None:
    """Keep no limits of a part of a session any more."""
    transaction.execute(_FORGET, (session_id.bytes, part))
