"""How a command's work comes to its end, also where somebody ends it: what it made is cleaned up first."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["EndedBySignal", "carry_out", "to_the_end"]

T = TypeVar("T")

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class EndedBySignal(KeyboardInterrupt):
    """Somebody ended the process, and not by Ctrl-C."""

    def __init__(self, number: int) -> None:
        """By the signal of this number."""
        super().__init__(number)
        self.number = number

    @property
    def status(self) -> int:
        """The exit status, as a shell reports a process that a signal ended."""
        return 128 + self.number

    @override
    def __str__(self) -> str:
        return signal.Signals(self.number).name


def carry_out(work: Coroutine[Any, Any, T]) -> T:
    """What a command's work answers, on an event loop of its own."""
    return asyncio.run(to_the_end(work))


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await work that cleans up after itself: SIGTERM and SIGHUP end it as Ctrl-C does, not in the middle."""
    task = asyncio.ensure_future(work)
    ended: list[int] = []

    def end(number: int) -> None:
        ended.append(number)
        task.cancel()

    watched = _watch(end)
    try:
        return await task
    except asyncio.CancelledError:
        whole = asyncio.current_task()
        if whole is None or whole.cancelling():
            raise
        raise (EndedBySignal(ended[0]) if ended else KeyboardInterrupt()) from None
    finally:
        for number in watched:
            asyncio.get_running_loop().remove_signal_handler(number)


def _watch(end: Callable[[int], None]) -> list[int]:
    """Have ``end`` called at the signals that nobody handles or ignores (``nohup``); which these are."""
    watched = []
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_DFL:
            continue
        try:
            asyncio.get_running_loop().add_signal_handler(number, end, number)
        except (NotImplementedError, RuntimeError, ValueError):  # on Windows, and off the main thread
            continue
        watched.append(number)
    return watched
