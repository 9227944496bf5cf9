"""Taking all of a session out of a table: in one statement, or, when that takes too long, in steps.

A call may take so long and no longer, here and, where the operator says so, in the server, too. A session
may have millions of files, and has to go all the same; and nobody may see half of it gone. So the steps
are statements of one transaction, and each of them has the time that a call has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import msgspec

from everstore.errors import BackendUnavailableError

if TYPE_CHECKING:
    from uuid import UUID

    from everstore_postgres.database import Database

__all__ = ["Purge", "Rows"]

_ROWS_AT_ONCE = 5000
_BYTES_AT_ONCE = 256 << 20
_ATTEMPTS = 5
_MET = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
# The server's own time-outs, those that this version has; until the transaction ends.
_UNHURRIED = (
    "SELECT set_config(name, '0', true) FROM pg_catalog.pg_settings"
    " WHERE name IN ('statement_timeout', 'transaction_timeout')"
)


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """A session's rows of a table, in the order of two columns of its key.

    ``after`` holds for the rows that follow ``$2, $3``, and ``upto`` for those that do not follow ``$4, $5``;
    ``starts`` are the places to begin at. ``was`` says of a row whether it counts as having been there.
    ``returning`` are columns that ``also`` needs, an expression that lets go of what the rows had.
    ``function`` takes all at once, ``lock`` is a statement that keeps others out, ``last`` one that ends.
    """

    table: str
    columns: str
    size: str
    after: str
    upto: str
    starts: tuple[tuple[object, object], ...]
    was: str
    returning: str = "NULL AS nothing"
    also: str = "NULL"
    function: str
    lock: str
    isolation: str = "read_committed"
    last: str | None = None


class Purge:
    """Takes a session out of a table, atomically."""

    def __init__(self, database: Database, rows: Rows) -> None:
        """Out of this table."""
        self._database = database
        self._rows = rows
        of_session = f"FROM {{schema}}.{rows.table} WHERE session_id = $1"
        descending = ", ".join(f"{column} DESC" for column in rows.columns.split(", "))
        sql = database.sql
        self._at_once = sql(f"SELECT {{schema}}.{rows.function}($1)")
        self._end = sql(
            f"SELECT {rows.columns} FROM ("
            f"SELECT {rows.columns}, sum(size) OVER (ORDER BY {rows.columns}) - size AS before FROM ("
            f"SELECT {rows.columns}, {rows.size} AS size {of_session} AND {rows.after}"
            f" ORDER BY {rows.columns} LIMIT {_ROWS_AT_ONCE}) f) f"
            f" WHERE before < {_BYTES_AT_ONCE} ORDER BY {descending} LIMIT 1"
        )
        self._step = sql(
            f"WITH gone AS (DELETE {of_session} AND {rows.after} AND {rows.upto}"
            f" RETURNING {rows.was} AS was, {rows.returning})"
            f" SELECT coalesce(bool_or(was), false), {rows.also} FROM gone"
        )
        self._lock = sql(rows.lock)
        self._last = None if rows.last is None else sql(rows.last)

    async def __call__(self, session_id: UUID) -> bool:
        """Whether there was anything."""
        try:
            return bool((await self._database.change(self._at_once, session_id))[0])
        except BackendUnavailableError as error:
            if not _ran_out_of_time(error):
                raise
            found = await self._in_time(session_id)
            if not found and error.happened is None:
                raise  # it may have been this that took everything, or there may never have been anything
            return found

    async def _in_time(self, session_id: UUID) -> bool:
        """Take everything, in steps; whether there was anything."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._in_steps(session_id)
            except BackendUnavailableError as error:
                # Somebody wrote meanwhile what was to go, or counted the same contents in another order; all
                # of it is still there.
                if not isinstance(error.__cause__, _MET):
                    raise
        return await self._in_steps(session_id)

    async def _in_steps(self, session_id: UUID) -> bool:
        found = False
        async with (
            self._database.link(changes=True) as link,
            link.connection.transaction(isolation=self._rows.isolation),
        ):
            await link.fetch(_UNHURRIED)
            link.renew()
            await link.fetchrow(self._lock, session_id)
            for start in self._rows.starts:
                at = start
                while True:
                    link.renew()
                    end = await link.fetchrow(self._end, session_id, *at)
                    if end is None:
                        break
                    link.renew()
                    was, _ = await link.fetchrow(self._step, session_id, *at, *end)
                    found = found or was
                    at = tuple(end)
            if self._last is not None:
                link.renew()
                await link.fetchrow(self._last, session_id)
            link.renew()
        return found


def _ran_out_of_time(error: BackendUnavailableError) -> bool:
    """Whether the call was sent, and stopped for being long: here, by the server, or with its connection."""
    if error.happened is None:
        return isinstance(error.__cause__, (TimeoutError, asyncpg.PostgresConnectionError))
    return isinstance(error.__cause__, asyncpg.QueryCanceledError)
