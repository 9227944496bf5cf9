"""Where an adapter's work is done: on the loop of its store, whoever asks, with ``await`` or without."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.store import Store
from everstore.waiting import running_loop

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
    from concurrent.futures import Future

    from everstore import sync

__all__ = ["Calls"]

T = TypeVar("T")

_LOOK_AFTER = 10.0  # seconds without an answer: does the loop run at all?
_PATIENCE = 30.0  # seconds until a loop that runs would have said so


class Calls:
    """The store of an adapter, and the way to it.

    Over an ``everstore.sync.Store`` both ``go`` and ``wait`` work from any thread and any loop. Over an
    ``everstore.Store`` ``go`` works on the loop that the store was opened on, and ``wait`` from other threads
    than that loop's, where the adapter was made on it.
    """

    def __init__(self, store: Store | sync.Store) -> None:
        """Made by an adapter, which is handed the store."""
        self._face: sync.Store | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        if isinstance(store, Store):
            self.store = store
            self._loop = running_loop()
        else:
            self.store = store.asynchronous
            self._face = store

    async def go(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work answers, for who awaits it."""
        if self._face is None:
            return await work
        return await asyncio.wrap_future(self._face.submit(work))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work answers, for who blocks until it is done."""
        if self._face is not None:
            return self._face.run(work)
        if self._loop is None or self._loop is running_loop():
            work.close()
            raise asyncio.InvalidStateError(
                "a synchronous call needs an everstore.sync.Store (or another thread than the event loop's): "
                "give the adapter everstore.sync.open_store(), or call the method whose name begins with 'a'"
            )
        return _answer_of(asyncio.run_coroutine_threadsafe(work, self._loop), self._loop)

    async def each(self, pages: AsyncGenerator[list[T], None]) -> AsyncIterator[T]:
        """Item by item what comes in pages, each made when it is needed; for who awaits them."""
        try:
            while page := await self.go(_next(pages)):
                for item in page:
                    yield item
        finally:
            await self.go(_close(pages))

    def each_waiting(self, pages: AsyncGenerator[list[T], None]) -> Iterator[T]:
        """The same, for who blocks until each is there."""
        try:
            while page := self.wait(_next(pages)):
                yield from page
        finally:
            self.wait(_close(pages))


def _answer_of(call: Future[T], loop: asyncio.AbstractEventLoop) -> T:
    """What a call on a loop answers; an error where it stands still, perhaps as it waits for us."""
    while True:
        try:
            return call.result(_LOOK_AFTER)
        except TimeoutError:
            if call.done():  # it is the call's own error
                return call.result()
        runs = Event()
        loop.call_soon_threadsafe(runs.set)
        if not runs.wait(_PATIENCE):
            call.cancel()
            raise asyncio.InvalidStateError(
                "the event loop of the store stands still, perhaps as it waits for this synchronous call: "
                "give the adapter everstore.sync.open_store(), or use what the framework awaits"
            )


async def _next(pages: AsyncGenerator[list[T], None]) -> list[T]:
    """The next page that is not empty; an empty one when there are no more."""
    async for page in pages:
        if page:
            return page
    return []


async def _close(pages: AsyncGenerator[list[T], None]) -> None:
    await pages.aclose()
