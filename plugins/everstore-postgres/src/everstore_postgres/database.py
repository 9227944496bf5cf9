"""The one way to the database: statements in, rows out, and errors told in everstore's words."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from everstore.errors import EverstoreError, SettingsError
from everstore_postgres import faults, migrations
from everstore_postgres.address import check_url, parameters_for_the_server
from everstore_postgres.connecting import SERVER_SETTINGS, Way, way_to
from everstore_postgres.host_pool import HostLink, HostPool, check_codecs
from everstore_postgres.pool import Link, NotSentError, Pool
from everstore_postgres.search_turns import SearchTurns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from everstore_postgres.settings import PostgresSettings

__all__ = ["Database", "migrate_database", "open_database"]

T = TypeVar("T")

_DEADLOCKS = 3
"""How often a call is sent again because of them; the server needs a second to see one."""


class Database:
    """An open database. Each statement is one round trip, and a transaction of its own."""

    def __init__(self, pool: Pool | HostPool, searches: SearchTurns, settings: PostgresSettings) -> None:
        """Made by ``open_database``."""
        self.pool = pool
        self._searches = searches
        self._schema = settings.schema_in_sql
        self.search_index = settings.search_index

    def sql(self, text: str) -> str:
        """A statement with the schema's name filled in."""
        return text.replace("{schema}", self._schema)

    def change(self, statement: str, *args: object) -> Awaitable[Any]:
        """The first row that a statement answers with; ``None`` when there is none. Never sent twice."""
        return self.sent(partial(self.pool.call, "fetchrow", statement, *args), changes=True)

    def change_all(self, statement: str, *args: object) -> Awaitable[list[Any]]:
        """All rows that a statement answers with. Never sent twice."""
        return self.sent(partial(self.pool.call, "fetch", statement, *args), changes=True)

    def row(self, statement: str, *args: object) -> Awaitable[Any]:
        """As ``change``, of a statement that only reads: sent again when a connection proves dead."""
        return self.sent(partial(self.pool.call, "fetchrow", statement, *args), changes=False)

    def rows(self, statement: str, *args: object) -> Awaitable[list[Any]]:
        """All rows of a statement that only reads: sent again when a connection proves dead."""
        return self.sent(partial(self.pool.call, "fetch", statement, *args), changes=False)

    async def sent(self, send: Callable[[], Awaitable[T]], *, changes: bool) -> T:
        """What ``send`` answers with, which uses the pool; called again where a row or rows would be.

        What the server broke off for a deadlock it has rolled back: it is sent again, whatever it is.
        """
        deadlocks, last = 0, False
        while True:
            try:
                return await send()
            except NotSentError as error:
                # What was not sent may be sent to somebody else, whatever it is.
                if last or not isinstance(error.__cause__, faults.RETRIED):
                    raise faults.not_sent(error) from error.__cause__
                last = True
            except faults.DRIVER_ERRORS as error:
                if isinstance(error, asyncpg.DeadlockDetectedError) and deadlocks < _DEADLOCKS:
                    deadlocks += 1
                    continue
                if last or changes or not isinstance(error, faults.RETRIED):
                    raise faults.at_work(error, changes=changes) from error
                last = True

    @asynccontextmanager
    async def link(self, *, changes: bool = False) -> AsyncIterator[Link | HostLink]:
        """A connection for several statements; what it throws inside is told in everstore's words."""
        try:
            async with self.pool.link() as link:
                yield link
        except NotSentError as error:
            raise faults.not_sent(error) from error.__cause__
        except faults.DRIVER_ERRORS as error:
            raise faults.at_work(error, changes=changes) from error

    async def begin_search(self) -> None:
        """Wait for the turn of a search: they take turns, so that short calls find a connection."""
        try:
            await self._searches.begin()
        except NotSentError as error:
            raise faults.not_sent(error) from error.__cause__

    def end_search(self) -> None:
        """Give the turn to the next search, however this one ended."""
        self._searches.end()


def _way(settings: PostgresSettings, environment: Mapping[str, str]) -> Way:
    """How every connection is made."""
    check_url(settings.address)
    way = way_to(settings, environment)
    way.arguments |= {
        "timeout": settings.connect_timeout,
        "statement_cache_size": 256 if settings.statement_cache else 0,
        "max_cached_statement_lifetime": 0,
        "server_settings": {"application_name": "everstore"},
    }
    if settings.statement_cache:
        # Behind a proxy that pools by transaction these would be session state.
        way.arguments["server_settings"] |= SERVER_SETTINGS
    return way


def _pool(settings: PostgresSettings, way: Way) -> Pool:
    return Pool(
        way.connect,
        keeps_statements=settings.statement_cache,
        min_size=settings.pool_min_size,
        max_size=settings.pool_max_size,
        wait_seconds=settings.pool_timeout,
        call_seconds=settings.statement_timeout,
    )


@asynccontextmanager
async def open_database(
    settings: PostgresSettings, environment: Mapping[str, str], host_pool: asyncpg.Pool | None = None
) -> AsyncIterator[Database]:
    """The database with its schema up to date; typed errors that name the setting when it cannot be.

    With a pool of the host's own, the URL has no say, and the pool stays open.
    """
    _check(settings)
    if host_pool is not None:
        async with _on_host_pool(settings, host_pool) as database:
            yield database
        return
    pool = _pool(settings, _way(settings, environment))
    try:
        with _told_at_connecting(settings):
            await pool.fill()
        with _told_at_opening():
            async with pool.link(unhurried=True) as link:
                await migrations.at_opening(link.connection, settings)
        yield Database(pool, SearchTurns(pool.max_size, settings.pool_timeout), settings)
    finally:
        await pool.close()


@asynccontextmanager
async def _on_host_pool(settings: PostgresSettings, host_pool: asyncpg.Pool) -> AsyncIterator[Database]:
    if settings.url is not None:
        raise SettingsError(
            "postgres: open_store() was given an asyncpg.Pool, and EVERSTORE_POSTGRES_URL is set; "
            "take one of them out"
        )
    pool = HostPool(host_pool, wait_seconds=settings.pool_timeout, call_seconds=settings.statement_timeout)
    with _told_at_opening():
        try:
            async with pool.link(unhurried=True) as link:
                await check_codecs(link.connection)
                await migrations.at_opening(link.connection, settings)
        except NotSentError as error:
            # "pool is closed" and the like, said by the pool itself: no waiting helps.
            if isinstance(error.__cause__, asyncpg.InterfaceError) and "pool is " in str(error.__cause__):
                raise SettingsError(
                    "postgres: the asyncpg.Pool given to open_store() is not open; "
                    "give it one that 'await asyncpg.create_pool(...)' has made, and that is not closed"
                ) from error
            raise
    yield Database(pool, SearchTurns(pool.max_size, settings.pool_timeout), settings)


async def migrate_database(settings: PostgresSettings, environment: Mapping[str, str]) -> list[str]:
    """Bring the schema up to date, however long it takes; what was done, in words."""
    _check(settings)
    way = _way(settings, environment)
    with _told_at_connecting(settings):
        connection = await way.connect()
    try:
        with _told_at_opening():
            return await migrations.migrate(connection, settings)
    finally:
        await connection.close()


def _check(settings: PostgresSettings) -> None:
    """Refuse what the server or the driver would, or would misread, before either sees it."""
    if settings.schema_name.startswith("pg_") or settings.schema_name == "information_schema":
        raise SettingsError(
            f"postgres: EVERSTORE_POSTGRES_SCHEMA_NAME: {settings.schema_name!r} is the server's own;"
            f" choose a name that is not 'information_schema' and does not begin with 'pg_'"
        )


@contextmanager
def _told_at_connecting(settings: PostgresSettings) -> Iterator[None]:
    """As ``_told_at_opening``, of what can only be wrong with the URL or the role."""
    with _told_at_opening():
        try:
            yield
        except faults.DRIVER_ERRORS as error:
            names = parameters_for_the_server(settings.address)
            told = faults.at_connecting(error, names)
            if told is None:
                raise
            raise told from error


@contextmanager
def _told_at_opening() -> Iterator[None]:
    told: EverstoreError | None = None
    try:
        yield
    except SettingsError as error:
        told = error
    except EverstoreError:
        raise
    except NotSentError as error:
        raise faults.at_opening(error.__cause__) from error.__cause__
    except (*faults.DRIVER_ERRORS, ValueError) as error:
        told = faults.at_opening(error)
        if not isinstance(told, SettingsError):
            raise told from error
    if told is not None:
        # Chained to nothing: what the driver says of the URL quotes parts of it, and a password with '/' or
        # '#' in it is one of them.
        told.__cause__ = told.__context__ = None
        raise told
