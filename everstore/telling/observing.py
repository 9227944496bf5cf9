"""Who watches calls: the host's own callables, each handed one record a call, beside the calls themselves."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import msgspec

from everstore.errors import InvalidArgumentError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["CallRecord", "Observer", "Observers", "Outcome", "about_observer", "checked_observers"]

Outcome = Literal["ok", "refused", "failed", "cancelled"]

_MOST_WAITING = 100_000  # records; an observer that hangs must not take all memory
_PATIENCE = 5.0  # seconds that closing waits for the last records to be looked at


class CallRecord(msgspec.Struct, frozen=True, gc=False):
    """One call of a verb, when it is over. Of what was read or written it holds nothing but the size.

    ``started_ns`` is nanoseconds since 1970 in UTC by the machine's clock. ``waited_ns`` is the part of
    ``duration_ns`` that was spent waiting for a connection of a pool or in a queue of the backend, 0 where
    it has none. ``session_id`` is ``None`` for a verb that is about no one session. ``error_code`` is that
    of the error (``EverstoreError.code``), ``bytes`` the size of what was read or written, each ``None``
    where there is none.
    """

    verb: str
    role: str
    backend: str
    session_id: UUID | None
    started_ns: int
    duration_ns: int
    waited_ns: int
    outcome: Outcome
    error_code: str | None
    bytes: int | None


if TYPE_CHECKING:
    Observer = Callable[[CallRecord], object]
else:
    Observer = object


def checked_observers(given: object) -> tuple[Observer, ...]:
    """``on_call=`` as several observers; ``InvalidArgumentError`` for what cannot be called with a record."""
    if given is None:
        return ()
    observers: tuple[Any, ...] = tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for observer in observers:
        complaint = about_observer(observer)
        if complaint is not None:
            raise InvalidArgumentError(f"on_call: {complaint}")
    return observers


def about_observer(observer: object) -> str | None:
    """What keeps an object from watching calls, in words; ``None`` when nothing does."""
    if isinstance(observer, type):  # calling it would make one of each record, and tell nobody
        return f"an observer is an object that takes a CallRecord, not {observer.__name__}, a class"
    if not callable(observer):
        return f"an observer is a callable that takes a CallRecord, not {shown(observer)}"
    if inspect.iscoroutinefunction(observer) or inspect.iscoroutinefunction(type(observer).__call__):
        return "an observer is a plain function: it runs beside the calls, on a thread, and nobody awaits it"
    return None


class Observers:
    """Hands records to observers, in order, on a thread of their own.

    So they can neither change an answer nor delay one: a call pays for a record and an entry in a queue.
    Each record is looked at in a copy of its call's context. What an observer raises is said once.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        """The thread starts with the first record."""
        self._observers = tuple(observers)
        self._records: SimpleQueue[tuple[CallRecord, contextvars.Context] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._dropped = 0
        self._has_ended = False
        self._has_complained = False

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._observers)

    def add(self, observers: Sequence[Observer]) -> None:
        """Let further ones watch, while the store opens."""
        self._observers += tuple(observers)

    def tell(self, record: CallRecord) -> None:
        """Let the observers see a record soon; it is dropped, and counted, when too many wait.

        Of the calls of a closed store nothing is told: nobody is left who could look.
        """
        if self._has_ended:
            return
        if self._records.qsize() >= _MOST_WAITING:
            self._dropped += 1
            return
        self._records.put((record, contextvars.copy_context()))
        if self._thread is None:
            self._start()

    async def drain(self) -> None:
        """Wait, not for ever, until all records were looked at; then no more are."""
        self._has_ended = True
        if self._thread is None:
            return
        self._records.put(None)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._thread.join(_PATIENCE)
        else:
            await self._ended()
        if self._thread.is_alive():
            _say(f"an observer (on_call) was not done after {_PATIENCE:g} s; the last records are lost")
        if self._dropped:
            _say(f"{self._dropped} records were dropped while the observers (on_call) were too far behind")

    async def _ended(self) -> None:
        until = time.monotonic() + _PATIENCE
        while self._thread is not None and self._thread.is_alive() and time.monotonic() < until:  # noqa: ASYNC110 - a thread ends
            await asyncio.sleep(0.001)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="everstore-observers", daemon=True)
                self._thread.start()

    def _look(self) -> None:
        while entry := self._records.get():
            record, context = entry
            for observer in self._observers:
                try:
                    context.run(observer, record)
                except BaseException as error:  # noqa: BLE001 - whatever it is, it is not the call's affair
                    self._complain(observer, error)

    def _complain(self, observer: Observer, error: BaseException) -> None:
        if not self._has_complained:
            self._has_complained = True
            name = getattr(observer, "__qualname__", type(observer).__qualname__)
            _say(f"the observer {name} (on_call) failed with {type(error).__name__} (calls are not affected)")


def _say(line: str) -> None:
    with suppress(Exception):
        sys.stderr.write(f"everstore: {line}\n")
