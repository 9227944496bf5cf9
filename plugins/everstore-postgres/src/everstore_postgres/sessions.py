"""Session records in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.compat import override
from everstore.errors import SessionNotFoundError
from everstore.interfaces import Capabilities, SessionStore
from everstore.models import Session

if TYPE_CHECKING:
    from everstore_postgres.database import Database

__all__ = ["PostgresSessionStore"]


class PostgresSessionStore(SessionStore):
    """Session records in PostgreSQL, listed by an index on their age."""

    capabilities = Capabilities(durable=True, shared=True)

    def __init__(self, database: Database) -> None:
        """Records in this database."""
        self._database = database
        sql = database.sql
        self._add = sql(
            "INSERT INTO {schema}.sessions (id, title, created_ns, updated_ns) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (id) DO UPDATE SET title = excluded.title, created_ns = excluded.created_ns,"
            " updated_ns = excluded.updated_ns"
        )
        self._get = sql("SELECT id, title, created_ns, updated_ns FROM {schema}.sessions WHERE id = $1")
        self._retitle = sql(
            "UPDATE {schema}.sessions"
            " SET title = $2, updated_ns = greatest({schema}.now_ns(), updated_ns + 1000)"
            " WHERE id = $1 RETURNING id, title, created_ns, updated_ns"
        )
        listed = "SELECT id, title, created_ns, updated_ns FROM {schema}.sessions"
        order = "ORDER BY created_ns DESC, id DESC LIMIT $1"
        self._first_page = sql(f"{listed} {order}")
        self._next_page = sql(f"{listed} WHERE (created_ns, id) < ($2, $3) {order}")
        self._delete = sql("DELETE FROM {schema}.sessions WHERE id = $1 RETURNING id")

    @override
    async def add_session(self, session: Session) -> None:
        await self._database.change(
            self._add, session.id, session.title, session.created_ns, session.updated_ns
        )

    @override
    async def get_session(self, session_id: UUID) -> Session | None:
        row = await self._database.row(self._get, session_id)
        return None if row is None else _session(row)

    @override
    async def update_session_title(self, session_id: UUID, title: str) -> Session:
        row = await self._database.change(self._retitle, session_id, title)
        if row is None:
            raise SessionNotFoundError.of(session_id)
        return _session(row)

    @override
    async def list_sessions(self, *, limit: int = 100, after: Session | None = None) -> list[Session]:
        if after is None:
            rows = await self._database.rows(self._first_page, limit)
        else:
            rows = await self._database.rows(self._next_page, limit, after.created_ns, after.id)
        return [_session(row) for row in rows]

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        return await self._database.change(self._delete, session_id) is not None


def _session(row: Any) -> Session:
    # The driver has its own kind of UUID; a record's is the standard one.
    return Session(UUID(int=row[0].int), row[1], row[2], row[3])
