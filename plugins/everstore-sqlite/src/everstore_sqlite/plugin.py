"""The hooks: all three roles, on one database that is opened once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from everstore import SessionFileSystemFactory, hookimpl
from everstore.compat import override
from everstore_sqlite.database import Database
from everstore_sqlite.files import SqliteFileSystem
from everstore_sqlite.sessions import SqliteSessionStore
from everstore_sqlite.settings import SqliteSettings
from everstore_sqlite.storage import SqliteStorageStore

if TYPE_CHECKING:
    from everstore import SessionFileSystem, SessionStorageStore, SessionStore
    from everstore.context import PluginContext

__all__: list[str] = []


async def _database(context: PluginContext) -> Database:
    settings = cast("SqliteSettings", context.settings)
    return await context.shared(Database, lambda: Database.opened(settings))


class SqliteFileSystemFactory(SessionFileSystemFactory):
    """Makes the file system of a store's database."""

    @override
    async def create_session_file_system(self, context: PluginContext) -> SessionFileSystem:
        return SqliteFileSystem(await _database(context), context.limits)


@hookimpl
def everstore_settings() -> type[SqliteSettings]:
    """``EVERSTORE_SQLITE_*``."""
    return SqliteSettings


@hookimpl
def everstore_file_system_factory() -> SessionFileSystemFactory:
    """Files in the database."""
    return SqliteFileSystemFactory()


@hookimpl
async def everstore_storage_store(context: PluginContext) -> SessionStorageStore:
    """Values and secrets in the database."""
    return SqliteStorageStore(await _database(context), context.limits)


@hookimpl
async def everstore_session_store(context: PluginContext) -> SessionStore:
    """Session records in the database."""
    return SqliteSessionStore(await _database(context))
