"""How long a call keeps the event loop's own thread: computing, or waiting for something.

A tick on the loop notes what the thread did since the last one. What other processes cost it does not count,
as far as it can be told, so that a busy machine is not taken for a busy loop: the thread's processor time is
its own, and what it waits for a processor is taken off, where the system tells that, and so is what another
thread waits for one, which may have the interpreter's lock. And what holds the loop does so each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from everstore.conformance.case import Mismatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

__all__ = ["Turns", "require_short_turns"]

T = TypeVar("T")

_COMPUTING = 0.05  # seconds at a time (§7.6.3)
_TRACED = 4  # times as long, while a tracer (a debugger's, or one that counts lines) runs at every line
_WAITING = 0.1
_TICK = 0.001
_TRIES = 3
_FRAMES = 3


class Turns:
    """The turns of the running loop, for as long as the ``async with`` block lasts.

    ``held`` is ``None``, or says of the longest one that was too long what the loop's thread did; ``longest``
    is how many seconds it took.
    """

    def __init__(self) -> None:
        """Nothing is noted yet."""
        self.held: str | None = None
        self.longest = 0.0
        self._thread = threading.get_ident()
        self._most = _COMPUTING if sys.gettrace() is None else _COMPUTING * _TRACED
        self._began = 0.0
        self._queued_before = 0.0
        self._seen = ""
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="conformance-turns", daemon=True)

    async def __aenter__(self) -> Self:
        self._queue, self._queued_before = _Queue(), _queued_by_all()
        self._began = time.perf_counter()
        self._watcher.start()
        self._ticking = asyncio.create_task(self._tick())
        await asyncio.sleep(0)  # the first turn begins before whatever the block calls
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(_TICK)  # the last turn is noted, too
        self._ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._ticking
        self._over.set()
        self._watcher.join()
        self._queue.close()

    async def _tick(self) -> None:
        while True:
            self._began, computed, queued = time.perf_counter(), time.thread_time(), self._queue.waited()
            await asyncio.sleep(_TICK)
            computing = time.thread_time() - computed
            waiting = time.perf_counter() - self._began - _TICK - computing - (self._queue.waited() - queued)
            if waiting > _WAITING:
                waiting -= _queued_by_all() - self._queued_before
            self._note(computing, waiting)

    def _note(self, computing: float, waiting: float) -> None:
        held = computing + max(waiting, 0.0)
        if held > self.longest and (computing > self._most or waiting > _WAITING):
            self.longest = held
            self.held = f"computed for {computing:.2g} and waited for {max(waiting, 0):.2g} seconds"
            self.held += f", in {self._seen}" if self._seen else ""
        self._seen = ""

    def _watch(self) -> None:
        """See where the thread is in a turn that is about to be too long."""
        while not self._over.wait(_COMPUTING / 4):
            if time.perf_counter() - self._began < _COMPUTING / 2:
                self._queued_before = _queued_by_all()
            elif not self._seen:
                self._seen = _in_words(sys._current_frames().get(self._thread))  # noqa: SLF001 - no other way


class _Queue:
    """How long this thread was ready to run, and waited for a processor: 0 where the system does not tell."""

    def __init__(self) -> None:
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def waited(self) -> float:
        if self._file is None:
            return 0.0
        return _queued(os.pread(self._file, 100, 0))

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)


def _queued(schedstat: bytes) -> float:
    """Seconds, of what Linux tells of a thread: nanoseconds that it ran, and that it waited to run."""
    return int(schedstat.split()[1]) / 1e9


def _queued_by_all() -> float:
    """How long all threads of this process were ready to run, and waited for a processor."""
    total = 0.0
    for file in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            total += _queued(file.read_bytes())
    return total


def _in_words(frame: FrameType | None) -> str:
    """The innermost frames that a thread is in, the innermost last."""
    found: list[str] = []
    while frame is not None and len(found) < _FRAMES:
        code = frame.f_code
        found.append(f"{code.co_filename}:{frame.f_lineno} in {code.co_name}")
        frame = frame.f_back
    return ", ".join(reversed(found))


async def require_short_turns(
    what: str, call: Callable[[], Awaitable[T]], again: Callable[[], Awaitable[Any]] | None = None
) -> T:
    """What the call answers; ``Mismatch`` when it keeps the loop's thread each time that it is made.

    ``again`` prepares another time, which is needed only where the loop was held.
    """
    turns = Turns()
    for turn in range(_TRIES):
        if turn and again is not None:
            await again()
        turns = Turns()
        async with turns:
            answer = await call()
        if turns.held is None:
            return answer
    raise Mismatch(
        f"the event loop's thread to compute for {what} for {_COMPUTING:g} seconds at a time at most, and to"
        " wait for nothing",
        f"that it {turns.held}",
    )
