"""The event loop and its thread, and the calls on their way to it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.sync.calls import Call, Waiting

__all__ = ["Server"]

_GRACE = 1.0  # seconds that calls under way have to end by themselves once the store is closed


class Server:
    """Begins calls on an event loop, which its thread runs until ``end``.

    The thread is a daemon, so that a store that nobody closes does not keep a process from ending. It keeps
    this object, and nothing that a user holds: who lets go of a store is noticed.
    """

    def __init__(self) -> None:
        """Start the thread."""
        self.close_store: Callable[[], Awaitable[None]] = _nothing
        self.error: BaseException | None = None
        self.is_ending = False
        self.is_forked = False
        self._ending = threading.Lock()
        self._is_gone = threading.Event()
        self._ident: int | None = None
        self._end: asyncio.Task[None] | None = None
        self._begins = True
        self._has_ended = False
        self._is_woken = False
        self._calls: deque[Call[Any]] = deque()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="everstore-sync", daemon=True)
        try:
            self._thread.start()
        except BaseException:  # there are too many
            self.loop.close()
            raise

    @property
    def is_here(self) -> bool:
        """Whether this is the thread of the loop."""
        return threading.get_ident() == self._ident

    def put(self, call: Call[Any]) -> None:
        """Have a call begun soon. One wake-up is enough for all that wait by then."""
        self._calls.append(call)
        if not self._is_woken:
            try:
                self._is_woken = True
                self._soon(self._begin_waiting)
            except BaseException:  # an interrupt: nobody would wake the loop any more
                self._is_woken = False
                raise
        if self._has_ended:  # asked when the call is there: _main looks for calls when this is set
            self._refuse_waiting()

    def cancel(self, call: Call[Any]) -> None:
        """Have a call cancelled soon."""
        self._soon(call.cancel)

    def give_up(self, call: Waiting[Any]) -> None:
        """Cancel a call whose caller was interrupted, and wait until it has ended.

        Who is interrupted once more leaves at once: what is under way may hang.
        """
        if call.is_over:
            return
        self.cancel(call)
        try:
            call.wait()
        except BaseException as second:
            second.add_note(f"{call.name}: interrupted twice, so that it may still happen")
            raise

    def end(self, *, with_process: bool = False) -> bool:
        """Begin to close the store and to end the thread; whether nobody had yet."""
        if self.is_forked or self.is_ending:
            return False
        is_first = self._ending.acquire(blocking=False)
        self._soon(partial(self._begin_end, with_process=with_process))
        self.is_ending = True  # now, so that who closes after an interrupt above begins it
        return is_first

    def join(self, seconds: float | None = None) -> None:
        """Wait for the end of the thread, at most so long."""
        # Python 3.11 and 3.12 take a thread for ended when Thread.join is interrupted.
        if self._is_gone.wait(seconds):
            self._thread.join()

    def _main(self) -> None:
        self._ident = threading.get_ident()
        try:
            self.loop.run_forever()
        finally:
            self.is_ending = self._has_ended = True
            self._refuse_waiting()
            self.loop.close()
            self._ident = None  # another thread may get it
            self._is_gone.set()

    def _soon(self, callback: Callable[[], object]) -> None:
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is closed: what waits is refused elsewhere
            return

    def _begin_waiting(self) -> None:
        self._is_woken = False  # before looking: who puts a call from now on wakes the loop again
        for _ in range(len(self._calls) if self._begins else 0):  # not those that come meanwhile: others wait
            self._calls.popleft().begin(self)

    def _refuse_waiting(self) -> None:
        while True:
            try:
                call = self._calls.popleft()
            except IndexError:  # asking before would not be atomic
                return
            call.refuse()

    def _begin_end(self, *, with_process: bool) -> None:
        if self._end is not None:
            return
        self.is_ending = True
        if with_process:
            self.loop.set_default_executor(_Here())
        self._end = self.loop.create_task(self._finish(with_process=with_process))

    async def _finish(self, *, with_process: bool) -> None:
        try:
            await self.close_store()
        except BaseException as error:  # noqa: BLE001 - whoever closes is told
            self.error = error
        try:
            while tasks := asyncio.all_tasks() - {self._end}:
                await _ended(tasks)
            self._begins = False  # in the same step: all that was begun is over, and the rest is refused
            await self.loop.shutdown_asyncgens()
            if not with_process:  # which has no threads to begin any more
                await self.loop.shutdown_default_executor()
        finally:
            self.loop.stop()


class _Here(ThreadPoolExecutor):
    """Does work at once: when a process ends, Python begins no further thread, and closing needs one."""

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as any executor
            done.set_exception(error)
        return done


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    """Let tasks end; those that take too long are cancelled."""
    _, late = await asyncio.wait(tasks, timeout=_GRACE)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def _nothing() -> None:
    """Close what was never opened."""
