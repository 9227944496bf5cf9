"""What the tests of everstore.sync share."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from everstore import Middleware, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    """No settings file of the developer's is read."""


@pytest.fixture
def store() -> Iterator[sync.Store]:
    """An open store."""
    with sync.open_store() as opened:
        yield opened


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Future]]:
    """Begin something on a thread of its own; the future of its end."""
    with ThreadPoolExecutor() as pool:
        yield pool.submit


class Gate(Middleware):
    """Holds each call of one verb, before it happens or after it, until it is let go or cancelled."""

    def __init__(self, verb: str, *, after: bool = False) -> None:
        self._verb = verb
        self._after = after
        self.free = asyncio.Event()
        self.is_reached = threading.Event()
        self.ends: list[str] = []

    def wrap(self, verb, call):
        async def held(*args, **kwargs):
            answer = await call(*args, **kwargs) if self._after else None
            self.is_reached.set()
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)  # who waits for its end waits for this, too
                self.ends.append("cancelled")
                raise
            self.ends.append("free")
            return answer if self._after else await call(*args, **kwargs)

        return held if verb.name == self._verb else call

    def let_go(self, store: sync.Store) -> None:
        async def opened() -> None:
            self.free.set()

        store.run(opened())


@pytest.fixture
def gate() -> Callable[..., Gate]:
    """A middleware that holds the calls of a verb."""
    return Gate
