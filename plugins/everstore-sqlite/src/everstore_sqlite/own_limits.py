"""The limits that a session has beside the store's: kept with its data, read where it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import DataDamagedError

if TYPE_CHECKING:
    import sqlite3
    from uuid import UUID

    from everstore_sqlite.writer import Transaction

__all__ = ["FILES", "TEXTS", "OwnLimits", "forget", "is_limited", "keep", "take"]

FILES, TEXTS = "files", "values"
"""The parts of a session that have limits of their own."""

_Limits = tuple[int | None, int | None]

_PLACE = "session_limits WHERE session = ? AND part = ?"
_LOOK = f"SELECT most, bytes FROM {_PLACE}"  # noqa: S608 - a constant
_FORGET = f"DELETE FROM {_PLACE}"  # noqa: S608 - a constant
_ANY = "SELECT 1 FROM session_limits LIMIT 1"
_TAKE = """
    INSERT OR IGNORE INTO session_limits (session, part, most, bytes)
    SELECT ?, part, most, bytes FROM session_limits WHERE session = ? AND part = ?
"""
_KEEP = "REPLACE INTO session_limits (session, part, most, bytes) VALUES (?, ?, ?, ?)"


class OwnLimits:
    """What a transaction knows of them. Where no session has any, that costs one look a transaction."""

    __slots__ = ("_execute", "_has_any", "_known")

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Nothing looked at yet."""
        self._execute = connection.execute
        self.forget()

    def forget(self) -> None:
        """Look anew: some were changed, or a change of some was undone."""
        self._has_any: bool | None = None
        self._known: dict[tuple[UUID, str], _Limits | None] = {}

    def look(self, part: str, session_id: UUID) -> _Limits | None:
        """The most entries or keys, and the most bytes, that a part of a session may have, or ``None``."""
        if self._has_any is None:
            self._has_any = self._execute(_ANY).fetchone() is not None
        if not self._has_any:
            return None
        place = session_id, part
        if place not in self._known:
            self._known[place] = self._found(session_id, part)
        return self._known[place]

    def _found(self, session_id: UUID, part: str) -> _Limits | None:
        row = self._execute(_LOOK, (session_id.bytes, part)).fetchone()
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
        transaction.own_limits.forget()


def take(transaction: Transaction, part: str, source: UUID, target: UUID) -> None:
    """Have a part of a session limited as that of another is, unless it has limits of its own."""
    transaction.execute(_TAKE, (target.bytes, source.bytes, part))
    transaction.own_limits.forget()


def forget(transaction: Transaction, part: str, session_id: UUID) -> None:
    """Keep no limits of a part of a session any more."""
    transaction.execute(_FORGET, (session_id.bytes, part))
    transaction.own_limits.forget()
