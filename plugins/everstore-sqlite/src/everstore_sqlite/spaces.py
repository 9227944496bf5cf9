"""Values and secrets, two tables of the same shape: their SQL, and a session's rows as the rules see them."""

# ruff: noqa: S608 - the name of a table is the only thing put into SQL

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import UNSET

from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import DataDamagedError
from everstore.rules import Space, Stamps
from everstore_sqlite import own_limits
from everstore_sqlite.failures import code_of
from everstore_sqlite.readers import EVERYTHING, TOO_LARGE, TooLarge

if TYPE_CHECKING:
    from uuid import UUID

    from msgspec import UnsetType

    from everstore.paging import KeyPage
    from everstore.rules import Held
    from everstore.settings import Limits
    from everstore_sqlite.writer import Transaction

__all__ = [
    "ALIVE",
    "SECRETS",
    "VALUES",
    "SqliteSpace",
    "Table",
    "page_arguments",
    "require_sound",
    "stamps_at",
    "text_at",
]

ALIVE = "(expires IS NULL OR expires > ?)"
_KEYS = "SELECT version, created, updated, key, expires"
_TEXT = "iif(length(value) <= ?, value, NULL)"
_SOUND_TEXT = (
    "iif(typeof(value) = 'blob' AND length(value) <= ?, value, NULL)"  # the driver fails at some others
)
_KEY_ROWS = list[tuple[int, int, int, str, int | None]]
_SWEPT_AT_ONCE = 100


class Table:
    """The SQL of one namespace."""

    def __init__(self, table: str) -> None:
        """``table`` is a constant of this module."""
        place = f"{table} WHERE session = ? AND key = ?"
        self._table = table
        self.value = f"SELECT {_TEXT}, expires FROM {place} AND {ALIVE}"
        self.stamps = f"SELECT version, created, updated, expires FROM {place}"
        self.whole = f"{_KEYS}, {_SOUND_TEXT} FROM {place} AND {ALIVE}"
        self.put = f"""
            INSERT INTO {table} (session, key, version, created, updated, expires, value)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (session, key) DO UPDATE SET version = excluded.version, created = excluded.created,
                updated = excluded.updated, expires = excluded.expires, value = excluded.value
        """
        self.exists = f"SELECT EXISTS (SELECT 1 FROM {place} AND {ALIVE})"
        self.delete = f"DELETE FROM {place}"
        self.purge = f"DELETE FROM {table} WHERE session = ?"
        self.size = f"SELECT length(value) FROM {place}"
        size = "length(CAST(key AS BLOB)) + length(value)"
        self.held = f"SELECT count(*), total({size}) FROM {table} WHERE session = ? AND {ALIVE}"
        self.held_at = f"{self.held} AND key = ?"
        sound = " AND ".join(f"typeof({column}) = 'integer'" for column in ("version", "created", "updated"))
        self.usage = f"""
            SELECT count(*), max(updated), total({sound} AND typeof(expires) IN ('integer', 'null'))
            FROM {table} WHERE session = :session AND (expires IS NULL OR expires > :now)
        """
        self.count = f"SELECT count(*) FROM {table} WHERE session = ? AND {ALIVE}"
        self.sweep = f"""
            DELETE FROM {table} WHERE (session, key) IN
                (SELECT session, key FROM {table} WHERE expires <= ? ORDER BY expires LIMIT {_SWEPT_AT_ONCE})
        """

    def page(self, page: KeyPage, *, with_texts: bool = False) -> str:
        """What selects the rows of a page; see ``page_arguments``."""
        columns = f"{_KEYS}, {_SOUND_TEXT}" if with_texts else _KEYS
        # Where nothing ends the range, keys that are no text any more are told of, too.
        end = "" if page.is_open else "AND key < ?"
        order = "DESC" if page.reverse else "ASC"
        return f"""
            {columns} FROM {self._table}
            WHERE session = ? AND key >= ? {end} AND {ALIVE} ORDER BY key {order} LIMIT ?
        """


def page_arguments(session_id: UUID, page: KeyPage) -> tuple[object, ...]:
    """What ``Table.page`` takes, after the size that texts have at most where it selects them."""
    limit = -1 if page.limit is None else page.limit
    end = () if page.is_open else (page.high,)
    return session_id.bytes, page.low, *end, now_ns(), limit


VALUES = Table("pairs")
SECRETS = Table("secrets")
_IS_ANY_OVER = """
    SELECT EXISTS (SELECT 1 FROM pairs WHERE expires <= :now)
        OR EXISTS (SELECT 1 FROM secrets WHERE expires <= :now)
"""


def text_at(
    connection: sqlite3.Connection, most: int, table: Table, session_id: UUID, key: str, at: int | None = None
) -> str | TooLarge | None:
    """The text that is alive now, or was ``at``; ``DataDamagedError`` when what is there is none."""
    arguments = (most, session_id.bytes, key, now_ns() if at is None else at)
    try:
        row = connection.execute(table.value, arguments).fetchone()
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


def stamps_at(
    connection: sqlite3.Connection, table: Table, session_id: UUID, key: str, *, heal: bool = False
) -> Stamps | None:
    """What is kept under a key; a damaged row is nothing with ``heal``, for it is about to be replaced."""
    row = connection.execute(table.stamps, (session_id.bytes, key)).fetchone()
    if row is None:
        return None
    version, created, updated, expires = row
    if type(version) is type(created) is type(updated) is int and (expires is None or type(expires) is int):
        return Stamps(version, created, updated, expires)
    if heal:
        return None
    raise DataDamagedError.found(key, "its entry holds what no entry has", key=key)


def require_sound(connection: sqlite3.Connection, table: Table, session_id: UUID, rows: list[Any]) -> None:
    """``DataDamagedError`` unless these are keys with their stamps."""
    try:
        msgspec.convert(rows, _KEY_ROWS)
    except msgspec.ValidationError:
        for *_, key, _ in rows:
            if type(key) is not str:
                raise DataDamagedError.found(session_id, "a key of it is no text") from None
            stamps_at(connection, table, session_id, key)  # tells which of them it is
        raise


class SqliteSpace(Space[Stamps]):
    """One session's rows of one table within one transaction; made for one call."""

    __slots__ = ("_execute", "_held", "_id", "_key", "_limits", "_store_limits", "_table", "_transaction")

    def __init__(
        self, transaction: Transaction, table: Table, session_id: UUID, limits: Limits, held: Held
    ) -> None:
        """``limits`` are the store's; ``held`` is of both tables, in the same call."""
        self._store_limits = limits
        self._limits: Limits | UnsetType | None = UNSET
        self._held = held
        self._transaction = transaction
        self._execute = transaction.execute
        self._table = table
        self._id = session_id
        self._key = session_id.bytes

    @property
    @override
    def limits(self) -> Limits | None:  # type: ignore[override]
        """Looked up where they are asked for: what makes nothing grow does not pay for them."""
        if self._limits is UNSET:
            own = self._transaction.own_limits.look(own_limits.TEXTS, self._id)
            self._limits = self._store_limits.of_values_with(own)
        return self._limits

    @override
    def get(self, key: str, /) -> Stamps | None:
        return stamps_at(self._transaction.connection, self._table, self._id, key)

    @override
    def get_to_replace(self, key: str, /) -> Stamps | None:
        return stamps_at(self._transaction.connection, self._table, self._id, key, heal=True)

    @override
    def text(self, key: str, found: Stamps) -> str:
        del found
        return cast("str", text_at(self._transaction.connection, EVERYTHING, self._table, self._id, key, 0))

    @override
    def size(self, key: str, found: Stamps) -> int:
        del found
        (size,) = self._execute(self._table.size, (self._key, key)).fetchone()
        return int(size)

    @override
    def usage(self, now: int) -> tuple[int, int]:
        if self._held.usage is None:
            held = [self._execute(table.held, (self._key, now)).fetchone() for table in (VALUES, SECRETS)]
            self._held.usage = sum(keys for keys, _ in held), sum(int(size) for _, size in held)
            self._held.at = now
        return self._held.usage

    def _count(self, key: str, sign: int) -> None:
        """Add what is under a key to what was counted, or take it away, where anything was."""
        if self._held.usage is not None:
            keys, size = self._execute(self._table.held_at, (self._key, self._held.at, key)).fetchone()
            self._held.add(sign * keys, sign * int(size))

    @override
    def next_version(self) -> int:
        return self._transaction.version()

    @override
    def put(
        self, key: str, text: str, version: int, created_ns: int, updated_ns: int, expires_ns: int | None
    ) -> None:
        self._sweep()
        row = (self._key, key, version, created_ns, updated_ns, expires_ns, text.encode())
        self._count(key, -1)
        self._execute(self._table.put, row)
        self._count(key, 1)

    def _sweep(self) -> None:
        """Take out a few rows that are past their time, of whatever session; once in a transaction."""
        if not self._transaction.is_swept:
            self._transaction.is_swept = True
            now = now_ns()
            if self._execute(_IS_ANY_OVER, {"now": now}).fetchone()[0]:  # half the cost of two deletes
                for table in (VALUES, SECRETS):
                    self._execute(table.sweep, (now,))

    @override
    def remove(self, key: str, now: int) -> bool:
        (existed,) = self._execute(self._table.exists, (self._key, key, now)).fetchone()
        self._count(key, -1)
        self._execute(self._table.delete, (self._key, key))
        return bool(existed)
