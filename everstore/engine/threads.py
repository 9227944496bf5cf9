"""The threads of one open engine: one that writes, one for short looks, some for searches.

Calls that wait at the same time to write share one transaction, one commit and so one flush; none is answered
before it. Still each fails or succeeds by itself: one that is refused has changed nothing, and is left out.
Should one fail after it changed something, the transaction is made again, ready to undo single calls; should
the transaction itself be lost (the storage is full, say), each call gets one of its own, so that only those
fail that cannot succeed.
"""

from __future__ import annotations

import copy
import threading
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from everstore.compat import override
from everstore.engine.layout import require_layout
from everstore.engine.looking import TooLarge
from everstore.engine.space import EVERYTHING
from everstore.engine.writing import Reading, Writing
from everstore.errors import (
    BackendError,
    BackendUnavailableError,
    EverstoreError,
    QuotaExceededError,
    StorageReplacedError,
)
from everstore.workers import LazyWorker, Worker, deliver

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.engine.base import Engine, Transaction
    from everstore.interfaces import Capabilities
    from everstore.workers import Call, Outcome

__all__ = ["Threads"]

T = TypeVar("T")

_SMALL = 1 << 16  # bytes that a look on the event loop's thread reads at most
_FEW = 100  # things that a look on the event loop's thread is at most about
_SEARCHERS = 4
_LONGEST_WAIT = 0.001  # seconds that an answer waits for those of the same transaction


class _TornError(Exception):
    """A call failed half done, next to others in its transaction."""


def _told(backend: str, error: Exception) -> EverstoreError:
    """The error for one of the callers, each of whom gets one of its own."""
    if isinstance(error, EverstoreError):
        told = copy.copy(error)
    else:
        told = BackendError(f"{backend}: the call failed with {type(error).__name__}", backend=backend)
    told.__cause__ = error
    return told


class _Writer(Worker):
    """The thread that writes."""

    def __init__(self, backend: str, engine: Engine) -> None:
        super().__init__(backend, "writer")
        self._engine = engine
        self._is_done = False  # all calls of the transaction; it may be kept from then on

    @override
    def _serve(self, batch: list[Call]) -> None:
        deliver(self._outcomes(batch))

    @override
    def _release(self) -> None:
        pass

    def _outcomes(self, calls: list[Call]) -> list[Outcome]:
        """Each call's outcome, once all is kept."""
        if len(calls) > 1:
            for can_undo in (False, True):
                self._is_done = False
                try:
                    return self._engine.transact(partial(self._together, calls, can_undo), write=True)
                except _TornError:
                    continue
                except Exception as error:  # noqa: BLE001 - whatever it is, the callers get it
                    if self._is_final(error):
                        return [(call, None, _told(self.backend, error)) for call in calls]
                    break
        return [outcome for call in calls for outcome in self._alone(call)]

    def _is_final(self, error: Exception) -> bool:
        """Whether each call by itself would meet the same, or might happen twice."""
        if self._is_done:  # the transaction may be kept
            return not isinstance(error, QuotaExceededError)
        return isinstance(error, (BackendUnavailableError, StorageReplacedError))

    def _together(self, calls: list[Call], can_undo: bool, transaction: Transaction) -> list[Outcome]:  # noqa: FBT001 - bound to it
        self._is_done = False
        require_layout(self.backend, transaction)
        with closing(Writing(transaction, can_undo=can_undo)) as writing:
            # Not before the transaction has begun: until then, who gives up waiting has not called.
            outcomes = [_outcome(writing, call) for call in calls if call.begin()]
        self._is_done = True
        return outcomes

    def _alone(self, call: Call) -> list[Outcome]:
        def work(transaction: Transaction) -> list[Outcome]:
            require_layout(self.backend, transaction)
            if not call.begin():
                return []
            with closing(Writing(transaction, can_undo=False)) as writing:
                return [(call, call.run(writing), None)]

        try:
            return self._engine.transact(work, write=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
            return [(call, None, _told(self.backend, error))]


def _outcome(writing: Writing, call: Call) -> Outcome:
    before = writing.changes
    writing.begin_call()
    try:
        return call, call.run(writing), None
    except EverstoreError as error:
        if writing.changes != before and not writing.undo_call():
            raise _TornError from error
        return call, None, error


class _Reader(LazyWorker):
    """A thread that reads."""

    def __init__(self, backend: str, engine: Engine) -> None:
        super().__init__(backend, "reader")
        self._engine = engine

    @override
    def _serve(self, batch: list[Call]) -> None:
        calls = [call for call in batch if not call.future.cancelled()]
        while calls:
            outcomes = self._outcomes(calls)
            deliver(outcomes)
            del calls[: len(outcomes)]

    @override
    def _release(self) -> None:
        pass

    def _outcomes(self, calls: list[Call]) -> list[Outcome]:
        """The outcomes of the first of the calls, or of more."""
        try:
            return self._engine.transact(partial(self._some, calls), write=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets it
            if len(calls) > 1:
                return self._outcomes(calls[:1])
            return [(calls[0], None, _told(self.backend, error))]

    def _some(self, calls: list[Call], transaction: Transaction) -> list[Outcome]:
        outcomes: list[Outcome] = []
        until = time.perf_counter() + _LONGEST_WAIT
        with closing(Reading(transaction)) as reading:
            for call in calls:
                try:
                    outcomes.append((call, call.run(reading), None))
                except EverstoreError as error:
                    outcomes.append((call, None, error))
                if time.perf_counter() > until:
                    break
        return outcomes


class Threads:
    """An open engine, and the threads that use it."""

    def __init__(self, backend: str, engine: Engine) -> None:
        """``engine`` is open, and this object's to close; ``backend`` is the name that errors give."""
        self._engine = engine
        self._writer = _Writer(backend, engine)
        self._writer.start()
        self._short = _Reader(backend, engine)
        self._long = [_Reader(backend, engine) for _ in range(_SEARCHERS)]

    @property
    def capabilities(self) -> Capabilities:
        """What the engine claims."""
        return self._engine.capabilities

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work(writing, engine, *arguments)`` answers, once it is kept.

        Work may be done more than once, so it has no effect but on what it is given.
        """
        answer: T = await self._writer.submit(work, self._engine, *arguments).answer()
        return answer

    async def look(self, work: Callable[..., T | TooLarge], *arguments: Any) -> T:
        """What ``work(transaction, engine, most, *arguments)`` finds; ``TOO_LARGE`` is more than ``most``."""
        if self._engine.is_quick:
            found = self._engine.transact(
                lambda transaction: work(transaction, self._engine, _SMALL, *arguments), write=False
            )
            if not isinstance(found, TooLarge):
                return found
        answer: Any = await self._short.submit(work, self._engine, EVERYTHING, *arguments).future
        return cast("T", answer)  # with no limit there is no TOO_LARGE

    async def look_at_some(self, work: Callable[..., T | TooLarge], count: int | None, *arguments: Any) -> T:
        """As ``look``, of ``count`` things, or of all: on the event loop's thread only a few."""
        if count is not None and count <= _FEW:
            return await self.look(work, *arguments)
        answer: Any = await self._short.submit(work, self._engine, EVERYTHING, *arguments).future
        return cast("T", answer)

    async def read(self, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work(transaction, engine, *arguments)`` finds, on the thread for short looks."""
        answer: T = await self._short.submit(work, self._engine, *arguments).future
        return answer

    async def search(self, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work(transaction, engine, unwanted, *arguments)`` finds, on a thread for searches."""
        reader = min(self._long, key=lambda reader: reader.pending)
        unwanted = threading.Event()
        try:
            answer: T = await reader.submit(work, self._engine, unwanted, *arguments).future
            return answer
        finally:
            unwanted.set()  # a search that nobody waits for any more stops

    def close(self) -> None:
        """Finish what waits, end the threads and close the engine; blocks until then."""
        for worker in (self._short, *self._long, self._writer):
            worker.close()
        self._engine.close()
