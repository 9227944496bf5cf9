"""Opening a store: what the host calls, and light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from os import PathLike

    from everstore.store import Store

__all__ = ["open_store"]


def open_store(
    *provided: object,
    config_file: str | PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    **settings: Any,
) -> AbstractAsyncContextManager[Store]:
    """Open the store that the keywords, the environment and the settings file describe.

    Keywords are setting names without prefix (``backend="acme"``, ``acme_path="x.db"``), and
    win over everything else. ``environment`` takes the place of ``os.environ``; with ``{}`` only the
    keywords count. The one file that is read is the one that ``config_file`` names, or else
    ``EVERSTORE_CONFIG_FILE``. Positional values are handed to plugins by their type
    (``PluginContext.get``); one that no plugin asks for is refused. Everything wrong is told here:
    ``SettingsError`` (it names the setting), ``UnknownBackendError``, ``PluginError``,
    ``BackendUnavailableError``. Closed on the way out.
    """
    return _Opening(provided, {"config_file": config_file, **settings}, environment)


class _Opening:
    """What ``open_store`` answers with.

    No generator: an event loop that ends would close it, and the store with it, under whoever goes on
    with the store on another loop.
    """

    def __init__(
        self, provided: tuple[object, ...], keywords: dict[str, Any], environment: Mapping[str, str] | None
    ) -> None:
        self._provided = provided
        self._keywords = keywords
        self._environment = environment
        self._opened: list[Store] = []

    async def __aenter__(self) -> Store:
        # What is heavy (pydantic, structlog) loads when a store opens, not when everstore is imported.
        from everstore.building import build  # noqa: PLC0415 - loads when needed
        from everstore.configuration import configure  # noqa: PLC0415 - loads when needed

        store = await build(configure(self._keywords, self._environment), self._provided)
        self._opened.append(store)
        return store

    async def __aexit__(self, *_: object) -> None:
        await self._opened.pop().close()
