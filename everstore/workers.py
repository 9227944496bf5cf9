"""Threads that own something each, a connection say, and calls that wait for them.

A hop to a thread and back costs as much as ten small statements, so a hop carries whatever waits:
a worker takes all calls from its queue at once, and hands all answers to the event loop at once.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from queue import SimpleQueue
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal

from everstore.compat import override
from everstore.errors import BackendUnavailableError, EverstoreError, StoreClosedError
from everstore.waiting import meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Call", "LazyWorker", "Outcome", "Worker", "deliver"]

_MOST_AT_ONCE = 512  # calls of one batch, so that the first of them does not wait for thousands


class Call:
    """Work that waits for a thread: ``work(resource, *arguments)``, and the future that wants its answer."""

    __slots__ = (
        "_arguments", "_end", "_is_begun", "_is_settled", "_meter", "_process", "_queued_ns", "_unclaimed",
        "_work", "future", "loop",
    )  # fmt: skip

    def __init__(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Made on the event loop that wants the answer."""
        self._work = work
        self._arguments = arguments
        self._unclaimed = [None]  # whoever pops it decides: the thread to begin, or the caller not to
        self._is_begun = False
        self._is_settled = False
        self._end: asyncio.Future[None] | None = None
        self._process = _process
        self._meter = meter()  # is told how long it waits here, if somebody wants to know
        self._queued_ns = 0 if self._meter is None else perf_counter_ns()
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    async def answer(self) -> Any:
        """Wait for the answer. Whoever is cancelled gets away when the call has happened, or cannot any more.

        One that has not begun does not begin then, so that is at once, or after a commit at most.
        """
        try:
            return await self.future
        except asyncio.CancelledError:
            while not (self._claim() or self._is_settled or self._process is not _process):
                self._end = self.loop.create_future()
                with suppress(asyncio.CancelledError):
                    await self._end
            raise

    def begin(self) -> bool:
        """Whether to do the work, on the worker's thread; from then on it cannot be undone."""
        self._is_begun = self._is_begun or self._claim()
        return self._is_begun

    def run(self, resource: object) -> object:
        """Do the work, on the worker's thread."""
        if self._meter is not None:
            self._meter.nanoseconds += perf_counter_ns() - self._queued_ns
            self._meter = None  # a transaction that is made again is no waiting
        return self._work(resource, *self._arguments)

    def settle(self, answer: object, error: EverstoreError | None) -> None:
        """Hand over the answer, or the error in its place, on the event loop."""
        self._is_settled = True
        if self._end is not None and not self._end.done():
            self._end.set_result(None)
        if self.future.done():  # cancelled while it was under way
            return
        if error is None:
            self.future.set_result(answer)
        else:
            self.future.set_exception(error)

    def _claim(self) -> bool:
        try:
            self._unclaimed.pop()  # atomic, where asking first would not be
        except IndexError:
            return False
        return True


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
        call.settle(answer, error)


_process = object()
"""Stands for this process, at a tenth of the price of its id: a thread that serves calls is in one only."""


def _begin_process() -> None:
    global _process  # noqa: PLW0603 - a process has one
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_process)


class Worker:
    """A thread with a queue. Calls are served in order; closing serves those that already wait."""

    def __init__(self, backend: str, task: str) -> None:
        """``task`` is what the thread does for that backend; it starts with ``start``."""
        self.backend = backend
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._lock = threading.Lock()  # nothing may enter the queue behind the end of it
        self._pending = 0
        self._is_closed = False
        self._dead: tuple[str, BaseException] | None = None
        self._thread = threading.Thread(target=self._main, name=f"everstore-{backend}-{task}", daemon=True)

    @property
    def pending(self) -> int:
        """How many calls wait, or are under way."""
        return self._pending

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Call:
        """Queue a call; what waits for it does so on the running loop. ``StoreClosedError`` when closed."""
        call = Call(work, arguments)
        with self._lock:
            if self._is_closed:
                raise StoreClosedError("the store is closed")
            if self._dead is not None:
                raise self._broken(*self._dead, happened=False)
            self._queue.put(call)
            self._pending += 1
        return call

    def close(self) -> None:
        """Serve what waits, let go of the connection, and end the thread. Blocks until then."""
        with self._lock:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _main(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:  # noqa: BLE001 - nobody is above; the callers are told
            self._die(error)
        finally:
            self._release()

    def _turn(self) -> bool:
        """Serve whatever waits next; whether the thread goes on."""
        first = self._next()
        if first is None:
            return False
        batch, is_last = self._with_waiting([first])
        try:
            self._serve(batch)
        except BaseException as error:
            self._give_up(batch, error)
            self._recover()
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                self._pending -= len(batch)
        return not is_last

    def _give_up(self, batch: list[Call], error: BaseException) -> None:
        """Tell the calls that are not settled yet; those that are do not hear it."""
        message = f"{self.backend}: a thread of the store failed with {type(error).__name__}"
        deliver([(call, None, self._broken(message, error)) for call in batch])

    def _recover(self) -> None:
        """Make ready for the next call after one that went wrong; raises when that is impossible."""

    def _die(self, error: BaseException) -> None:
        """Refuse every call from now on, those that wait first: nobody is left to serve them."""
        message = (
            f"{self.backend}: a thread of the store ended with {type(error).__name__}; open the store again"
        )
        with self._lock:
            self._dead = (message, error)
            waiting = [self._queue.get() for _ in range(self._queue.qsize())]
        deliver(
            [
                (call, None, self._broken(message, error, happened=False))
                for call in waiting
                if call is not None
            ]
        )

    def _broken(
        self, message: str, error: BaseException, *, happened: Literal[False] | None = None
    ) -> EverstoreError:
        told = BackendUnavailableError(message, backend=self.backend, happened=happened)
        told.__cause__ = error
        return told

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


class LazyWorker(Worker):
    """A worker whose thread starts when it is first needed."""

    def __init__(self, backend: str, task: str) -> None:
        """Nothing is started."""
        super().__init__(backend, task)
        self._is_started = False

    @override
    def submit(self, work: Callable[..., Any], *arguments: Any) -> Call:
        if not self._is_started:
            with self._lock:
                if not (self._is_started or self._is_closed):
                    self.start()  # or not, when no thread is to be had: then the next call tries again
                    self._is_started = True
        return super().submit(work, *arguments)

    @override
    def close(self) -> None:
        if self._is_started:
            super().close()
        self._is_closed = True
