"""Threads that own a connection each, and calls that wait for them.

A hop to a thread and back costs as much as ten small statements, so a hop carries whatever waits:
a worker takes all calls from its queue at once, and hands all answers to the event loop at once.
"""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.errors import EverstoreError, StoreClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Call", "Outcome", "Worker", "deliver"]

T = TypeVar("T")
_MOST_AT_ONCE = 512  # calls of one batch, so that the first of them does not wait for thousands


class Call:
    """Work that waits for a thread: ``work(resource, *arguments)``, and the future that wants its answer."""

    __slots__ = ("_arguments", "_work", "future", "loop")

    def __init__(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Made on the event loop that wants the answer."""
        self._work = work
        self._arguments = arguments
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    def run(self, resource: object) -> object:
        """Do the work, on the worker's thread."""
        return self._work(resource, *self._arguments)


Outcome = tuple[Call, object, EverstoreError | None]
"""A call, its answer, and the error that stands in the answer's place."""


def deliver(outcomes: Iterable[Outcome]) -> None:
    """Hand answers to their event loops, one wake-up a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].loop, []).append(outcome)
    for loop, group in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, group)
        except RuntimeError:  # the loop is closed, so nobody waits any more
            continue


def _settle(group: list[Outcome]) -> None:
    for call, answer, error in group:
        if call.future.done():  # cancelled while it was under way
            continue
        if error is None:
            call.future.set_result(answer)
        else:
            call.future.set_exception(error)


class Worker:
    """A thread with a queue. Calls are served in order; closing serves those that already wait."""

    def __init__(self, name: str) -> None:
        """``name`` is the thread's; it starts with ``start``."""
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._lock = threading.Lock()  # nothing may enter the queue behind the end of it
        self._is_closed = False
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    @property
    def waiting(self) -> int:
        """About how many calls wait."""
        return self._queue.qsize()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, work: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Queue a call; the future is to be awaited on the running loop.

        Cancelling it before the call began undoes the call; after that the call happens, and its
        answer is dropped.
        """
        call = Call(work, arguments)
        with self._lock:
            if self._is_closed:
                raise StoreClosedError("the store is closed")
            self._queue.put(call)
        return call.future

    def close(self) -> None:
        """Serve what waits, let go of the connection, and end the thread. Blocks until then."""
        with self._lock:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _main(self) -> None:
        try:
            while (first := self._next()) is not None:
                batch, is_last = self._with_waiting([first])
                self._serve(batch)
                if is_last:
                    break
        finally:
            self._release()

    def _next(self) -> Call | None:
        """The next call, however long it takes to come; ``None`` at the end of the queue."""
        return self._queue.get()

    def _with_waiting(self, batch: list[Call]) -> tuple[list[Call], bool]:
        """The batch with all calls that wait by now, and whether the end of the queue was met."""
        for _ in range(min(self._queue.qsize(), _MOST_AT_ONCE - len(batch))):
            call = self._queue.get()  # never waits: nobody else takes from this queue
            if call is None:
                return batch, True
            batch.append(call)
        return batch, False

    def _serve(self, batch: list[Call]) -> None:
        raise NotImplementedError

    def _release(self) -> None:
        raise NotImplementedError
