"""Waiting for what must not be left half done."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Opened", "to_the_end"]

T = TypeVar("T")


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
