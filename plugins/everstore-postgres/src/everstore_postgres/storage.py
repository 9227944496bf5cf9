"""Values and secrets in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from everstore.changes import SecretTimes, ValueTimes
from everstore.compat import override
from everstore.errors import SessionNotEmptyError
from everstore.interfaces import Capabilities, DurableStorageStore
from everstore.models import KeyInfo, SecretInfo, StorageUsage, StoredSecret, StoredValue, ValueChange
from everstore.paging import EVERY_KEY, KeyPage
from everstore.rules import answered_together
from everstore_postgres.changing_entries import SECRETS, VALUES, EntryOrder, answer_to, is_plain, order_of
from everstore_postgres.damage import text_at
from everstore_postgres.ids import Ids
from everstore_postgres.plain_entries import ALIVE, ONE, plain_gets, plain_set_of_all, plain_sets
from everstore_postgres.purging import Purge, Rows
from everstore_postgres.times import Times

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from everstore.changes import ValueMutation
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits
    from everstore_postgres.database import Database

__all__ = ["KEYS", "PostgresStorageStore", "pages"]

T = TypeVar("T")

# Writers of values keep nobody out: those that write in the midst of it are told by the isolation.
_ROWS = Rows(
    table="entries",
    columns="space, key",
    size="octet_length(value)",
    after="space = $2 AND key > $3",
    upto="space = $4 AND key <= $5",
    starts=((VALUES, ""), (SECRETS, "")),
    was=ALIVE,
    function="purge_entries",
    lock="SELECT pg_advisory_xact_lock(uuid_hash_extended($1, 2))",
    isolation="repeatable_read",
    last="DELETE FROM {schema}.session_limits WHERE session_id = $1 AND part = 'v'",
)
_DIFFERENCES = """
WITH clock AS MATERIALIZED (SELECT {schema}.now_ns() AS now),
    a AS (
        SELECT e.* FROM clock, {schema}.entries e WHERE e.space = 'v' AND e.session_id = $1 AND e.key > $3
            AND (e.expires_ns IS NULL OR e.expires_ns > clock.now)
    ),
    b AS (
        SELECT e.* FROM clock, {schema}.entries e WHERE e.space = 'v' AND e.session_id = $2 AND e.key > $3
            AND (e.expires_ns IS NULL OR e.expires_ns > clock.now)
    )
SELECT a.version, a.created_ns, a.updated_ns, a.key, a.expires_ns,
    b.version, b.created_ns, b.updated_ns, b.key, b.expires_ns
FROM a FULL JOIN b ON a.key = b.key
WHERE a.key IS NULL OR b.key IS NULL OR a.value <> b.value OR a.expires_ns IS DISTINCT FROM b.expires_ns
ORDER BY coalesce(a.key, b.key) LIMIT $4
"""
KEYS = "SELECT version, created_ns, updated_ns, key, expires_ns"

_NOTHING = {"outcome": "nothing"}


class PostgresStorageStore(DurableStorageStore):
    """Values and secrets, one table. The server's clock decides what is past its time."""

    capabilities = Capabilities(durable=True, shared=True, forks=True)

    def __init__(self, database: Database, limits: Limits) -> None:
        """Values and secrets in this database."""
        self._database = database
        self._limits = limits
        sql = database.sql
        self._set = plain_sets(database)
        self._set_all = plain_set_of_all(database)
        self._set_if = sql(
            "SELECT outcome, current, wanted AS amount, allowed, version, created_ns, updated_ns, expires_ns"
            " FROM {schema}.set_entry($1, $2, $3, $4, $5, $6, $7, $8)"
        )
        self._get = plain_gets(database)
        self._get_several = sql(
            "SELECT key, value FROM {schema}.entries"
            f" WHERE space = $1 AND session_id = $2 AND key = ANY($3::text[]) AND {ALIVE}"
        )
        self._stat = sql(f"{KEYS} FROM {{schema}}.entries WHERE {ONE}")
        self._read = sql(f"{KEYS}, value FROM {{schema}}.entries WHERE {ONE}")
        self._delete = sql(
            "DELETE FROM {schema}.entries WHERE space = $1 AND session_id = $2 AND key = $3"
            f" RETURNING CASE WHEN {ALIVE} THEN 'done' ELSE 'nothing' END AS outcome"
        )
        self._delete_if = sql("SELECT outcome, current FROM {schema}.delete_entry($1, $2, $3, $4)")
        self._touch = sql(
            "UPDATE {schema}.entries SET expires_ns = {schema}.end_of($4, {schema}.now_ns())"
            f" WHERE {ONE} RETURNING 'done' AS outcome"
        )
        self._list = pages(sql, KEYS)
        self._read_page = pages(sql, f"{KEYS}, value")
        self._increment = sql(
            "SELECT outcome, total AS amount, allowed"
            " FROM {schema}.increment($1, $2, $3::text::numeric, $4, $5)"
        )
        self._apply = sql(
            "SELECT * FROM {schema}.apply_entry_changes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        )
        self._usage = sql(
            "SELECT count(*) FILTER (WHERE space = 'v'), count(*) FILTER (WHERE space = 's'),"
            " max(updated_ns) FROM {schema}.entries"
            f" WHERE space IN ('v', 's') AND session_id = $1 AND {ALIVE}"
        )
        self._ids = Ids(
            database, *(f"{{schema}}.entries WHERE space = '{space}' AND {ALIVE}" for space in "vs")
        )
        self._limit = sql("SELECT outcome FROM {schema}.limit_session($1, 'v', $2, $3)")
        self._fork = sql("SELECT outcome FROM {schema}.fork_entries($1, $2, $3)")
        self._differences = sql(_DIFFERENCES)
        self._purge = Purge(database, _ROWS)
        self._times = Times(database)
        scan = f"SELECT session_id, key, value FROM {{schema}}.entries WHERE space = 's' AND {ALIVE}"
        self._scan = sql(f"{scan} ORDER BY session_id, key LIMIT $1")
        self._scan_on = sql(f"{scan} AND (session_id, key) > ($2, $3) ORDER BY session_id, key LIMIT $1")
        self._swap = sql(
            f"UPDATE {{schema}}.entries SET value = $5 WHERE {ONE} AND value = $4 RETURNING 'done' AS outcome"
        )

    @override
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[T]]) -> list[T]:
        if changes and isinstance(changes[0], (ValueTimes, SecretTimes)):  # and so are the others
            times = cast("list[ValueTimes | SecretTimes]", changes)
            return cast("list[T]", await self._times.of_entries(session_id, times))
        orders = [order_of(change) for change in changes]
        if len(orders) == 1:
            rows = [await self._one(session_id, orders[0])]
        else:
            rows = await self._all(session_id, orders)
        return answered_together(lambda index: answer_to(changes[index], rows[index]), range(len(changes)))

    async def _one(self, session_id: UUID, order: EntryOrder) -> Any:
        """What the statement of one change answers with."""
        limits = self._limits
        verb, space, key, data, ttl_ns, condition, step, other = order
        change = self._database.change
        row: Any = None
        if verb == "set" and ttl_ns is None and condition is None and not limits.bounds_values:
            row = await self._set.row(space, session_id, key, data, size=len(data or b""))
        match verb:
            case "set" if row is not None:
                pass  # else the session has limits of its own, or a fork is at it
            case "set":
                row = await change(
                    self._set_if, space, session_id, key, data, ttl_ns, condition,
                    limits.session_keys, limits.session_value_bytes,
                )  # fmt: skip
            case "increment":
                row = await change(
                    self._increment, session_id, key, step, limits.session_keys, limits.session_value_bytes
                )
            case "delete" if condition is not None:
                row = await change(self._delete_if, space, session_id, key, condition)
            case "delete":
                row = await change(self._delete, space, session_id, key)
            case "touch":
                row = await change(self._touch, space, session_id, key, ttl_ns)
            case _:
                row = await change(self._swap, space, session_id, key, other, data)
        return row or _NOTHING

    async def _all(self, session_id: UUID, orders: list[EntryOrder]) -> list[Any]:
        """The rows of several changes, up to one that is refused; then nothing was written."""
        if not orders:
            return []
        limits = self._limits
        if is_plain(orders) and not limits.bounds_values:
            keys = [order.key for order in orders]
            data = [order.data for order in orders]
            rows = await self._database.change_all(self._set_all, orders[0].space, session_id, keys, data)
            if rows:  # else the session has limits of its own, or a fork is at it
                found = {row["key"]: row for row in rows}
                return [found[key] for key in keys]
        columns = map(list, zip(*orders, strict=True))
        return await self._database.change_all(
            self._apply, session_id, *columns, limits.session_keys, limits.session_value_bytes
        )

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        return await self._text(VALUES, session_id, key)

    @override
    async def read_value(self, session_id: UUID, key: str) -> StoredValue | None:
        row = await self._database.row(self._read, VALUES, session_id, key)
        return None if row is None else _stored(row)

    @override
    async def get_values(self, session_id: UUID, keys: Collection[str]) -> dict[str, str]:
        rows = await self._database.rows(self._get_several, VALUES, session_id, [*keys])
        found = {key: text_at(key, value) for key, value in rows}
        return {key: found[key] for key in keys if key in found}

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
        return [*map(_stored, await self._page(self._read_page, VALUES, session_id, page))]

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
        return [KeyInfo(*row) for row in await self._page(self._list, VALUES, session_id, page)]

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        row = await self._database.row(self._stat, VALUES, session_id, key)
        return None if row is None else KeyInfo(*row)

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        return await self._text(SECRETS, session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return [SecretInfo(*row) for row in await self._page(self._list, SECRETS, session_id, EVERY_KEY)]

    @override
    async def usage(self, session_id: UUID) -> StorageUsage:
        return StorageUsage(*await self._database.row(self._usage, session_id))

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        return await self._ids.page(after, limit)

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        await self._database.change(self._limit, session_id, *(limits.of_values or (None, None)))

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        [outcome] = await self._database.change(self._fork, source, target, replaced)
        if outcome == "not empty":
            raise SessionNotEmptyError.of(target if replaced is None else replaced)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[ValueChange]:
        rows = await self._database.rows(self._differences, a, b, after or "", limit)
        found = ((_info(row[:5]), _info(row[5:])) for row in rows)
        return [ValueChange.between(row[3] or row[8], *each) for row, each in zip(rows, found, strict=True)]

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

    async def _page(
        self, statements: dict[tuple[bool, bool], str], space: bytes, session_id: UUID, page: KeyPage
    ) -> list[Any]:
        statement = statements[page.is_open, page.reverse]
        end = () if page.is_open else (page.high,)
        return await self._database.rows(statement, space, session_id, page.low, page.limit, *end)

    async def _text(self, space: bytes, session_id: UUID, key: str) -> str | None:
        row = await self._get.row(space, session_id, key)
        return None if row is None else text_at(key, row["value"])


def pages(sql: Callable[[str], str], columns: str) -> dict[tuple[bool, bool], str]:
    """The statements of pages, by whether nothing ends the range of keys, and by direction."""
    return {
        (is_open, reverse): sql(
            f"{columns} FROM {{schema}}.entries WHERE space = $1 AND session_id = $2 AND key >= $3{end}"
            f" AND {ALIVE} ORDER BY key {order} LIMIT $4"
        )
        for is_open, end in ((True, ""), (False, " AND key < $5"))
        for reverse, order in ((False, "ASC"), (True, "DESC"))
    }


def _stored(row: Any) -> StoredValue:
    *stamps, value = row
    return StoredValue(*stamps, value=text_at(stamps[3], value))


def _info(columns: Any) -> KeyInfo | None:
    return None if columns[0] is None else KeyInfo(*columns)
