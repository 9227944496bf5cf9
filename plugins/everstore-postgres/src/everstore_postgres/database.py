"""The one way to the database: a pool of connections, and errors told in everstore's words."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
from everstore.errors import BackendUnavailableError, SettingsError

from everstore_postgres import faults, migrations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from everstore_postgres.settings import PostgresSettings

__all__ = ["Database", "connect_options", "open_database"]


class Database:
    """An open pool. Every method is one round trip, in a transaction of its own."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], settings: PostgresSettings) -> None:
        """Made by ``open_database``."""
        self._pool = pool
        self._pool_timeout = settings.pool_timeout
        self._schema = settings.schema_name

    def sql(self, text: str) -> str:
        """A statement with the schema's name filled in."""
        return text.replace("{schema}", self._schema)

    async def row(self, statement: str, *args: object) -> Any:
        """The statement's only row; ``None`` when it has none. Never sent twice."""
        async with self.connection() as connection:
            return await connection.fetchrow(statement, *args)

    async def rows(self, statement: str, *args: object) -> list[Any]:
        """The rows of a statement that only reads."""
        return await self._read("fetch", statement, args)

    async def found(self, statement: str, *args: object) -> Any:
        """The first row of a statement that only reads; ``None`` when there is none."""
        return await self._read("fetchrow", statement, args)

    async def _read(self, method: str, statement: str, args: tuple[object, ...]) -> Any:
        """Read, and once more when a connection turns out to be dead."""
        try:
            async with self.connection() as connection:
                return await getattr(connection, method)(statement, *args)
        except BackendUnavailableError as error:
            if not isinstance(error.__cause__, faults.CONNECTION_LOST):
                raise
        async with self.connection() as connection:
            return await getattr(connection, method)(statement, *args)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection for one call; what it throws inside is told in everstore's words."""
        try:
            connection = await self._pool.acquire(timeout=self._pool_timeout)
        except TimeoutError as error:
            message = "postgres: no connection was free within EVERSTORE_POSTGRES_POOL_TIMEOUT"
            raise BackendUnavailableError(message) from error
        except faults.DRIVER_ERRORS as error:
            raise faults.at_work(error) from error
        try:
            yield connection
        except faults.DRIVER_ERRORS as error:
            raise faults.at_work(error) from error
        finally:
            await self._pool.release(connection)


def connect_options(settings: PostgresSettings) -> dict[str, Any]:
    """What asyncpg is told for every connection."""
    options: dict[str, Any] = {
        "dsn": settings.url.get_secret_value(),
        "timeout": settings.connect_timeout,
        "command_timeout": settings.statement_timeout,
        "statement_cache_size": 256 if settings.statement_cache else 0,
        "max_cached_statement_lifetime": 0,
        "server_settings": {"application_name": "everstore"},
    }
    if settings.tls is not None:
        options["ssl"] = _tls(settings.tls, settings.tls_ca_file)
    return options


def _tls(mode: str, ca_file: str | None) -> Any:
    if not mode.startswith("verify"):
        return mode
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SettingsError(f"EVERSTORE_POSTGRES_TLS_CA_FILE: {ca_file!r} cannot be read as certificates") from error
    context.check_hostname = mode == "verify-full"
    return context


async def _no_reset(_connection: object) -> None:
    """Nothing to undo when a connection comes back: no call leaves anything in its session."""


@asynccontextmanager
async def open_database(settings: PostgresSettings) -> AsyncIterator[Database]:
    """The database with its schema up to date; typed errors that name the setting when it cannot be."""
    options = connect_options(settings)
    try:
        await migrations.at_opening(settings, options)
        pool = await asyncpg.create_pool(
            min_size=min(settings.pool_min_size, settings.pool_max_size),
            max_size=settings.pool_max_size,
            reset=_no_reset,
            **options,
        )
    except (*faults.DRIVER_ERRORS, ValueError) as error:
        raise faults.at_opening(error) from error
    try:
        yield Database(pool, settings)
    finally:
        await pool.close()
