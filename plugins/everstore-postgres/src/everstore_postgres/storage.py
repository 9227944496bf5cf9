"""Values and secrets in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.compat import override
from everstore.errors import InvalidContentError, QuotaExceededError, RevisionConflictError
from everstore.interfaces import Capabilities, DurableStorageStore
from everstore.models import KeyInfo, SecretInfo, StoredSecret
from everstore_postgres.damage import damage_of_value, text_at
from everstore_postgres.outcomes import version_of
from everstore_postgres.purging import Purge, Rows

if TYPE_CHECKING:
    from everstore.settings import Limits
    from everstore_postgres.database import Database

__all__ = ["PostgresStorageStore"]

_VALUES, _SECRETS = b"v", b"s"
_LARGEST = (1 << 63) - 1
_ALIVE = "(expires_ns IS NULL OR expires_ns > {schema}.now_ns())"
# Writers of values keep nobody out: those that write in the midst of it are told by the isolation.
_ROWS = Rows(
    table="entries",
    columns="space, key",
    size="octet_length(value)",
    after="space = $2 AND key > $3",
    upto="space = $4 AND key <= $5",
    starts=((_VALUES, ""), (_SECRETS, "")),
    was=_ALIVE,
    function="purge_entries",
    lock="SELECT pg_advisory_xact_lock(uuid_hash_extended($1, 2))",
    isolation="repeatable_read",
)
_ONE = f"space = $1 AND session_id = $2 AND key = $3 AND {_ALIVE}"

# What set_entry in entries.sql does, too: most calls have neither a condition nor a time to live, and
# need no function.
_REPLACED = (
    "value = excluded.value, version = excluded.version,"
    " created_ns = CASE WHEN e.expires_ns <= excluded.updated_ns"
    " THEN excluded.created_ns ELSE e.created_ns END,"
    " updated_ns = CASE WHEN e.expires_ns <= excluded.updated_ns"
    " THEN excluded.updated_ns ELSE greatest(excluded.updated_ns, e.updated_ns + 1000) END"
)

_REFUSALS = {
    "no integer": "the value is not an integer in decimal digits, so it cannot be incremented",
    "too large": "the sum would not fit into 64 bits; the value stays as it was",
}


class PostgresStorageStore(DurableStorageStore):
    """Values and secrets, one table. The server's clock decides what is past its time."""

    capabilities = Capabilities(durable=True, shared=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """Values and secrets in this database."""
        self._database = database
        self._limits = limits
        sql = database.sql
        self._set = sql(
            "INSERT INTO {schema}.entries AS e"
            " (space, session_id, key, value, version, created_ns, updated_ns)"
            " SELECT $1, $2, $3, $4, {schema}.next_version(), now, now"
            " FROM (SELECT {schema}.now_ns() AS now) clock"
            " ON CONFLICT (space, session_id, key) DO UPDATE"
            f" SET {_REPLACED}, expires_ns = NULL"
        )
        self._set_if = sql("SELECT * FROM {schema}.set_entry($1, $2, $3, $4, $5, $6, $7, $8)")
        self._get = sql(f"SELECT value FROM {{schema}}.entries WHERE {_ONE}")
        self._stat = sql(
            f"SELECT version, created_ns, updated_ns, key, expires_ns FROM {{schema}}.entries WHERE {_ONE}"
        )
        self._delete = sql(
            "DELETE FROM {schema}.entries WHERE space = $1 AND session_id = $2 AND key = $3"
            f" RETURNING {_ALIVE}"
        )
        self._list = sql(
            "SELECT version, created_ns, updated_ns, key, expires_ns FROM {schema}.entries"
            f" WHERE space = $1 AND session_id = $2 AND {_ALIVE} ORDER BY key"
        )
        self._increment = sql(
            "SELECT outcome, total FROM {schema}.increment($1, $2, $3::text::numeric, $4, $5)"
        )
        self._purge = Purge(database, _ROWS)
        scan = f"SELECT session_id, key, value FROM {{schema}}.entries WHERE space = 's' AND {_ALIVE}"
        self._scan = sql(f"{scan} ORDER BY session_id, key LIMIT $1")
        self._scan_on = sql(f"{scan} AND (session_id, key) > ($2, $3) ORDER BY session_id, key LIMIT $1")
        self._swap = sql(
            f"UPDATE {{schema}}.entries SET value = $5 WHERE {_ONE} AND value = $4 RETURNING true"
        )

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
        condition = 0 if if_absent else version_of(if_revision)
        current = await self._put(_VALUES, session_id, key, value, ttl, condition)
        if current is not None:
            raise RevisionConflictError.found(key, if_revision, format(current, "x") if current else None)

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        return await self._read(_VALUES, session_id, key)

    @override
    async def delete_value(self, session_id: UUID, key: str) -> bool:
        return await self._remove(_VALUES, session_id, key)

    @override
    async def list_keys(self, session_id: UUID) -> list[KeyInfo]:
        return [KeyInfo(*row) for row in await self._database.rows(self._list, _VALUES, session_id)]

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        row = await self._database.row(self._stat, _VALUES, session_id, key)
        return None if row is None else KeyInfo(*row)

    @override
    async def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        limits = self._limits
        outcome, total = await self._database.change(
            self._increment, session_id, key, str(amount), limits.session_keys, limits.session_value_bytes
        )
        if outcome in _REFUSALS:
            raise InvalidContentError(_REFUSALS[outcome])
        if outcome == "damaged":
            raise damage_of_value(key)
        if outcome != "done":
            raise QuotaExceededError.over(outcome, total, getattr(limits, outcome), key)
        return int(total)

    @override
    async def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        await self._put(_SECRETS, session_id, name, value, ttl, None)

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        return await self._read(_SECRETS, session_id, name)

    @override
    async def delete_secret(self, session_id: UUID, name: str) -> bool:
        return await self._remove(_SECRETS, session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return [SecretInfo(*row) for row in await self._database.rows(self._list, _SECRETS, session_id)]

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        return await self._purge(session_id)

    @override
    async def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> list[StoredSecret]:
        if after is None:
            rows = await self._database.rows(self._scan, limit)
        else:
            rows = await self._database.rows(self._scan_on, limit, *after)
        return [StoredSecret(UUID(int=row[0].int), row[1], text_at(row[1], row[2])) for row in rows]

    @override
    async def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
        row = await self._database.change(
            self._swap, _SECRETS, session_id, name, expected.encode(), replacement.encode()
        )
        return row is not None

    async def _put(
        self, space: bytes, session_id: UUID, key: str, text: str, ttl: float | None, condition: int | None
    ) -> int | None:
        """Set an entry; the version in the way (0 nothing) when the condition does not hold."""
        data = text.encode()
        limits = self._limits
        if ttl is None and condition is None and not limits.bounds_values:
            await self._database.change(self._set, space, session_id, key, data)
            return None
        ttl_ns = None if ttl is None else int(min(ttl * 1e9, _LARGEST))
        outcome, current, wanted = await self._database.change(
            self._set_if, space, session_id, key, data, ttl_ns, condition,
            limits.session_keys, limits.session_value_bytes,
        )  # fmt: skip
        if outcome not in {"done", "conflict"}:
            raise QuotaExceededError.over(outcome, wanted, getattr(limits, outcome), key)
        return None if outcome == "done" else int(current)

    async def _read(self, space: bytes, session_id: UUID, key: str) -> str | None:
        row: Any = await self._database.row(self._get, space, session_id, key)
        return None if row is None else text_at(key, row[0])

    async def _remove(self, space: bytes, session_id: UUID, key: str) -> bool:
        row: Any = await self._database.change(self._delete, space, session_id, key)
        return row is not None and bool(row[0])
