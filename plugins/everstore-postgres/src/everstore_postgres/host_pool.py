"""A pool of the host's own, which many stores may share: it makes the connections, and closes them.

Nothing is known of how they were made, so nothing is expected of their sessions on the server: no setting,
and no statement that one of these stores has prepared (the driver's own cache does that, where the host has
not switched it off).
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from everstore.waiting import note_wait
from everstore_postgres.pool import (
    DRIVER_ERRORS,
    Link,
    NotSentError,
    PoolExhaustedError,
    Turns,
    elsewhere,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["HostPool"]


class HostPool:
    """Calls on connections of an ``asyncpg.Pool``, in the way of ``pool.Pool``."""

    def __init__(self, pool: Any, *, wait_seconds: float, call_seconds: float) -> None:
        """For the running event loop, to which the pool belongs as well."""
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._wait_seconds = wait_seconds
        self._call_seconds = call_seconds
        self._turns = Turns(max(1, pool.get_max_size() // 3), wait_seconds)
        self.begin_search, self.end_search = self._turns.begin, self._turns.end
