"""Values and secrets: two tables of the same shape."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import msgspec

from everstore import Capabilities, DurableStorageStore, KeyInfo, SecretInfo
from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import add_to_counter
from everstore.errors import DataDamagedError, RevisionConflictError
from everstore.models import StoredSecret
from everstore_sqlite.failures import code_of
from everstore_sqlite.readers import EVERYTHING, TOO_LARGE, TooLarge
from everstore_sqlite.sessions import session_of

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.settings import Limits
    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteStorageStore"]

_LATEST = (1 << 63) - 1  # what an INTEGER holds: a time to live of centuries ends here
_SWEPT_AT_ONCE = 100
_ALIVE = "(expires IS NULL OR expires > ?)"


_KEYS = list[tuple[int, int, int, str, int | None]]


class _Head(msgspec.Struct, frozen=True, gc=False):
    """A row without its key and value."""

    version: int
    created: int
    updated: int
    expires: int | None


class _Space:
    """The SQL of one namespace."""

    def __init__(self, table: str) -> None:
        """``table`` is a constant of this module."""
        # ruff: noqa: S608 - the table's name is the only thing put in
        place = f"{table} WHERE session = ? AND key = ?"
        self.value = f"SELECT iif(length(value) <= ?, value, NULL), expires FROM {place} AND {_ALIVE}"
        self.head = f"SELECT version, created, updated, expires FROM {place} AND {_ALIVE}"
        self.heads = f"""
            SELECT version, created, updated, key, expires FROM {table}
            WHERE session = ? AND {_ALIVE} ORDER BY key
        """
        self.put = f"""
            INSERT INTO {table} (session, key, version, created, updated, expires, value)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (session, key) DO UPDATE SET version = excluded.version, created = excluded.created,
                updated = excluded.updated, expires = excluded.expires, value = excluded.value
        """
        self.exists = f"SELECT EXISTS (SELECT 1 FROM {place} AND {_ALIVE})"
        self.delete = f"DELETE FROM {place}"
        self.purge = f"DELETE FROM {table} WHERE session = ?"
        size = "length(CAST(key AS BLOB)) + length(value)"
        self.size = f"SELECT {size} FROM {place} AND {_ALIVE}"
        self.held = f"SELECT count(*), total({size}) FROM {table} WHERE session = ? AND {_ALIVE}"
        self.count = f"SELECT count(*) FROM {table} WHERE session = ? AND {_ALIVE}"
        self.sweep = f"""
            DELETE FROM {table} WHERE (session, key) IN
                (SELECT session, key FROM {table} WHERE expires <= ? ORDER BY expires LIMIT {_SWEPT_AT_ONCE})
        """


_VALUES = _Space("pairs")
_SECRETS = _Space("secrets")
_IS_ANY_OVER = """
    SELECT EXISTS (SELECT 1 FROM pairs WHERE expires <= :now)
        OR EXISTS (SELECT 1 FROM secrets WHERE expires <= :now)
"""
_SCAN = f"SELECT session, key, value FROM secrets WHERE {_ALIVE} {{}} ORDER BY session, key LIMIT ?"
_SCAN_FIRST = _SCAN.format("")
_SCAN_NEXT = _SCAN.format("AND (session, key) > (?, ?)")


class SqliteStorageStore(DurableStorageStore):
    """Values and secrets in a database."""

    capabilities = Capabilities(durable=True, shared=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """A view on ``database``, which somebody else closes."""
        self._database = database
        self._limits = limits if limits.bounds_values else None

    @override
    async def set_value(
        self,
        session_id: UUID,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> None:
        condition = (if_revision,) if if_absent or if_revision is not None else ()
        await self._database.write(_set, self._limits, _VALUES, session_id, key, value, ttl, *condition)

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        return await self._database.look(_get, _VALUES, session_id, key)

    @override
    async def delete_value(self, session_id: UUID, key: str) -> bool:
        return await self._database.write(_delete, _VALUES, session_id, key)

    @override
    async def list_keys(self, session_id: UUID) -> list[KeyInfo]:
        return await self._database.read(_list, _VALUES, KeyInfo, session_id)

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        return await self._database.look(_stat, session_id, key)

    @override
    async def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        return await self._database.write(_increment, self._limits, session_id, key, amount)

    @override
    async def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        await self._database.write(_set, self._limits, _SECRETS, session_id, name, value, ttl)

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        return await self._database.look(_get, _SECRETS, session_id, name)

    @override
    async def delete_secret(self, session_id: UUID, name: str) -> bool:
        return await self._database.write(_delete, _SECRETS, session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return await self._database.read(_list, _SECRETS, SecretInfo, session_id)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._database.write(_purge, session_id)

    @override
    async def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> list[StoredSecret]:
        return await self._database.read(_scan, after, limit)

    @override
    async def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
        return await self._database.write(_swap, session_id, name, expected, replacement)


def _get(
    connection: sqlite3.Connection,
    most: int,
    space: _Space,
    session_id: UUID,
    key: str,
    at: int | None = None,
) -> str | TooLarge | None:
    """The value that is alive now, or was ``at``; ``DataDamagedError`` when what is there is none."""
    arguments = (most, session_id.bytes, key, now_ns() if at is None else at)
    try:
        row = connection.execute(space.value, arguments).fetchone()
        if row is None:
            return None
        value, expires = row
        if type(value) is bytes and (expires is None or type(expires) is int):
            return value.decode()
    except UnicodeDecodeError:
        value = b""
    except sqlite3.OperationalError as error:
        if code_of(error):
            raise
        value = b""  # the driver's own error: a text that is no UTF-8
    if value is None and most != EVERYTHING:
        return TOO_LARGE
    raise DataDamagedError.found(key, "its value or its time to live is none", key=key)


def _text(key: str, value: object) -> str:
    """A stored value as text; ``DataDamagedError`` when it is none."""
    if type(value) is bytes:
        with suppress(UnicodeDecodeError):
            return value.decode()
    raise DataDamagedError.found(key, "its value is no UTF-8", key=key)


def _head(
    connection: sqlite3.Connection, space: _Space, session_id: UUID, key: str, *, heal: bool = False
) -> _Head | None:
    """What is there; a damaged row is nothing with ``heal``, for it is about to be replaced."""
    row = connection.execute(space.head, (session_id.bytes, key, now_ns())).fetchone()
    if row is None:
        return None
    version, created, updated, expires = row
    if type(version) is type(created) is type(updated) is int and (expires is None or type(expires) is int):
        return _Head(version, created, updated, expires)
    if heal:
        return None
    raise DataDamagedError.found(key, "its entry holds what no entry has", key=key)


def _stat(connection: sqlite3.Connection, most: int, session_id: UUID, key: str) -> KeyInfo | None:
    del most
    head = _head(connection, _VALUES, session_id, key)
    if head is None:
        return None
    return KeyInfo(head.version, head.created, head.updated, key, head.expires)


def _list(connection: sqlite3.Connection, space: _Space, kind: type[Any], session_id: UUID) -> list[Any]:
    rows = connection.execute(space.heads, (session_id.bytes, now_ns())).fetchall()
    try:
        msgspec.convert(rows, _KEYS)
    except msgspec.ValidationError:
        for *_, key, _ in rows:
            if type(key) is not str:
                raise DataDamagedError.found(session_id, "a key of it is no text") from None
            _head(connection, space, session_id, key)  # tells which of them it is
        raise
    return [kind(*row) for row in rows]


def _set(
    transaction: Transaction,
    limits: Limits | None,
    space: _Space,
    session_id: UUID,
    key: str,
    value: str,
    ttl: float | None,
    *condition: str | None,
) -> None:
    old = _head(transaction.connection, space, session_id, key, heal=not condition)
    if condition:
        current = None if old is None else format(old.version, "x")
        if current != condition[0]:
            raise RevisionConflictError.found(key, condition[0], current)
    now = now_ns()
    expires = None if ttl is None else min(now + int(ttl * 1e9), _LATEST)
    created, updated = (now, now) if old is None else (old.created, max(now, old.updated + 1000))
    _put(transaction, limits, space, session_id, key, created, updated, expires, value)


def _put(
    transaction: Transaction,
    limits: Limits | None,
    space: _Space,
    session_id: UUID,
    key: str,
    created: int,
    updated: int,
    expires: int | None,
    value: str,
) -> None:
    data = value.encode()
    if limits is not None:
        _require_room(transaction.connection, limits, space, session_id, key, len(data))
    _sweep(transaction)
    version = transaction.version()
    row = (session_id.bytes, key, version, created, updated, expires, data)
    transaction.execute(space.put, row)


def _require_room(
    connection: sqlite3.Connection, limits: Limits, space: _Space, session_id: UUID, key: str, size: int
) -> None:
    """Refuse a value of so many bytes that would bring the session over a limit."""
    now = now_ns()
    old = connection.execute(space.size, (session_id.bytes, key, now)).fetchone()
    more = len(key.encode()) + size - (old[0] if old else 0)
    if old is not None and (more <= 0 or limits.session_value_bytes is None):
        return  # nothing grows that has a limit, so nothing is counted: that takes as long as there are keys
    counts = [
        connection.execute(each.held, (session_id.bytes, now)).fetchone() for each in (_VALUES, _SECRETS)
    ]
    keys, held = map(sum, zip(*counts, strict=True))
    limits.require(key, session_keys=(keys, int(old is None)), session_value_bytes=(int(held), more))


def _sweep(transaction: Transaction) -> None:
    """Take out a few rows that are past their time, of whatever session; once in a transaction."""
    if not transaction.is_swept:
        transaction.is_swept = True
        now = now_ns()
        if transaction.execute(_IS_ANY_OVER, {"now": now}).fetchone()[0]:  # half the cost of two deletes
            for space in (_VALUES, _SECRETS):
                transaction.execute(space.sweep, (now,))


def _increment(
    transaction: Transaction, limits: Limits | None, session_id: UUID, key: str, amount: int
) -> int:
    connection = transaction.connection
    old = _head(connection, _VALUES, session_id, key)
    text: str | None = None
    now = now_ns()
    created, expires = now, None
    if old is not None:
        text = cast("str", _get(connection, EVERYTHING, _VALUES, session_id, key, 0))
        created, expires = old.created, old.expires
        now = max(now, old.updated + 1000)
    total = add_to_counter(text, amount)
    _put(transaction, limits, _VALUES, session_id, key, created, now, expires, str(total))
    return total


def _delete(transaction: Transaction, space: _Space, session_id: UUID, key: str) -> bool:
    place = (session_id.bytes, key)
    (existed,) = transaction.execute(space.exists, (*place, now_ns())).fetchone()
    transaction.execute(space.delete, place)
    return bool(existed)


def _purge(transaction: Transaction, session_id: UUID) -> bool:
    had = 0
    for space in (_VALUES, _SECRETS):
        had += transaction.execute(space.count, (session_id.bytes, now_ns())).fetchone()[0]
        transaction.execute(space.purge, (session_id.bytes,))
    return had > 0


def _scan(connection: sqlite3.Connection, after: tuple[UUID, str] | None, limit: int) -> list[StoredSecret]:
    now = now_ns()
    limit = min(limit, _LATEST)
    if after is None:
        rows = connection.execute(_SCAN_FIRST, (now, limit))
    else:
        rows = connection.execute(_SCAN_NEXT, (now, after[0].bytes, after[1], limit))
    return [StoredSecret(session_of(session), name, _text(name, value)) for session, name, value in rows]


def _swap(transaction: Transaction, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
    changed = transaction.execute(
        f"UPDATE secrets SET value = ? WHERE session = ? AND key = ? AND value = ? AND {_ALIVE}",
        (replacement.encode(), session_id.bytes, name, expected.encode(), now_ns()),
    )
    return changed.rowcount > 0
