"""The records of sessions."""

from __future__ import annotations

from functools import partial
from itertools import islice
from sys import maxsize
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from everstore import Capabilities, Session, SessionStore
from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import DataDamagedError, SessionNotFoundError
from everstore.labels import age_of, shared_ages
from everstore_sqlite.ids import RECORDS, page_of, session_of
from everstore_sqlite.readers import snapshot

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteSessionStore"]

_PUT = """
    INSERT INTO sessions (id, title, created, updated, labels) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, created = excluded.created,
        updated = excluded.updated, labels = excluded.labels
"""
_GET = "SELECT title, created, updated, labels FROM sessions WHERE id = ?"
_PAGE = "SELECT id, title, created, updated, labels FROM sessions {} ORDER BY created DESC, id DESC LIMIT ?"
_FIRST_PAGE = _PAGE.format("")
_NEXT_PAGE = _PAGE.format("WHERE (created, id) < (?, ?)")
_LABELLED = """
    SELECT created, session FROM labels WHERE name = ? AND text = ? AND (created, session) <= (?, ?)
    ORDER BY created DESC, session DESC LIMIT 1
"""
_LAST_NS = (1 << 63) - 1
_ID = (1 << 128) - 1

_encoded = msgspec.json.Encoder().encode
_decoded = msgspec.json.Decoder(dict[str, str]).decode


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
    async def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        return await self._database.write(_update, session_id, title, labels)

    @override
    async def list_sessions(
        self, *, limit: int = 100, after: Session | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Session]:
        if labels:
            return await self._database.read(_list_labelled, limit, after, labels)
        return await self._database.read(_list, limit, after)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._database.read(page_of, RECORDS, after, limit)

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        return await self._database.write(_delete, session_id)


def _put(transaction: Transaction, session: Session) -> None:
    labels = _encoded(session.labels).decode() if session.labels else None
    transaction.execute(
        _PUT, (session.id.bytes, session.title, session.created_ns, session.updated_ns, labels)
    )


def _get(connection: sqlite3.Connection, session_id: UUID) -> Session | None:
    row = connection.execute(_GET, (session_id.bytes,)).fetchone()
    return None if row is None else _record(session_id, *row)


def _record(session_id: UUID, title: object, created: object, updated: object, labels: object) -> Session:
    if (title is None or type(title) is str) and type(created) is int and type(updated) is int:
        if labels is None:
            return Session(session_id, title, created, updated)
        found = _labels(labels)
        if found is not None:
            return Session(session_id, title, created, updated, found)
    reason = "its record holds what no record has"
    raise DataDamagedError.found(session_id, reason, session_id=session_id)


def _labels(kept: object) -> dict[str, str] | None:
    """The labels that are kept so; ``None`` when it is none."""
    try:
        return _decoded(kept) if isinstance(kept, str) else None
    except msgspec.DecodeError:
        return None


def _look(connection: sqlite3.Connection, most: int, session_id: UUID) -> Session | None:
    del most
    return _get(connection, session_id)


def _update(
    transaction: Transaction,
    session_id: UUID,
    title: str | UnsetType | None,
    labels: Mapping[str, str] | UnsetType,
) -> Session:
    record = _get(transaction.connection, session_id)
    if record is None:
        raise SessionNotFoundError.of(session_id)
    record = record.updated(now_ns(), title=title, labels=labels)
    _put(transaction, record)
    return record


def _list(connection: sqlite3.Connection, limit: int, after: Session | None) -> list[Session]:
    limit = min(limit, (1 << 63) - 1)
    if after is None:
        rows = connection.execute(_FIRST_PAGE, (limit,))
    else:
        rows = connection.execute(_NEXT_PAGE, (after.created_ns, after.id.bytes, limit))
    return [_record(session_of(key), *rest) for key, *rest in rows]


def _list_labelled(
    connection: sqlite3.Connection, limit: int, after: Session | None, labels: Mapping[str, str]
) -> list[Session]:
    with snapshot(connection):
        return [*islice(_labelled(connection, after, labels), min(limit, maxsize))]


def _labelled(
    connection: sqlite3.Connection, after: Session | None, labels: Mapping[str, str]
) -> Iterator[Session]:
    below = None if after is None else age_of(after.created_ns, after.id.int)
    lists = [partial(_up_to, connection, *label) for label in labels.items()]
    for age in shared_ages(lists, below):
        record = _get(connection, UUID(int=age & _ID))
        # What a damaged record had may still be there.
        if record is not None and record.has_labels(labels) and _age(record) == age:
            yield record


def _age(record: Session) -> int:
    return age_of(record.created_ns, record.id.int)


def _up_to(connection: sqlite3.Connection, name: str, text: str, age: int) -> int | None:
    """The largest of the ages under a label that is not above one."""
    created, number = min(age >> 128, _LAST_NS), age & _ID
    row = connection.execute(_LABELLED, (name, text, created, number.to_bytes(16))).fetchone()
    return None if row is None else age_of(row[0], session_of(row[1]).int)


def _delete(transaction: Transaction, session_id: UUID) -> bool:
    return transaction.execute("DELETE FROM sessions WHERE id = ?", (session_id.bytes,)).rowcount > 0
