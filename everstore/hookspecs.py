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
    from collections.abc import Awaitable, Sequence

    from everstore.context import PluginContext
    from everstore.interfaces import SessionFileSystemFactory, SessionStorageStore, SessionStore
    from everstore.middleware import Middleware
    from everstore.settings import PluginSettings

__all__ = [
    "PROJECT",
    "everstore_file_system_factory",
    "everstore_middleware",
    "everstore_migrate",
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


@hookspec
def everstore_middleware(context: PluginContext) -> Middleware | Sequence[Middleware] | None:
    """What this plugin puts around every call of the store, outermost first."""


@hookspec(firstresult=True)
def everstore_migrate(context: PluginContext) -> Sequence[str] | Awaitable[Sequence[str]] | None:
    """Bring what this plugin keeps its data in up to date, for ``everstore migrate``.

    Answers with what was done, a line each; empty when nothing was left to do. Safe to run again, at
    once with others, and while stores are open.
    """
