"""What a plugin's hooks are handed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager, AsyncExitStack

    from everstore.provided import Provided
    from everstore.settings import Limits, PluginSettings

__all__ = ["PluginContext"]

T = TypeVar("T")


class PluginContext:
    """One plugin's view of the store that is opening; the same object in each of its hooks.

    ``plugin`` is the name the plugin goes by, ``settings`` its own validated settings (``None``
    when it has none), ``limits`` the limits of §7.4 that only a backend can keep atomically.
    ``environment`` is what the store takes for the environment: read it, never ``os.environ``.
    """

    def __init__(
        self,
        plugin: str,
        settings: PluginSettings | None,
        limits: Limits,
        provided: Provided,
        resources: AsyncExitStack,
        environment: Mapping[str, str],
    ) -> None:
        """Made by ``open_store``; the resources live as long as the store."""
        self.plugin = plugin
        self.settings = settings
        self.limits = limits
        self.environment = environment
        self._provided = provided
        self._resources = resources
        self._shared: dict[type, object] = {}

    def get(self, kind: type[T]) -> T | None:
        """The value of this very type that the host gave to ``open_store(value, ...)``, or ``None``.

        Ask while the store opens, whether or not the value will be needed: one that nobody has asked
        for by then is refused.
        """
        return cast("T | None", self._provided.get(kind))

    async def shared(self, kind: type[T], opener: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """The plugin's one resource of this type, opened at first need and closed with the store.

        A plugin's file system, storage and session store get the same connection pool this way.
        """
        if kind not in self._shared:
            self._shared[kind] = await self._resources.enter_async_context(opener())
        return cast("T", self._shared[kind])
