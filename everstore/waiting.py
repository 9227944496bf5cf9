"""Waiting for what must not be left half done."""

from __future__ import annotations

import asyncio
import os
from typing import TypeVar

__all__ = ["to_the_end"]

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
