"""Searches take turns: together they have a third of the connections, so that short calls find one."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns

from everstore.waiting import note_wait
from everstore_postgres.pool import NotSentError, PoolExhaustedError

__all__ = ["SearchTurns"]


class SearchTurns:
    """The turns of the searches of one store. For one event loop."""

    def __init__(self, connections: int, wait_seconds: float) -> None:
        """``connections`` are all that there may be."""
        self._free = asyncio.Semaphore(max(1, connections // 3))
        self._wait_seconds = wait_seconds

    async def begin(self) -> None:
        """Wait for a turn; ``NotSentError`` when none comes in time. ``end`` must follow."""
        if not self._free.locked():
            await self._free.acquire()
            return
        began = perf_counter_ns()
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError:
            raise NotSentError from PoolExhaustedError()
        finally:
            note_wait(perf_counter_ns() - began)

    def end(self) -> None:
        """The next search may begin."""
        self._free.release()
