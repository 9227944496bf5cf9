"""Values and secrets."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from everstore import Capabilities, DurableStorageStore, KeyInfo, SecretInfo, StoredValue
from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import DataDamagedError
from everstore.models import StorageUsage, StoredSecret, latest
from everstore.paging import EVERY_KEY, KeyPage
from everstore.rules import Held, answered_together, apply_to_space
from everstore_sqlite import own_limits, value_forks
from everstore_sqlite.ids import TEXTS, page_of, session_of
from everstore_sqlite.readers import EVERYTHING, TOO_LARGE, TooLarge, snapshot
from everstore_sqlite.spaces import (
    ALIVE,
    SECRETS,
    VALUES,
    SqliteSpace,
    Table,
    page_arguments,
    require_sound,
    stamps_at,
    text_at,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Sequence
    from uuid import UUID

    from everstore.changes import ValueMutation
    from everstore.models import ValueChange
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits
    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteStorageStore"]

T = TypeVar("T")

_LATEST = (1 << 63) - 1  # what an INTEGER holds
_STORED = list[tuple[int, int, int, str, int | None, bytes]]
_VALUE = 5  # the place of the value in a row, behind the stamps
_SCAN = f"SELECT session, key, value FROM secrets WHERE {ALIVE} {{}} ORDER BY session, key LIMIT ?"  # noqa: S608 - constants
_SCAN_FIRST = _SCAN.format("")
_USAGE = f"{VALUES.usage} UNION ALL {SECRETS.usage}"
_SCAN_NEXT = _SCAN.format("AND (session, key) > (?, ?)")


class SqliteStorageStore(DurableStorageStore):
    """Values and secrets in a database."""

    capabilities = Capabilities(durable=True, shared=True, forks=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """A view on ``database``, which somebody else closes."""
        self._database = database
        self._limits = limits

    @override
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[T]]) -> list[T]:
        return await self._database.write(_apply, session_id, self._limits, changes)

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        return await self._database.look(text_at, VALUES, session_id, key)

    @override
    async def read_value(self, session_id: UUID, key: str) -> StoredValue | None:
        return await self._database.look(_read, session_id, key)

    @override
    async def get_values(self, session_id: UUID, keys: Collection[str]) -> dict[str, str]:
        return await self._database.look_at_some(_get_several, len(keys), session_id, keys)

    @override
    async def read_values(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[StoredValue]:
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        return await self._database.look_at_some(_read_page, limit, session_id, page)

    @override
    async def list_keys(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[KeyInfo]:
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        return await self._database.look_at_some(_list, limit, VALUES, KeyInfo, session_id, page)

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        return await self._database.look(_stat, session_id, key)

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        return await self._database.look(text_at, SECRETS, session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return await self._database.look_at_some(_list, None, SECRETS, SecretInfo, session_id, EVERY_KEY)

    @override
    async def usage(self, session_id: UUID) -> StorageUsage:
        return await self._database.read(_usage, session_id)

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._database.read(page_of, TEXTS, after, limit)

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        await self._database.limit_session(own_limits.TEXTS, session_id, limits.of_values)

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        await self._database.write(value_forks.fork, source, target, replaced)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[ValueChange]:
        return await self._database.read(value_forks.differences, a, b, after, limit)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._database.write(_purge, session_id)

    @override
    async def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> list[StoredSecret]:
        return await self._database.read(_scan, after, limit)


def _apply(
    transaction: Transaction, session_id: UUID, limits: Limits, changes: Sequence[ValueMutation[T]]
) -> list[T]:
    held = Held()
    if len(changes) == 1:
        [change] = changes
        space = SqliteSpace(transaction, _TABLES[change.space], session_id, limits, held)
        return [apply_to_space(space, change)]
    spaces = {
        name: SqliteSpace(transaction, table, session_id, limits, held) for name, table in _TABLES.items()
    }
    return answered_together(lambda change: apply_to_space(spaces[change.space], change), changes)


_TABLES = {"values": VALUES, "secrets": SECRETS}


def _stat(connection: sqlite3.Connection, most: int, session_id: UUID, key: str) -> KeyInfo | None:
    del most
    found = stamps_at(connection, VALUES, session_id, key)
    if found is None or (found.expires_ns is not None and found.expires_ns <= now_ns()):
        return None
    return KeyInfo(found.version, found.created_ns, found.updated_ns, key, found.expires_ns)


def _read(
    connection: sqlite3.Connection, most: int, session_id: UUID, key: str
) -> StoredValue | TooLarge | None:
    arguments = (most, session_id.bytes, key, now_ns())
    found = _stored(connection, most, session_id, connection.execute(VALUES.whole, arguments))
    return found if isinstance(found, TooLarge) else next(iter(found), None)


def _get_several(
    connection: sqlite3.Connection, most: int, session_id: UUID, keys: Collection[str]
) -> dict[str, str] | TooLarge:
    found: dict[str, str] = {}
    now, size = now_ns(), 0
    with snapshot(connection):
        for key in keys:
            text = text_at(connection, most, VALUES, session_id, key, now)
            if isinstance(text, TooLarge):
                return text
            if text is not None:
                found[key] = text
                size += len(text)
                if size > most:
                    return TOO_LARGE
    return found


def _read_page(
    connection: sqlite3.Connection, most: int, session_id: UUID, page: KeyPage
) -> list[StoredValue] | TooLarge:
    sql = VALUES.page(page, with_texts=True)
    rows = connection.execute(sql, (most, *page_arguments(session_id, page)))
    return _stored(connection, most, session_id, rows)


def _stored(
    connection: sqlite3.Connection, most: int, session_id: UUID, rows: Iterable[Any]
) -> list[StoredValue] | TooLarge:
    """Rows of ``VALUES`` with their texts, unless those have more than ``most`` bytes together."""
    found: list[Any] = []
    size = 0
    for row in rows:
        value = row[_VALUE]
        size += 0 if value is None else len(value)
        if size > most or (value is None and most != EVERYTHING):
            return TOO_LARGE
        found.append(row)
    try:
        msgspec.convert(found, _STORED)  # a tenth of a microsecond a row
        return [
            StoredValue(version, created, updated, key, expires, value=value.decode())
            for version, created, updated, key, expires, value in found
        ]
    except (msgspec.ValidationError, UnicodeDecodeError):
        require_sound(connection, VALUES, session_id, [row[:_VALUE] for row in found])
    # With sound stamps it is a value that is none, which is told.
    return [StoredValue(*row[:_VALUE], value=_text(row[3], row[_VALUE])) for row in found]


def _list(
    connection: sqlite3.Connection,
    most: int,
    table: Table,
    kind: type[Any],
    session_id: UUID,
    page: KeyPage,
) -> list[Any]:
    del most
    rows = connection.execute(table.page(page), page_arguments(session_id, page)).fetchall()
    require_sound(connection, table, session_id, rows)
    return [kind(*row) for row in rows]


def _usage(connection: sqlite3.Connection, session_id: UUID) -> StorageUsage:
    arguments = {"session": session_id.bytes, "now": now_ns()}
    values, secrets = connection.execute(_USAGE, arguments).fetchall()
    if values[0] != values[2] or secrets[0] != secrets[2]:
        for table in (VALUES, SECRETS):  # tells which of them is damaged, unless it was mended meanwhile
            _list(connection, EVERYTHING, table, KeyInfo, session_id, EVERY_KEY)
        return _usage(connection, session_id)
    return StorageUsage(values[0], secrets[0], latest(values[1], secrets[1]))


def _purge(transaction: Transaction, session_id: UUID) -> bool:
    had = 0
    own_limits.forget(transaction, own_limits.TEXTS, session_id)
    for table in (VALUES, SECRETS):
        had += transaction.execute(table.count, (session_id.bytes, now_ns())).fetchone()[0]
        transaction.execute(table.purge, (session_id.bytes,))
    return had > 0


def _scan(connection: sqlite3.Connection, after: tuple[UUID, str] | None, limit: int) -> list[StoredSecret]:
    now = now_ns()
    limit = min(limit, _LATEST)
    if after is None:
        rows = connection.execute(_SCAN_FIRST, (now, limit))
    else:
        rows = connection.execute(_SCAN_NEXT, (now, after[0].bytes, after[1], limit))
    return [StoredSecret(session_of(session), name, _text(name, value)) for session, name, value in rows]


def _text(key: str, value: object) -> str:
    """A stored value as text; ``DataDamagedError`` when it is none."""
    if type(value) is bytes:
        with suppress(UnicodeDecodeError):
            return value.decode()
    raise DataDamagedError.found(key, "its value is no UTF-8", key=key)
