"""Values and secrets."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from everstore import Capabilities, DurableStorageStore, KeyInfo, SecretInfo
from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import DataDamagedError
from everstore.models import StoredSecret
from everstore.rules import answered_together, apply_to_space
from everstore_sqlite.sessions import session_of
from everstore_sqlite.spaces import ALIVE, SECRETS, VALUES, SqliteSpace, Table, stamps_at, text_at

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.changes import ValueMutation
    from everstore.settings import Limits
    from everstore_sqlite.database import Database
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteStorageStore"]

T = TypeVar("T")

_LATEST = (1 << 63) - 1  # what an INTEGER holds
_KEYS = list[tuple[int, int, int, str, int | None]]
_SCAN = f"SELECT session, key, value FROM secrets WHERE {ALIVE} {{}} ORDER BY session, key LIMIT ?"  # noqa: S608 - constants
_SCAN_FIRST = _SCAN.format("")
_SCAN_NEXT = _SCAN.format("AND (session, key) > (?, ?)")


class SqliteStorageStore(DurableStorageStore):
    """Values and secrets in a database."""

    capabilities = Capabilities(durable=True, shared=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """A view on ``database``, which somebody else closes."""
        self._database = database
        self._limits = limits.of_values

    @override
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[T]]) -> list[T]:
        return await self._database.write(_apply, session_id, self._limits, changes)

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        return await self._database.look(text_at, VALUES, session_id, key)

    @override
    async def list_keys(self, session_id: UUID) -> list[KeyInfo]:
        return await self._database.read(_list, VALUES, KeyInfo, session_id)

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        return await self._database.look(_stat, session_id, key)

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        return await self._database.look(text_at, SECRETS, session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return await self._database.read(_list, SECRETS, SecretInfo, session_id)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._database.write(_purge, session_id)

    @override
    async def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> list[StoredSecret]:
        return await self._database.read(_scan, after, limit)


def _apply(
    transaction: Transaction, session_id: UUID, limits: Limits | None, changes: Sequence[ValueMutation[T]]
) -> list[T]:
    if len(changes) == 1:
        return [_change(transaction, session_id, limits, changes[0])]
    return answered_together(partial(_change, transaction, session_id, limits), changes)


def _change(transaction: Transaction, session_id: UUID, limits: Limits | None, change: ValueMutation[T]) -> T:
    table = VALUES if change.space == "values" else SECRETS
    return apply_to_space(SqliteSpace(transaction, table, session_id, limits), change)


def _stat(connection: sqlite3.Connection, most: int, session_id: UUID, key: str) -> KeyInfo | None:
    del most
    found = stamps_at(connection, VALUES, session_id, key)
    if found is None or (found.expires_ns is not None and found.expires_ns <= now_ns()):
        return None
    return KeyInfo(found.version, found.created_ns, found.updated_ns, key, found.expires_ns)


def _list(connection: sqlite3.Connection, table: Table, kind: type[Any], session_id: UUID) -> list[Any]:
    rows = connection.execute(table.keys, (session_id.bytes, now_ns())).fetchall()
    try:
        msgspec.convert(rows, _KEYS)
    except msgspec.ValidationError:
        for *_, key, _ in rows:
            if type(key) is not str:
                raise DataDamagedError.found(session_id, "a key of it is no text") from None
            stamps_at(connection, table, session_id, key)  # tells which of them it is
        raise
    return [kind(*row) for row in rows]


def _purge(transaction: Transaction, session_id: UUID) -> bool:
    had = 0
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
