"""A bound for a check that holds wherever it hangs: in a call, in a thread, on the loop, while closing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SECONDS", "Hang", "bounded", "is_stuck", "leave_if_stuck"]

SECONDS = 120.0
"""For one check, unless its author says otherwise: what takes longer hangs."""

_AGAIN = 3.0  # seconds until whatever waits on the way out is ended, too


class Hang(KeyboardInterrupt):
    """Raised in the main thread as Ctrl-C is, which nothing but the runner of the suite catches."""


@contextmanager
def bounded(seconds: float, before_waking: Callable[[], object]) -> Iterator[None]:
    """End the block with ``Hang`` after so many seconds, whatever it waits for.

    ``before_waking`` can still see what everybody waits for. Only the main thread of a Unix process can be
    woken so; elsewhere the block has no bound.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def wake(*_: object) -> None:
        before_waking()
        raise Hang

    handler = signal.signal(signal.SIGALRM, wake)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)


def is_stuck() -> bool:
    """Whether a thread is left that the interpreter would wait for at its exit."""
    return any(
        thread.is_alive() and not thread.daemon
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
    )


def leave_if_stuck(status: int) -> None:
    """End the process at once where the interpreter would wait for a thread that hangs."""
    if is_stuck():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # of a full device
                stream.flush()
        os._exit(status)
