"""Session records in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from everstore.compat import override
from everstore.errors import DataDamagedError, SessionNotFoundError
from everstore.interfaces import Capabilities, SessionStore
from everstore.models import Session
from everstore_postgres.ids import Ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from everstore_postgres.database import Database

__all__ = ["PostgresSessionStore"]

_COLUMNS = "id, title, created_ns, updated_ns, labels::text, parent"
_IS_CHECKPOINT, _IS_SESSION = (rf"substr(uuid_send(id), 7, 4) {op} '\x8ec0ba5e'" for op in ("=", "<>"))
"""Of a record, by its id (``everstore.models.is_checkpoint``); its indexes say the same."""
_LAST = (1 << 63) - 1, UUID(int=(1 << 128) - 1)

_encoded = msgspec.json.Encoder().encode
_decoded = msgspec.json.Decoder(dict[str, str]).decode


class PostgresSessionStore(SessionStore):
    """Session records in PostgreSQL, listed by an index on their age."""

    capabilities = Capabilities(durable=True, shared=True, forks=True)

    def __init__(self, database: Database) -> None:
        """Records in this database."""
        self._database = database
        sql = database.sql
        self._add = sql(
            "INSERT INTO {schema}.sessions (id, title, created_ns, updated_ns, labels, parent)"
            " VALUES ($1, $2, $3, $4, $5::text::jsonb, $6)"
            " ON CONFLICT (id) DO UPDATE SET title = excluded.title, created_ns = excluded.created_ns,"
            " updated_ns = excluded.updated_ns, labels = excluded.labels, parent = excluded.parent"
        )
        listed = f"SELECT {_COLUMNS} FROM {{schema}}.sessions"
        self._get = sql(f"{listed} WHERE id = $1")
        self._update = sql(
            "UPDATE {schema}.sessions SET title = CASE WHEN $2 THEN $3 ELSE title END,"
            " labels = CASE WHEN $4 THEN $5::text::jsonb ELSE labels END,"
            " updated_ns = greatest({schema}.now_ns(), updated_ns + 1000)"
            f" WHERE id = $1 RETURNING {_COLUMNS}"
        )
        order = "ORDER BY created_ns DESC, id DESC LIMIT $1"
        after = "AND (created_ns, id) < ($2, $3)"
        self._first_page = sql(f"{listed} WHERE {_IS_SESSION} {order}")
        self._next_page = sql(f"{listed} WHERE {_IS_SESSION} {after} {order}")
        self._checkpoints = sql(
            f"{listed} WHERE {_IS_CHECKPOINT} {after} AND parent = $4"
            f" AND ($5::text IS NULL OR labels @> $5::text::jsonb) {order}"
        )
        self._labelled = sql(f"SELECT {_COLUMNS} FROM {{schema}}.labelled($1, $2, $3, $4, $5)")
        self._ids = Ids(database, "{schema}.sessions WHERE true", column="id")
        self._delete = sql("DELETE FROM {schema}.sessions WHERE id = $1 RETURNING id")

    @override
    async def add_session(self, session: Session) -> None:
        await self._database.change(
            self._add,
            session.id,
            session.title,
            session.created_ns,
            session.updated_ns,
            _packed(session.labels),
            session.parent,
        )

    @override
    async def get_session(self, session_id: UUID) -> Session | None:
        row = await self._database.row(self._get, session_id)
        return None if row is None else _session(row)

    @override
    async def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        row = await self._database.change(
            self._update,
            session_id,
            title is not UNSET,
            None if title is UNSET else title,
            labels is not UNSET,
            None if labels is UNSET else _packed(labels),
        )
        if row is None:
            raise SessionNotFoundError.of(session_id)
        return _session(row)

    @override
    async def list_sessions(
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Session]:
        place = _LAST if after is None else (after.created_ns, after.id)
        if checkpoints_of is not None:
            wanted = _packed(labels or {})
            rows = await self._database.rows(self._checkpoints, limit, *place, checkpoints_of, wanted)
        elif labels:
            rows = await self._database.rows(self._labelled, [*labels], [*labels.values()], limit, *place)
        elif after is None:
            rows = await self._database.rows(self._first_page, limit)
        else:
            rows = await self._database.rows(self._next_page, limit, *place)
        return [_session(row) for row in rows]

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._ids.page(after, limit)

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        return await self._database.change(self._delete, session_id) is not None


def _packed(labels: Mapping[str, str]) -> str | None:
    return _encoded(labels).decode() if labels else None


def _session(row: Any) -> Session:
    # The driver has its own kind of UUID; a record's is the standard one.
    session_id = UUID(int=row[0].int)
    parent = None if row[5] is None else UUID(int=row[5].int)
    if row[4] is None:
        return Session(session_id, row[1], row[2], row[3], parent=parent)
    try:
        labels = _decoded(row[4])
    except msgspec.DecodeError:  # not chained: it would carry what is kept
        reason = "its record holds labels that are none"
        raise DataDamagedError.found(session_id, reason, session_id=session_id) from None
    return Session(session_id, row[1], row[2], row[3], labels, parent)
