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
from everstore.labels import NO_LABELS, age_of, shared_ages
from everstore_sqlite.ids import RECORDS, page_of, session_of
from everstore_sqlite.readers import snapshot
from everstore_sqlite.schema import CHECKPOINTS, SESSIONS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteSessionStore"]

_PUT = """
    INSERT INTO sessions (id, title, created, updated, labels, parent) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, created = excluded.created,
        updated = excluded.updated, labels = excluded.labels, parent = excluded.parent
"""
_RECORD = "id, title, created, updated, labels, parent FROM sessions"
_GET = f"SELECT {_RECORD} WHERE id = ?"
_PAGE = f"SELECT {_RECORD} WHERE {{}} ORDER BY created DESC, id DESC LIMIT ?"
_AFTER = "AND (created, id) < (?, ?)"
_PAGES = {
    (of_one, is_next): _PAGE.format(f"{CHECKPOINTS + ' AND parent = ?' if of_one else SESSIONS} {after}")
    for of_one in (False, True)
    for is_next, after in ((False, ""), (True, _AFTER))
}
_LABELLED = """
    SELECT created, session FROM labels WHERE name = ? AND text = ? AND (created, session) <= (?, ?)
    ORDER BY created DESC, session DESC LIMIT 1
"""
_LAST_NS = (1 << 63) - 1
_ID = (1 << 128) - 1
_ID_BYTES = 16

_encoded = msgspec.json.Encoder().encode
_decoded = msgspec.json.Decoder(dict[str, str]).decode


class SqliteSessionStore(SessionStore):
    """Session records in a database."""

    capabilities = Capabilities(durable=True, shared=True, forks=True)

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
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Session]:
        if labels:
            return await self._database.read(_list_labelled, limit, after, labels, checkpoints_of)
        return await self._database.read(_list, limit, after, checkpoints_of)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._database.read(page_of, RECORDS, after, limit)

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        return await self._database.write(_delete, session_id)


def _put(transaction: Transaction, session: Session) -> None:
    labels = _encoded(session.labels).decode() if session.labels else None
    parent = None if session.parent is None else session.parent.bytes
    row = (session.id.bytes, session.title, session.created_ns, session.updated_ns, labels, parent)
    transaction.execute(_PUT, row)


def _get(connection: sqlite3.Connection, session_id: UUID) -> Session | None:
    row = connection.execute(_GET, (session_id.bytes,)).fetchone()
    return None if row is None else _record(*row)


def _record(
    key: object, title: object, created: object, updated: object, labels: object, parent: object
) -> Session:
    session_id = session_of(key)
    if (title is None or type(title) is str) and type(created) is int and type(updated) is int:
        if labels is None and parent is None:
            return Session(session_id, title, created, updated)
        found = NO_LABELS if labels is None else _labels(labels)
        if found is not None and (parent is None or (type(parent) is bytes and len(parent) == _ID_BYTES)):
            child_of = None if parent is None else UUID(bytes=parent)
            return Session(session_id, title, created, updated, found, child_of)
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


def _list(
    connection: sqlite3.Connection, limit: int, after: Session | None, checkpoints_of: UUID | None
) -> list[Session]:
    return [*_newest(connection, min(limit, _LAST_NS), after, checkpoints_of)]


def _newest(
    connection: sqlite3.Connection, limit: int, after: Session | None, checkpoints_of: UUID | None
) -> Iterator[Session]:
    of_one = () if checkpoints_of is None else (checkpoints_of.bytes,)
    place = () if after is None else (after.created_ns, after.id.bytes)
    for row in connection.execute(_PAGES[bool(of_one), bool(place)], (*of_one, *place, limit)):
        yield _record(*row)


def _list_labelled(
    connection: sqlite3.Connection,
    limit: int,
    after: Session | None,
    labels: Mapping[str, str],
    checkpoints_of: UUID | None = None,
) -> list[Session]:
    with snapshot(connection):
        if checkpoints_of is None:
            found = _labelled(connection, after, labels)
        else:  # one session has not so many that an index of them would be worth its writes
            among = _newest(connection, -1, after, checkpoints_of)
            found = (record for record in among if record.has_labels(labels))
        return [*islice(found, min(limit, maxsize))]


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
