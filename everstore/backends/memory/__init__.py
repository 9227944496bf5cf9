"""The default backend: everything in this process's memory, and gone with it.

An ordinary plugin: it uses nothing that a stranger's cannot. Correct under threads as well as
tasks: a change holds one lock and never awaits; a read of one entry needs none, for records are
immutable and a dictionary's look-up is atomic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.backends.memory.embedded import (
    InMemorySessionFileStore,
    InMemorySessionFileSystemFactory,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.backends.memory.sessions import MemorySessions
from everstore.backends.memory.storage import MemoryStorage
from everstore.hookspecs import hookimpl

if TYPE_CHECKING:
    from everstore.context import PluginContext
    from everstore.interfaces import SessionFileSystemFactory, SessionStorageStore, SessionStore

__all__ = [
    "InMemorySessionFileStore",
    "InMemorySessionFileSystemFactory",
    "InMemorySessionStorageStore",
    "InMemorySessionStore",
]


@hookimpl
def everstore_file_system_factory() -> SessionFileSystemFactory:
    """Files in memory."""
    return InMemorySessionFileSystemFactory()


@hookimpl
def everstore_storage_store(context: PluginContext) -> SessionStorageStore:
    """Values and secrets in memory."""
    return MemoryStorage(context.limits)


@hookimpl
def everstore_session_store() -> SessionStore:
    """Session records in memory."""
    return MemorySessions()


@hookimpl
def everstore_backup() -> None:
    """Nothing here outlives the process."""
