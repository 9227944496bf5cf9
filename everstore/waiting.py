"""Waiting: to the end of what must not be left half done, and how long a call waited for its turn."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Meter", "Opened", "meter", "note_wait", "running_loop", "to_the_end"]

T = TypeVar("T")


class Meter:
    """How long one call, made by whoever makes this, waits in queues: for who watches calls."""

    __slots__ = ("_token", "nanoseconds")

    def __init__(self) -> None:
        """Measures the calls of this context until ``stop``."""
        self.nanoseconds = 0
        self._token: Token[Meter | None] = _METER.set(self)

    def stop(self) -> int:
        """The nanoseconds that the call waited."""
        with suppress(ValueError):  # of a call that is thrown away, which whoever collects it ends
            _METER.reset(self._token)
        return self.nanoseconds


_METER: ContextVar[Meter | None] = ContextVar("everstore meter", default=None)


def meter() -> Meter | None:
    """What wants to know how long the call under way waits, for who adds to it elsewhere than in the call."""
    return _METER.get()


def note_wait(nanoseconds: int) -> None:
    """Tell that the call under way has waited so long for a connection, or in a queue. For backends."""
    measuring = _METER.get()
    if measuring is not None:
        measuring.nanoseconds += nanoseconds


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of asyncio that runs here, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def to_the_end(work: asyncio.Future[T]) -> T:
    """What ``work`` gives, however often whoever waits for it is cancelled meanwhile.

    The cancellation goes on when the work is done, and in the place of what it gave. For opening and
    closing: work on a thread cannot be stopped, and what is half closed stays open for ever. In a forked
    child nobody does the work, and nothing is waited for.
    """
    process = os.getpid()
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            if os.getpid() != process:
                raise
            cancelled = error
    if cancelled is None:
        return work.result()
    if not work.cancelled():
        work.exception()  # it is looked at, so that the loop does not report it as lost
    raise cancelled


class Opened(Generic[T]):
    """What is opened and closed on a thread, for the time of an ``async with`` block.

    Whoever is cancelled meanwhile, however often, leaves nothing open. No generator: an event loop that ends
    would close it under whoever goes on with it on another loop.
    """

    def __init__(self, open_: Callable[[], T], close: Callable[[T], object]) -> None:
        """Nothing is opened yet."""
        self._open = open_
        self._close = close

    async def __aenter__(self) -> T:
        opening = asyncio.get_running_loop().create_task(asyncio.to_thread(self._open))
        try:
            self._opened = await to_the_end(opening)
        except asyncio.CancelledError:
            if opening.exception() is None:
                await self._closed(opening.result())
            raise
        return self._opened

    async def __aexit__(self, *_: object) -> None:
        await self._closed(self._opened)

    async def _closed(self, opened: T) -> None:
        await to_the_end(asyncio.get_running_loop().create_task(asyncio.to_thread(self._close, opened)))
