"""The hooks: one pool for files, values, secrets and session records."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import asyncpg

from everstore import hookimpl
from everstore.errors import UnsupportedError
from everstore_postgres.checking import problems_of
from everstore_postgres.database import Database, migrate_database, open_database
from everstore_postgres.files import PostgresFileSystemFactory
from everstore_postgres.sessions import PostgresSessionStore
from everstore_postgres.settings import PostgresSettings
from everstore_postgres.storage import PostgresStorageStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.context import PluginContext
    from everstore.interfaces import SessionFileSystemFactory, SessionStorageStore, SessionStore
    from everstore.settings import PluginSettings


@hookimpl
def everstore_settings() -> type[PluginSettings]:
    """``EVERSTORE_POSTGRES_*``."""
    return PostgresSettings


async def _database(context: PluginContext) -> Database:
    settings, pool = cast("PostgresSettings", context.settings), context.get(asyncpg.Pool)
    return await context.shared(Database, lambda: open_database(settings, context.environment, pool))


@hookimpl
async def everstore_file_system_factory(context: PluginContext) -> SessionFileSystemFactory:
    """Files in PostgreSQL."""
    return PostgresFileSystemFactory(await _database(context))


@hookimpl
async def everstore_storage_store(context: PluginContext) -> SessionStorageStore:
    """Values and secrets in PostgreSQL."""
    return PostgresStorageStore(await _database(context), context.limits)


@hookimpl
async def everstore_session_store(context: PluginContext) -> SessionStore:
    """Session records in PostgreSQL."""
    return PostgresSessionStore(await _database(context))


@hookimpl
async def everstore_migrate(context: PluginContext) -> Sequence[str]:
    """The schema, and the search index where it is wanted."""
    return await migrate_database(cast("PostgresSettings", context.settings), context.environment)


@hookimpl
def everstore_backup(context: PluginContext) -> Sequence[str]:
    """The server's own tools do it, and say how here."""
    raise _by_its_own_tools(context)


@hookimpl
def everstore_restore(context: PluginContext) -> Sequence[str]:
    """The same."""
    raise _by_its_own_tools(context)


def _by_its_own_tools(context: PluginContext) -> UnsupportedError:
    schema = cast("PostgresSettings", context.settings).schema_name
    return UnsupportedError(
        "PostgreSQL has tools of its own for that, which take the URL of EVERSTORE_POSTGRES_URL: "
        f"'pg_dump --schema={schema} --file=FILE URL' while stores are open, and when none is "
        "'psql --single-transaction --set=ON_ERROR_STOP=1 "
        f'--command="DROP SCHEMA IF EXISTS {schema} CASCADE" --file=FILE URL\''
    )


@hookimpl
async def everstore_check(context: PluginContext, deep: bool) -> list[str]:  # noqa: FBT001 - the hook's
    """That the database opens with its schema and rights; with ``deep``, whether its rows fit together."""
    database = await _database(context)
    return await problems_of(database) if deep else []
