"""An event loop in a thread, as the threads see it that wait for what it does."""

from __future__ import annotations

import atexit
import os
import warnings
import weakref
from collections import abc
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from everstore.compat import override
from everstore.errors import InvalidArgumentError, StoreClosedError, StoreContextError, shown
from everstore.sync.calls import Submitted, Waiting, name_of
from everstore.sync.serving import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from concurrent.futures import Future

    from everstore.errors import EverstoreError

__all__ = ["Face", "LoopThread"]

T = TypeVar("T")

_PATIENCE = 5.0  # seconds that the end of the process waits for a store that nobody closed


class LoopThread:
    """Runs coroutines for threads that wait for them; many threads at once, none waits for another."""

    def __init__(self) -> None:
        """Start the thread."""
        self._server = Server()
        _alive.add(self._server)
        weakref.finalize(self, _forgotten, self._server).atexit = False

    def keep(self, close_store: Callable[[], Awaitable[None]]) -> None:
        """Keep a store until the end, which is when ``close_store`` is called."""
        self._server.close_store = close_store

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What the coroutine answers or raises; the calling thread waits for it.

        It runs in a copy of the caller's context. What interrupts the caller (Ctrl-C, a time limit told by a
        signal) cancels the coroutine, and is raised when that has ended.
        """
        self._refuse_misplaced(coroutine, waits=True)
        call = Waiting(coroutine)
        try:
            self._server.put(call)
            call.wait()
        except BaseException:
            self._server.give_up(call)
            raise
        return call.outcome()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """The future of what the coroutine answers or raises; cancelling it cancels the coroutine."""
        self._refuse_misplaced(coroutine, waits=False)
        future: Future[T]
        call, future = Submitted.with_future(coroutine, self._server.cancel)
        self._server.put(call)
        return future

    def close(self) -> None:
        """Close the store and end the thread; returns when both are done, whoever began it.

        An interrupt leaves at once, and does not keep the store from being closed.
        """
        if self._server.is_forked:  # all of it is the parent's
            return
        if self._server.is_here:
            raise StoreContextError(
                "close: called on the store's own event loop, which cannot wait for its own end;"
                " close the store on another thread"
            )
        is_first = self._server.end()
        self._server.join()
        if is_first and self._server.error is not None:
            raise self._server.error

    def _refuse_misplaced(self, coroutine: Coroutine[Any, Any, object], *, waits: bool) -> None:
        """Raise where the coroutine can never run, or would keep itself from running."""
        server = self._server
        if not isinstance(coroutine, abc.Coroutine):
            raise InvalidArgumentError(f"run() and submit() take a coroutine, not {shown(coroutine)}")
        verb = name_of(coroutine)
        refusal: EverstoreError
        if server.is_forked:
            refusal = StoreContextError.of_fork(verb)
        elif server.is_ending:
            refusal = StoreClosedError.refusing(verb)
        elif waits and server.is_here:
            refusal = StoreContextError(
                f"{verb}: called without await on the store's own event loop, which would wait for itself;"
                " await the verbs of store.asynchronous there"
            )
        else:
            return
        coroutine.close()
        raise refusal


class Face(Generic[T]):
    """What has the verbs of ``asynchronous`` without ``await``."""

    __slots__ = ("__weakref__", "_asynchronous", "_loop")

    def __init__(self, asynchronous: T, loop: LoopThread) -> None:
        """Made by ``everstore.sync.open_store``."""
        self._asynchronous = asynchronous
        self._loop = loop

    @override
    def __repr__(self) -> str:
        return f"<sync of {self._asynchronous!r}>"


_alive: weakref.WeakSet[Server] = weakref.WeakSet()


def _forgotten(server: Server) -> None:
    # On whatever thread it is noticed, the loop's own too, and so without waiting for the end.
    if server.end():
        warnings.warn("a store of everstore.sync was never closed", ResourceWarning, stacklevel=2)


def _end_with_process() -> None:
    servers = [server for server in list(_alive) if not server.is_forked]
    for server in servers:
        server.end(with_process=True)
    for server in servers:
        server.join(_PATIENCE)


def _refuse_after_fork() -> None:
    for server in _alive:
        server.is_forked = True


# Called when the threads have ended that Python waits for, which may use a store to their end. What cannot
# be closed in time ends with the process: whatever was answered is stored by then.
atexit.register(_end_with_process)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_refuse_after_fork)
