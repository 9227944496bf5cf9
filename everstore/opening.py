"""Opening a store: what the host calls, and light to import."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from everstore.arguments import plain_wait
from everstore.errors import BackendUnavailableError
from everstore.loading import loading

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from os import PathLike

    from everstore.store import Store
    from everstore.telling.observing import Observer

__all__ = ["Opening", "open_store"]


def open_store(
    *provided: object,
    config_file: str | PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    wait: float = 0,
    on_call: Observer | Sequence[Observer] | None = None,
    **settings: Any,
) -> Opening:
    """Open the store that the keywords, the environment and the settings file describe.

    Either way::

        async with open_store() as store: ...

        store = await open_store()
        ...
        await store.close()

    Keywords are setting names without prefix (``backend="acme"``, ``acme_path="x.db"``), and
    win over everything else. ``environment`` takes the place of ``os.environ``; with ``{}`` only the
    keywords count. The one file that is read is the one that ``config_file`` names, or else
    ``EVERSTORE_CONFIG_FILE``. Positional values are handed to plugins by their type
    (``PluginContext.get``); one that no plugin asks for is refused. A ``KeyRing`` among them takes the place
    of ``EVERSTORE_SECRETS_KEYS``. ``middleware`` may name plugins, and
    hold ``Middleware`` objects of the host's own, outermost first. ``on_call`` is handed a ``CallRecord``
    of every call, on a thread of its own: it can neither change nor delay an answer.

    Everything wrong is told here: ``SettingsError`` (it names the setting), ``UnknownBackendError``,
    ``PluginError``, ``BackendUnavailableError``; the last one only when the backend is not there within
    ``wait`` seconds.
    """
    return Opening(provided, {"config_file": config_file, **settings}, environment, wait, on_call)


class Opening:
    """What ``open_store`` answers with: to be awaited, or entered; nothing happens before.

    No generator: an event loop that ends would close it, and the store with it, under whoever goes on
    with the store on another loop.
    """

    def __init__(
        self,
        provided: tuple[object, ...],
        keywords: dict[str, Any],
        environment: Mapping[str, str] | None,
        wait: float,
        on_call: object,
    ) -> None:
        """Made by ``open_store``."""
        self._provided = provided
        self._keywords = keywords
        self._environment = environment
        self._wait = wait
        self._on_call = on_call
        self._opened: list[Store] = []

    def __await__(self) -> Generator[Any, Any, Store]:
        """Open the store, which its user closes."""
        return self._open().__await__()

    async def __aenter__(self) -> Store:
        """Open the store, which is closed on the way out."""
        store = await self._open()
        self._opened.append(store)
        return store

    async def __aexit__(self, *_: object) -> None:
        """Close the store that was entered last."""
        await self._opened.pop().close()

    async def _open(self) -> Store:
        # What is heavy (pydantic, structlog) loads when a store opens, not when everstore is imported.
        with loading:
            from everstore.building import build  # noqa: PLC0415 - loads when needed
            from everstore.configuration import configure  # noqa: PLC0415 - loads when needed
            from everstore.hosting import Host  # noqa: PLC0415 - loads when needed

            keywords = dict(self._keywords)
            host = Host.of(self._provided, keywords, self._on_call)
            configuration = configure(keywords, self._environment)
        until = time.monotonic() + plain_wait(self._wait)
        pause = 0.1
        while True:
            try:
                return await build(configuration, host)
            except BackendUnavailableError:
                if time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)
