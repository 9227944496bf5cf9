"""Reading: single entries on the event loop's own thread, everything longer on threads.

In WAL mode a reader never waits for the writer, and looking up one row by its key takes 10 to 20
us on an open connection: a fifth of a hop to a thread. So small look-ups are made right where the
caller is, on a connection of their own that never waits (a lock that somebody holds sends the call
to a thread), and content above ``SMALL`` bytes is left for a thread to fetch. Listings, large
files and searches always go to a thread.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from everstore.compat import override
from everstore.workers import LazyWorker, deliver
from everstore_sqlite.contents import INLINE_BYTES
from everstore_sqlite.failures import is_busy

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from everstore.workers import Call, Outcome
    from everstore_sqlite.standing import Files

__all__ = ["EVERYTHING", "SMALL", "TOO_LARGE", "Direct", "Reader", "Readers", "TooLarge", "snapshot"]

T = TypeVar("T")

SMALL = INLINE_BYTES
"""Bytes of content that a look-up on the event loop's thread reads at most."""

EVERYTHING = (1 << 63) - 1
"""The same, for a thread: no limit."""


_FEW = 100  # rows that a look on the event loop's thread is at most about


class TooLarge:
    """The answer of a look-up that found more than it may read."""


TOO_LARGE: Final = TooLarge()

_LONGEST_WAIT = 0.001  # seconds that an answer waits for those of the same batch


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Several statements that see one state of the database."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


class Reader(LazyWorker):
    """A thread that reads."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], files: Files) -> None:
        """``connect`` is called on the thread, when the first call comes."""
        super().__init__("sqlite", "reader")
        self._connect = connect
        self._files = files
        self._connection: sqlite3.Connection | None = None

    @override
    def _serve(self, batch: list[Call]) -> None:
        outcomes: list[Outcome] = []
        until = time.perf_counter() + _LONGEST_WAIT
        for call in batch:
            if call.future.cancelled():
                continue
            outcomes.append(self._outcome(call))
            if time.perf_counter() > until:
                deliver(outcomes)
                outcomes = []
                until = time.perf_counter() + _LONGEST_WAIT
        deliver(outcomes)

    def _outcome(self, call: Call) -> Outcome:
        try:
            if self._connection is None:
                self._connection = self._connect()
            answer = call.run(self._connection)
            self._files.require_soon()
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
            return call, None, self._files.explained(error)
        return call, answer, None

    @override
    def _release(self) -> None:
        if self._connection is not None:
            self._connection.close()


class Direct:
    """Look-ups on the caller's own thread."""

    def __init__(self, connection: sqlite3.Connection, files: Files) -> None:
        """``connection`` never waits for a lock."""
        self._connection = connection
        self._files = files
        self._lock = threading.Lock()  # two event loops, on two threads, may use one store

    def look(self, work: Callable[..., T | TooLarge], arguments: tuple[Any, ...]) -> T | TooLarge:
        """What ``work(connection, SMALL, *arguments)`` finds; ``TOO_LARGE`` when a thread has to."""
        if not self._lock.acquire(blocking=False):
            return TOO_LARGE
        try:
            answer = work(self._connection, SMALL, *arguments)
            if monotonic() >= self._files.next_look:
                self._files.require_soon()
            return answer  # noqa: TRY300 - what follows is for a failure
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
            if is_busy(error):
                return TOO_LARGE
            failure = self._files.explained(error)
        finally:
            self._lock.release()
        raise failure  # out here, where it does not carry the driver's words as its context

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()


class Readers:
    """All that reads: one thread for short calls, which go many to a hop, and some for searches."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        files: Files,
        searchers: int,
        direct: Direct | None,
    ) -> None:
        """Threads start, and connect, when they are first needed; ``direct`` is somebody else's to close."""
        self._short = Reader(connect, files)
        self._long = [Reader(connect, files) for _ in range(searchers)]
        self._direct = direct

    async def look(self, work: Callable[..., T | TooLarge], *arguments: Any) -> T:
        """What ``work(connection, most, *arguments)`` finds; ``TOO_LARGE`` stands for more than ``most``."""
        if self._direct is not None:
            found = self._direct.look(work, arguments)
            if not isinstance(found, TooLarge):
                return found
        answer: Any = await self._short.submit(work, EVERYTHING, *arguments).future
        return cast("T", answer)  # with no limit there is no TOO_LARGE

    async def look_at_some(self, work: Callable[..., T | TooLarge], count: int | None, *arguments: Any) -> T:
        """As ``look``, of ``count`` rows, or of all: on the caller's own thread only a few."""
        if count is not None and count <= _FEW:
            return await self.look(work, *arguments)
        answer: Any = await self._short.submit(work, EVERYTHING, *arguments).future
        return cast("T", answer)

    async def read(self, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work(connection, *arguments)`` finds, on the thread for short calls."""
        answer: T = await self._short.submit(work, *arguments).future
        return answer

    async def search(self, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work(connection, *arguments)`` finds, on the least busy thread for searches."""
        reader = min(self._long, key=lambda reader: reader.pending)
        answer: T = await reader.submit(work, *arguments).future
        return answer

    def close(self) -> None:
        """End the threads; blocks until then."""
        for reader in (self._short, *self._long):
            reader.close()
