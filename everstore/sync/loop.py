"""An event loop on a thread of its own, and the calls that other threads make on it."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import warnings
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from everstore.compat import override
from everstore.errors import EverstoreError, InvalidArgumentError, StoreContextError, shown
from everstore.sync.calls import Call, Submitted, Waiting, name_of
from everstore.telling.calls import refusal_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from concurrent.futures import Future

__all__ = ["Face", "LoopThread"]

T = TypeVar("T")

_GRACE = 1.0  # seconds that calls under way have to end by themselves once the store is closed
_PATIENCE = 5.0  # seconds that the end of the process waits for a store that nobody closed


class LoopThread:
    """Runs coroutines for threads that wait for them; many threads at once, none waits for another.

    Its thread is a daemon: a store that is never closed does not keep a process from ending.
    """

    def __init__(self) -> None:
        """Start the thread."""
        self._server = _Server()
        self.is_forked = False
        self.close_store: Callable[[], Awaitable[None]] = _nothing
        _alive.add(self)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine answers or raises; the calling thread waits for it.

        It runs in a copy of the caller's context. What interrupts the caller (Ctrl-C, a time limit told by a
        signal) cancels the coroutine and is raised when that has ended; a second one is raised at once.
        """
        self._refuse_misplaced(coroutine)
        call = Waiting(coroutine)
        try:
            self._server.put(call)
            call.wait()
        except BaseException as interrupt:
            self._server.give_up(call, interrupt)
            raise
        return call.outcome()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """The future of what the coroutine answers or raises; cancelling it cancels the coroutine."""
        self._refuse_misplaced(coroutine, waits=False)
        call = Submitted(coroutine, self._server.cancel)
        self._server.put(call)
        return call.future

    def close(self) -> None:
        """Close the store and end the thread; waits until both are done, whoever began it.

        An interrupt leaves at once, and does not keep the store from being closed.
        """
        if self.is_forked:  # the thread and what it holds are the parent's
            return
        if self._server.is_here:
            raise StoreContextError(
                "close: called on the store's own event loop, which cannot wait for its end;"
                " close the store on another thread"
            )
        is_first = self._server.end(self.close_store)
        self._server.thread.join()
        if is_first and self._server.error is not None:
            raise self._server.error

    def end_with_process(self) -> None:
        """Close as well as it goes: what is not closed in time ends with the process, and loses nothing."""
        if not self.is_forked:
            self._server.end(self.close_store)
            self._server.thread.join(_PATIENCE)

    def _refuse_misplaced(self, coroutine: Coroutine[Any, Any, object], *, waits: bool = True) -> None:
        """Raise where the coroutine can never run, or would keep itself from running."""
        refusal: EverstoreError
        if not asyncio.iscoroutine(coroutine):
            raise InvalidArgumentError(f"run() and submit() take a coroutine, not {shown(coroutine)}")
        name = name_of(coroutine)
        if self.is_forked or self._server.is_ending:
            refusal = refusal_of(name, is_forked=self.is_forked)
        elif waits and self._server.is_here:
            refusal = StoreContextError(
                f"{name}: called without await on the store's own event loop, which would wait for itself;"
                " await the verbs of store.asynchronous there"
            )
        else:
            return
        coroutine.close()
        raise refusal

    def __del__(self) -> None:
        """Close what was forgotten, without waiting: this may be any thread, the loop's own too."""
        if not self.is_forked and self._server.end(self.close_store):
            warnings.warn("a store of everstore.sync was never closed", ResourceWarning, stacklevel=2)


class Face(Generic[T]):
    """What has the verbs of ``asynchronous`` without ``await``."""

    __slots__ = ("_asynchronous", "_loop")

    def __init__(self, asynchronous: T, loop: LoopThread) -> None:
        """Made by ``everstore.sync.open_store``."""
        self._asynchronous = asynchronous
        self._loop = loop

    @override
    def __repr__(self) -> str:
        return f"<sync of {self._asynchronous!r}>"


class _Server:
    """The loop, its thread, and the calls on their way to it. The thread keeps it, and nothing above it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._main, name="everstore-sync", daemon=True)
        self.error: BaseException | None = None
        self.is_ending = False
        self._ending = threading.Lock()
        self._has_ended = False
        self._is_woken = False
        self._calls: deque[Call[Any]] = deque()
        self.thread.start()
        self._ident = self.thread.ident

    @property
    def is_here(self) -> bool:
        """Whether this is the thread of the loop."""
        return threading.get_ident() == self._ident

    def put(self, call: Call[Any]) -> None:
        """Have a call begun soon. One wake-up is enough for all that wait by then."""
        self._calls.append(call)
        if not self._is_woken:
            self._is_woken = True
            self._soon(self._begin_waiting)
        if self._has_ended:  # asked after the call was put, as _main looks for calls after it is set
            self._refuse_waiting()

    def cancel(self, call: Call[Any]) -> None:
        """Have a call cancelled soon."""
        self._soon(call.cancel)

    def give_up(self, call: Waiting[Any], interrupt: BaseException) -> None:
        """Cancel a call whose caller was interrupted, and wait until it has ended."""
        if call.is_over:
            return
        self.cancel(call)
        try:
            call.wait()
        except BaseException as second:
            second.add_note("everstore: the call that was interrupted had not ended: it may still happen")
            raise second from interrupt

    def end(self, close: Callable[[], Awaitable[None]]) -> bool:
        """Begin to close and to end the thread; whether nobody had yet."""
        if not self._ending.acquire(blocking=False):
            return False
        self.is_ending = True
        self._soon(lambda: self._begin_end(close))
        return True

    def _begin_end(self, close: Callable[[], Awaitable[None]]) -> None:
        self._last = self.loop.create_task(self._end(close))

    async def _end(self, close: Callable[[], Awaitable[None]]) -> None:
        try:
            await close()
        except BaseException as error:  # noqa: BLE001 - whoever closes is told
            self.error = error
        try:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if left:
                _, late = await asyncio.wait(left, timeout=_GRACE)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
            await self.loop.shutdown_asyncgens()
            await self.loop.shutdown_default_executor()
        finally:
            self.loop.stop()

    def _main(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self.is_ending = self._has_ended = True
            self._refuse_waiting()
            self.loop.close()

    def _begin_waiting(self) -> None:
        self._is_woken = False  # before looking: who puts a call from now on wakes the loop again
        while self._calls:
            self._calls.popleft().begin(self.loop)

    def _refuse_waiting(self) -> None:
        while True:
            try:
                call = self._calls.popleft()
            except IndexError:
                return
            call.refuse()

    def _soon(self, callback: Callable[[], object]) -> None:
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:  # closed: what waited was refused
            return


async def _nothing() -> None:
    """Close what was never opened."""


_alive: weakref.WeakSet[LoopThread] = weakref.WeakSet()


def _refuse_after_fork() -> None:
    for each in _alive:
        each.is_forked = True


def _end_all() -> None:
    for each in list(_alive):
        each.end_with_process()


# After the threads that Python waits for: they may use a store to their end.
atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_refuse_after_fork)
