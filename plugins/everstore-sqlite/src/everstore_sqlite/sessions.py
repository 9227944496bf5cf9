"""The records of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from everstore import Capabilities, Session, SessionStore
from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import DataDamagedError, SessionNotFoundError
from everstore_sqlite.failures import damaged_file

if TYPE_CHECKING:
    import sqlite3

    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteSessionStore", "session_of"]

_ID_BYTES = 16

_PUT = """
    INSERT INTO sessions (id, title, created, updated) VALUES (?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE
        SET title = excluded.title, created = excluded.created, updated = excluded.updated
"""
_GET = "SELECT title, created, updated FROM sessions WHERE id = ?"
_PAGE = "SELECT id, title, created, updated FROM sessions {} ORDER BY created DESC, id DESC LIMIT ?"
_FIRST_PAGE = _PAGE.format("")
_NEXT_PAGE = _PAGE.format("WHERE (created, id) < (?, ?)")


class SqliteSessionStore(SessionStore):
    """Session records in a database."""

    capabilities = Capabilities(durable=True, shared=True)

    def __init__(self, database: Database) -> None:
        """A view on ``database``, which somebody else closes."""
        self._database = database

    @override
    async def add_session(self, session: Session) -> None:
        await self._database.write(_put, session)

    @override
    async def get_session(self, session_id: UUID) -> Session | None:
        return await self._database.look(_look, session_id)

    @override
    async def update_session_title(self, session_id: UUID, title: str) -> Session:
        return await self._database.write(_retitle, session_id, title)

    @override
    async def list_sessions(self, *, limit: int = 100, after: Session | None = None) -> list[Session]:
        return await self._database.read(_list, limit, after)

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        return await self._database.write(_delete, session_id)


def _put(transaction: Transaction, session: Session) -> None:
    transaction.execute(_PUT, (session.id.bytes, session.title, session.created_ns, session.updated_ns))


def _get(connection: sqlite3.Connection, session_id: UUID) -> Session | None:
    row = connection.execute(_GET, (session_id.bytes,)).fetchone()
    return None if row is None else _record(session_id, *row)


def session_of(key: object) -> UUID:
    """The session that a row belongs to; ``DataDamagedError`` when it cannot be told."""
    if type(key) is not bytes or len(key) != _ID_BYTES:
        raise damaged_file("it holds a session whose id is none")
    return UUID(bytes=key)


def _record(session_id: UUID, title: object, created: object, updated: object) -> Session:
    if (title is None or type(title) is str) and type(created) is int and type(updated) is int:
        return Session(session_id, title, created, updated)
    reason = "its record holds what no record has"
    raise DataDamagedError.found(session_id, reason, session_id=session_id)


def _look(connection: sqlite3.Connection, most: int, session_id: UUID) -> Session | None:
    del most
    return _get(connection, session_id)


def _retitle(transaction: Transaction, session_id: UUID, title: str) -> Session:
    record = _get(transaction.connection, session_id)
    if record is None:
        raise SessionNotFoundError.of(session_id)
    record = record.retitled(title, now_ns())
    _put(transaction, record)
    return record


def _list(connection: sqlite3.Connection, limit: int, after: Session | None) -> list[Session]:
    limit = min(limit, (1 << 63) - 1)
    if after is None:
        rows = connection.execute(_FIRST_PAGE, (limit,))
    else:
        rows = connection.execute(_NEXT_PAGE, (after.created_ns, after.id.bytes, limit))
    return [_record(session_of(key), *rest) for key, *rest in rows]


def _delete(transaction: Transaction, session_id: UUID) -> bool:
    return transaction.execute("DELETE FROM sessions WHERE id = ?", (session_id.bytes,)).rowcount > 0
