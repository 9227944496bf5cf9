"""A call on its way to the event loop: the coroutine, and who wants to know how it ends."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import Future
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from everstore.compat import override
from everstore.errors import StoreClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context

    from everstore.sync.serving import Server

__all__ = ["Call", "Submitted", "Waiting", "name_of"]

T = TypeVar("T")


if sys.version_info >= (3, 12):

    def _begun(
        loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None], context: Context
    ) -> asyncio.Task[None]:
        # What never waits, as most calls of memory, is over now, and not after another turn of the loop.
        return asyncio.Task(work, loop=loop, context=context, eager_start=True)

else:

    def _begun(
        loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None], context: Context
    ) -> asyncio.Task[None]:
        return loop.create_task(work, context=context)


class Call(Generic[T]):
    """A coroutine that runs on the loop, in a copy of its caller's context.

    All but making it happens on the loop's thread, and so in order.
    """

    __slots__ = ("_context", "_coroutine", "_is_begun", "_is_cancelled", "_task", "is_over")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        """Nothing has begun."""
        self._coroutine = coroutine
        self._context = copy_context()
        self._task: asyncio.Task[None] | None = None
        self._is_begun = False
        self._is_cancelled = False
        self.is_over = False

    @property
    def name(self) -> str:
        """What to call it in a message: the name of the verb."""
        return name_of(self._coroutine)

    def begin(self, server: Server) -> None:
        """Let the coroutine run, unless it was cancelled before."""
        if not self.is_over:
            self._task = _begun(server.loop, self._drive(server), self._context)

    def cancel(self) -> None:
        """Cancel the coroutine; one that has not begun never does."""
        self._is_cancelled = True
        if self._is_begun and self._task is not None:
            self._task.cancel()
        else:  # cancelling a task that has not begun would keep it from telling
            self._end_before(asyncio.CancelledError())

    def refuse(self) -> None:
        """End what comes too late to begin."""
        self._end_before(StoreClosedError.refusing(self.name))

    def _end_before(self, error: BaseException) -> None:
        if not self.is_over:
            self._coroutine.close()
            self._settle(None, error)

    async def _drive(self, server: Server) -> None:
        if self.is_over:
            return
        self._is_begun = True
        # Whatever is raised belongs to the caller: the loop would end of a SystemExit.
        try:
            answer = await self._coroutine
        except asyncio.CancelledError as error:
            is_late = server.is_ending and not self._is_cancelled
            self._settle(None, StoreClosedError.refusing(self.name) if is_late else error)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            self._settle(None, error)
        else:
            self._settle(answer, None)

    def _settle(self, answer: T | None, error: BaseException | None) -> None:
        self._task = None
        self.is_over = True
        self._tell(answer, error)

    def _tell(self, answer: T | None, error: BaseException | None) -> None:
        """Tell whoever wants to know."""
        raise NotImplementedError


class Waiting(Call[T]):
    """A call whose thread waits for it."""

    __slots__ = ("_answer", "_end", "_error")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        """Nothing has begun."""
        super().__init__(coroutine)
        self._answer: T | None = None
        self._error: BaseException | None = None
        self._end = threading.Lock()
        self._end.acquire()

    def wait(self) -> None:
        """Wait for the end, once."""
        self._end.acquire()

    def outcome(self) -> T:
        """What the coroutine answered, or raised."""
        if self._error is None:
            return cast("T", self._answer)
        error, self._error = self._error, None
        try:
            raise error
        finally:
            del error  # its traceback has this frame: they would keep each other

    @override
    def _tell(self, answer: T | None, error: BaseException | None) -> None:
        self._answer, self._error = answer, error
        self._end.release()


class Submitted(Call[T]):
    """A call that tells a future."""

    __slots__ = ("_future",)

    def __init__(self, coroutine: Coroutine[Any, Any, T], future: Future[T]) -> None:
        """Made by ``with_future``."""
        super().__init__(coroutine)
        self._future: Future[T] | None = future

    @classmethod
    def with_future(
        cls, coroutine: Coroutine[Any, Any, T], cancel: Callable[[Call[T]], None]
    ) -> tuple[Submitted[T], Future[T]]:
        """A call and its future; ``cancel`` is called where the future is cancelled, on any thread."""
        future: Future[T] = Future()
        call = cls(coroutine, future)
        future.add_done_callback(lambda done: cancel(call) if done.cancelled() else None)
        return call, future

    @override
    def begin(self, server: Server) -> None:
        if self._future is not None and self._future.cancelled():
            self.cancel()
        super().begin(server)

    @override
    def _tell(self, answer: T | None, error: BaseException | None) -> None:
        future, self._future = self._future, None  # they would keep each other
        if future is None:
            return
        if isinstance(error, asyncio.CancelledError):
            future.cancel()
        if not future.set_running_or_notify_cancel():  # cancelled, here or by its holder
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast("T", answer))


def name_of(coroutine: Coroutine[Any, Any, object]) -> str:
    """What to call a coroutine in a message: the name of the verb."""
    return str(getattr(coroutine, "__name__", "call"))
