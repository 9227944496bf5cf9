"""Opening an engine, once a process and place where it wants that, and closing it."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.engine.layout import keep_to_layout
from everstore.engine.threads import Threads
from everstore.errors import PluginError, SettingsError, StoreContextError
from everstore.waiting import Opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.engine.base import Engine
    from everstore.settings import PluginSettings

__all__ = ["OpenEngine"]

_SHORTEST_KEY, _SMALLEST_VALUE = 64, 6144


class _InUse:
    """The threads of an engine that is open at a place, and how many stores use them."""

    def __init__(self, threads: Threads, settings: PluginSettings | None) -> None:
        self.threads = threads
        self.settings = settings
        self.stores = 1


_in_use: dict[tuple[str, str], _InUse] = {}
_inherited: dict[tuple[str, str], _InUse] = {}  # kept, so that nothing of the parent's is closed here
_lock = threading.Lock()


class OpenEngine:
    """The threads of an engine for the time of an ``async with`` block.

    Stores that open the same place share them, and so have to open it with the same settings.
    ``StoreContextError`` in a child that was forked while one of them was open; ``SettingsError`` for other
    settings than theirs, and for a storage that a newer everstore has written.
    """

    def __init__(
        self,
        backend: str,
        make: Callable[[], Awaitable[Engine]],
        settings: PluginSettings | None = None,
    ) -> None:
        """``make`` gives the engine, not yet opened, of the plugin ``backend`` with these ``settings``."""
        self._backend = backend
        self._make = make
        self._settings = settings

    async def __aenter__(self) -> Threads:
        engine = await self._make()
        self._opened: Opened[Threads] = Opened(
            partial(_open, self._backend, engine, self._settings),
            partial(_close, self._backend, engine.place),
        )
        return await self._opened.__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await self._opened.__aexit__()


def _open(backend: str, engine: Engine, settings: PluginSettings | None) -> Threads:
    if engine.place is None:
        return _started(backend, engine)
    place = backend, engine.place
    with _lock:
        if place in _inherited:
            raise StoreContextError(
                f"{backend}: this process was forked while a store was open at {engine.place!r}, which cannot"
                " be used after that; close every store before forking, or start processes with 'spawn'"
            )
        found = _in_use.get(place)
        if found is None:
            found = _in_use[place] = _InUse(_started(backend, engine), settings)
        else:
            _require_same(engine.place, found.settings, settings)
            found.stores += 1
        return found.threads


def _require_same(place: str, opened: PluginSettings | None, settings: PluginSettings | None) -> None:
    """Refuse what would silently not count: what is open already is open as its first store wanted it."""
    if settings is None:
        return
    for name in type(settings).model_fields:
        wanted, given = getattr(settings, name), getattr(opened, name)
        if wanted != given and not isinstance(wanted, Path):  # a path may be spelled in several ways
            setting = f"{settings.model_config.get('env_prefix', '')}{name}".upper()
            raise SettingsError(
                f"{setting}: another store of this process has {place!r} open with another value; "
                "give both the same"
            )


def _close(backend: str, place: str | None, threads: Threads) -> None:
    if place is None:
        threads.close()
        return
    with _lock:
        found = _in_use[backend, place]
        found.stores -= 1
        if not found.stores:
            del _in_use[backend, place]
            threads.close()


def _started(backend: str, engine: Engine) -> Threads:
    if engine.longest_key < _SHORTEST_KEY or engine.largest_value < _SMALLEST_VALUE:
        raise PluginError(
            f"plugin {backend!r} is broken: its engine's keys have {_SHORTEST_KEY} bytes at least, its values"
            f" {_SMALLEST_VALUE}",
            plugin=backend,
        )
    engine.open()
    try:
        keep_to_layout(engine)
        return Threads(backend, engine)
    except BaseException:
        engine.close()
        raise


def _begin_process() -> None:
    global _lock  # noqa: PLW0603 - somebody may have held it at the fork
    _lock = threading.Lock()
    _inherited.update(_in_use)
    _in_use.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_process)
