"""The stores that file systems open: one for the same settings, in each process."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from everstore import sync
from everstore.adapters.fsspec.framework import tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from everstore.store import Store

__all__ = ["Described", "Given", "Opened"]


class Opened(NamedTuple):
    """An open store, and the event loop on which its verbs run."""

    store: sync.Store
    verbs: Store
    loop: asyncio.AbstractEventLoop
    named: set[UUID]
    """The sessions whose records were looked for."""

    @classmethod
    def of(cls, store: sync.Store) -> Opened:
        """What is known of a store."""
        return cls(store, store.asynchronous, store.run(_running_loop()), set())


_opened: dict[tuple[int, str], Opened] = {}
_opening = threading.Lock()


class Described:
    """The store that settings and environment describe: one for all with the same settings in a process."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Nothing is opened."""
        self._settings = settings
        self._token: str = tokenize(settings)

    def opened(self) -> Opened:
        """The store, which is opened when nobody has yet."""
        key = os.getpid(), self._token
        found = _opened.get(key)
        return self._open(key) if found is None else found

    def _open(self, key: tuple[int, str]) -> Opened:
        with _opening:
            found = _opened.get(key)
            if found is None:  # still
                found = Opened.of(sync.open_store(**self._settings))
                _opened[key] = found
            return found

    async def opened_soon(self) -> Opened:
        """The same, and no event loop waits while it is opened."""
        if (os.getpid(), self._token) in _opened:
            return self.opened()
        return await asyncio.to_thread(self.opened)

    def close(self) -> None:
        """Close the store if it is open; whoever asks for it again opens it again."""
        with _opening:
            found = _opened.pop((os.getpid(), self._token), None)
        if found is not None:
            found.store.close()


class Given:
    """An open store, which is its owner's to close."""

    def __init__(self, store: sync.Store) -> None:
        """Asks the store for its event loop."""
        self._opened = Opened.of(store)

    def opened(self) -> Opened:
        """The store."""
        return self._opened

    async def opened_soon(self) -> Opened:
        """The store."""
        return self._opened

    def close(self) -> None:
        """Leave it open."""


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _after_fork() -> None:
    global _opening  # noqa: PLW0603 - another thread of the parent may have held it
    _opening = threading.Lock()
    _opened.clear()  # those of the parent, which are of no use here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
