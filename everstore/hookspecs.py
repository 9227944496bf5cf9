"""The hooks that a plugin implements: as many of them as it has something for.

A plugin is a module, named by an entry point of the group ``everstore``::

    # pyproject.toml                                # acme_store/plugin.py
    [project.entry-points.everstore]                from everstore import hookimpl
    acme = "acme_store.plugin"
                                                    @hookimpl
                                                    async def everstore_storage_store(context):
                                                        return AcmeStorageStore(context.settings)

The entry point's name is the backend's name (``EVERSTORE_BACKEND=acme``). Hooks run when a store
opens, never when a verb is called. Each may be a plain function or a coroutine function, and may
leave out arguments that it does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from everstore.context import PluginContext
    from everstore.engine import Engine
    from everstore.interfaces import SessionFileSystemFactory, SessionStorageStore, SessionStore
    from everstore.middleware import Middleware
    from everstore.settings import PluginSettings
    from everstore.telling.observing import Observer

__all__ = [
    "PROJECT",
    "everstore_backup",
    "everstore_check",
    "everstore_engine",
    "everstore_file_system_factory",
    "everstore_middleware",
    "everstore_migrate",
    "everstore_observers",
    "everstore_restore",
    "everstore_session_store",
    "everstore_settings",
    "everstore_storage_store",
    "hookimpl",
    "hookspec",
]

PROJECT = "everstore"
"""The entry-point group, and the prefix of every hook."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def everstore_settings() -> type[PluginSettings] | None:
    """The plugin's own settings: a ``PluginSettings`` class, whose prefix is ``EVERSTORE_<NAME>_``."""


@hookspec(firstresult=True)
def everstore_file_system_factory(
    context: PluginContext,
) -> SessionFileSystemFactory | Awaitable[SessionFileSystemFactory] | None:
    """The factory that makes the file system, when this plugin keeps files."""


@hookspec(firstresult=True)
def everstore_storage_store(
    context: PluginContext,
) -> SessionStorageStore | Awaitable[SessionStorageStore] | None:
    """The store of values and secrets, when this plugin keeps them."""


@hookspec(firstresult=True)
def everstore_session_store(context: PluginContext) -> SessionStore | Awaitable[SessionStore] | None:
    """The store of session records, when this plugin keeps them."""


@hookspec(firstresult=True)
def everstore_engine(context: PluginContext) -> Engine | Awaitable[Engine] | None:
    """An ordered, transactional map of bytes, not yet opened, over which everstore plays all three roles.

    A role that this plugin has a hook of its own for is played by that.
    """


@hookspec
def everstore_middleware(context: PluginContext) -> Middleware | Sequence[Middleware] | None:
    """What this plugin puts around every call of the store, outermost first."""


@hookspec
def everstore_observers(context: PluginContext) -> Observer | Sequence[Observer] | None:
    """Who is handed a ``CallRecord`` of every call of the store, as ``open_store(on_call=...)`` is.

    A plain callable, on a thread beside the calls: it can neither change nor delay an answer.
    """


@hookspec(firstresult=True)
def everstore_migrate(context: PluginContext) -> Sequence[str] | Awaitable[Sequence[str]] | None:
    """Bring what this plugin keeps its data in up to date, for ``everstore migrate``.

    Answers with what was done, a line each; empty when nothing was left to do. Safe to run again, at
    once with others, and while stores are open.
    """


# The next three run without an open store, for ``everstore backup``, ``restore`` and ``check``. Work that
# takes long goes to a thread, and ends soon after a cancellation. Each answers with lines for people,
# which hold neither content nor secrets. ``UnsupportedError`` says what to use in their place.


@hookspec(firstresult=True)
def everstore_backup(
    context: PluginContext, target: Path, place: Path, progress: Callable[[int, int], object]
) -> Sequence[str] | Awaitable[Sequence[str]] | None:
    """Write one moment of all that this plugin keeps to ``target``, while stores go on writing.

    ``target`` is an empty file that only its owner may read; core puts it into ``place``, flushed, when
    this returns, and removes it when it raises. Refuse a ``place`` that is, or would become, a part of
    what this plugin keeps, with ``InvalidArgumentError``. Check what was written before.
    ``progress(done, total)`` may be called from any thread. Answers with what was done; ``None`` says that
    nothing kept here outlives the process.
    """


@hookspec(firstresult=True)
def everstore_restore(
    context: PluginContext, source: Path, progress: Callable[[int, int], object]
) -> Sequence[str] | Awaitable[Sequence[str]] | None:
    """Put what ``everstore_backup`` wrote to ``source`` in the place of all that this plugin keeps.

    Refuse with ``BackendUnavailableError`` while any process has it open, check ``source`` before and
    the result after, and leave the old or the new, whatever happens on the way.
    """


@hookspec(firstresult=True)
def everstore_check(
    context: PluginContext,
    deep: bool,  # noqa: FBT001 - pluggy hands arguments over by name
) -> Sequence[str] | Awaitable[Sequence[str]] | None:
    """What is wrong with what this plugin keeps, a line each; empty when nothing is.

    Changes nothing, also when something is wrong. ``deep`` looks at every row, and at what has to fit
    together; without it as much as a probe can wait for. A storage that is not there yet is sound.
    """
