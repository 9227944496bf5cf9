"""A pool of the host's own, which many stores may share: the host makes its connections, and closes them.

Nothing is known of how they were made, so nothing is expected of their sessions on the server: no setting,
and no statement prepared but by the driver, which keeps what it has prepared where the host lets it. Nothing
is left in them, either.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.clock import shift_ns
from everstore.errors import SettingsError
from everstore.waiting import note_wait
from everstore_postgres.pool import DRIVER_ERRORS, NotSentError, PoolExhaustedError, elsewhere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["HostLink", "HostPool", "check_codecs"]


class HostLink:
    """A connection that was taken from the host's pool; it is used as a ``Link`` is."""

    def __init__(self, connection: Any, call_seconds: float | None) -> None:
        """``call_seconds`` is how long its statements may take together; ``None`` is no limit."""
        self.connection = connection
        self._call_seconds = call_seconds
        self.renew()

    def renew(self) -> None:
        """From now on, it may be had for as long as a call may take."""
        self._until = None if self._call_seconds is None else time.monotonic() + self._call_seconds

    async def fetch(self, statement: str, *args: object) -> Any:
        """All rows."""
        await self._turn_clock()
        return await self.connection.fetch(statement, *args, timeout=self._left())

    async def fetchrow(self, statement: str, *args: object) -> Any:
        """The first row, or ``None``."""
        await self._turn_clock()
        return await self.connection.fetchrow(statement, *args, timeout=self._left())

    async def cursor(self, statement: str, *args: object) -> Any:
        """A cursor over the rows of a statement; for inside a transaction."""
        await self._turn_clock()
        return await self.connection.cursor(statement, *args, timeout=self._left())

    def _left(self) -> float | None:
        return None if self._until is None else max(0.001, self._until - time.monotonic())

    async def _turn_clock(self) -> None:
        """Have the session's clock turned as ours is, until it is given back: only a test turns any."""
        if shift_ns():
            await self.connection.execute(f"SET everstore.clock_shift_ns = '{shift_ns()}'")


class HostPool:
    """Statements on connections of an ``asyncpg.Pool``, as ``pool.Pool`` has them. For one event loop."""

    def __init__(self, pool: Any, *, wait_seconds: float, call_seconds: float) -> None:
        """The pool belongs to the running event loop, as this does."""
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self.max_size: int = pool.get_max_size()
        self.wait_seconds = wait_seconds
        self._call_seconds = call_seconds

    async def call(self, method: str, statement: str, *args: object) -> Any:
        """One statement; raises what the driver raises, and ``NotSentError`` where no connection was had."""
        async with self.link() as link:
            return await getattr(link, method)(statement, *args)

    @asynccontextmanager
    async def link(self, *, unhurried: bool = False, until: float | None = None) -> AsyncIterator[HostLink]:
        """A connection for several statements: together within the time that a call may take, or not.

        It is waited for ``until`` then, of ``time.monotonic()``, or as long as a call waits.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise elsewhere()
        connection = await self._taken(until)
        try:
            yield HostLink(connection, None if unhurried else self._call_seconds)
        finally:
            await self._pool.release(connection)

    async def _taken(self, until: float | None) -> Any:
        seconds = self.wait_seconds if until is None else max(0.001, until - time.monotonic())
        began = time.perf_counter_ns()
        try:
            return await self._pool.acquire(timeout=seconds)
        except TimeoutError:
            raise NotSentError from PoolExhaustedError()
        except DRIVER_ERRORS as error:
            raise NotSentError from error
        finally:
            note_wait(time.perf_counter_ns() - began)


_PROBE = "SELECT $1::uuid AS id, $2::bytea AS data, $3::bigint AS number, $4::text AS text"


async def check_codecs(connection: Any) -> None:
    """``SettingsError`` where the host's pool turns what is stored into objects of its own kinds."""
    sent = (UUID(int=1), b"\0\xff", 1 << 62, "\u00e9")
    try:
        row = await connection.fetchrow(_PROBE, *sent)
        is_plain = tuple(row) == sent and [type(value) for value in row[1:]] == [bytes, int, str]
    except (TypeError, ValueError, *DRIVER_ERRORS) as error:
        if isinstance(error, OSError):
            raise
        is_plain = False
    if not is_plain:
        raise SettingsError(
            "postgres: the connections of the pool given to open_store() have codecs of their own for uuid, "
            "bytea, bigint or text; give it a pool that leaves these as asyncpg has them"
        )
