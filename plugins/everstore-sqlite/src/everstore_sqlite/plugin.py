"""The hooks: all three roles, on one database that is opened once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar, cast

from everstore import SessionFileSystemFactory, hookimpl
from everstore.compat import override
from everstore_sqlite.backup import back_up, place_of, restore
from everstore_sqlite.checking import check
from everstore_sqlite.database import Database
from everstore_sqlite.files import SqliteFileSystem
from everstore_sqlite.sessions import SqliteSessionStore
from everstore_sqlite.settings import SqliteSettings
from everstore_sqlite.storage import SqliteStorageStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from everstore import SessionFileSystem, SessionStorageStore, SessionStore
    from everstore.context import PluginContext

__all__: list[str] = []

T = TypeVar("T")


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


@hookimpl
async def everstore_backup(
    context: PluginContext, target: Path, place: Path, progress: Callable[[int, int], object]
) -> list[str]:
    """A copy of the database as one plain file."""
    settings = cast("SqliteSettings", context.settings)
    return await _stoppable(lambda told: back_up(settings, target, place, told), progress)


@hookimpl
async def everstore_restore(
    context: PluginContext, source: Path, progress: Callable[[int, int], object]
) -> list[str]:
    """The database from such a copy."""
    settings = cast("SqliteSettings", context.settings)
    return await _stoppable(lambda told: restore(settings, source, told), progress)


@hookimpl
async def everstore_check(context: PluginContext, deep: bool) -> list[str]:  # noqa: FBT001 - the hook's
    """The pages, and what everstore keeps in them."""
    path = place_of(cast("SqliteSettings", context.settings))
    return await asyncio.to_thread(check, path, deep=deep)


class _StoppedError(Exception):
    """Nobody waits for the work any more."""


async def _stoppable(
    work: Callable[[Callable[[int, int], None]], T], progress: Callable[[int, int], object]
) -> T:
    """What ``work`` answers, on a thread; a cancellation ends it at its next step, and waits for that."""
    is_stopped = False

    def told(done: int, total: int) -> None:
        if is_stopped:
            raise _StoppedError
        progress(done, total)

    working = asyncio.get_running_loop().create_task(asyncio.to_thread(work, told))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        is_stopped = True
        await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # taken, so that nobody tells of it
        raise
