"""The in-memory stores by themselves, for embedding without a configuration.

Each keeps the whole contract for whoever calls it: the guard that stands before every backend of a store
comes first, and then, of the very same object, the store's own verb, which is the next behind the last of the
guard's classes. What the plugin hands to core has no guard of its own, for it gets one there. That nothing
changes a checkpoint is a store's promise: whoever has these alone, makes none.
"""

# A guard's verbs are plain functions to a type checker (see everstore/guards/files/); mypy checks them.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

from everstore.backends.memory.files import MemoryFiles
from everstore.backends.memory.sessions import MemorySessions
from everstore.backends.memory.storage import MemoryStorage
from everstore.compat import override
from everstore.guards import FileSystemGuard, SessionStoreGuard, StorageGuard
from everstore.guards.whole import ListedGuard
from everstore.interfaces import (
    OpenFileSystem,
    SessionFileSystem,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from uuid import UUID

    from everstore.context import PluginContext
    from everstore.settings import Limits

__all__ = [
    "InMemorySessionFileStore",
    "InMemorySessionFileSystemFactory",
    "InMemorySessionStorageStore",
    "InMemorySessionStore",
]

T = TypeVar("T", bound=type)


def _awaited(call: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    @functools.wraps(call)
    async def verb(*args: Any, **kwargs: Any) -> Any:
        return await call(*args, **kwargs)

    return verb


def _with_coroutines(made: T) -> T:
    """A class whose verbs are coroutine functions: a guard's are not, and refuse before they are awaited."""
    for interface in (SessionFileSystem, SessionStorageStore, SessionStore):
        for name, member in vars(interface).items() if issubclass(made, interface) else ():
            if inspect.iscoroutinefunction(member) and not name.startswith("_"):
                setattr(made, name, _awaited(getattr(made, name)))
    return made


@_with_coroutines
class InMemorySessionFileStore(FileSystemGuard, MemoryFiles, OpenFileSystem):
    """Files in memory: every spelling of a path, every argument checked."""

    def __init__(self, limits: Limits | None = None) -> None:
        """An empty one; without ``limits`` nothing is limited."""
        MemoryFiles.__init__(self, limits)
        FileSystemGuard.__init__(self, cast("SessionFileSystem", super(ListedGuard, self)), limits)

    async def read_text(self, session_id: UUID, path: str) -> str | None:
        """A file's content, ``None`` when there is none."""
        found = await self.read_file(session_id, path)
        return None if found is None else found.content


@_with_coroutines
class InMemorySessionStorageStore(StorageGuard, MemoryStorage):
    """Values and secrets in memory. Secrets stay in clear there: nothing outlives the process."""

    def __init__(self, limits: Limits | None = None) -> None:
        """An empty one; without ``limits`` nothing is limited."""
        MemoryStorage.__init__(self, limits)
        StorageGuard.__init__(self, cast("SessionStorageStore", super(ListedGuard, self)), limits)
        del self.capabilities  # a subclass may declare its own


@_with_coroutines
class InMemorySessionStore(SessionStoreGuard, MemorySessions):
    """Session records in memory."""

    def __init__(self) -> None:
        """An empty one."""
        MemorySessions.__init__(self)
        SessionStoreGuard.__init__(self, cast("SessionStore", super(ListedGuard, self)))


class InMemorySessionFileSystemFactory(SessionFileSystemFactory):
    """Makes an empty file system in memory: one for core, or without a context one by itself."""

    @override
    async def create_session_file_system(self, context: PluginContext | None = None) -> SessionFileSystem:
        return InMemorySessionFileStore() if context is None else MemoryFiles(context.limits)
