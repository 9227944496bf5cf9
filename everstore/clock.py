"""The one clock of core and of every backend.

Whoever needs the time reads it here, so that the conformance suite can turn it and let it stand still.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["later_than", "now_ns", "shift_ns", "stopped", "turned"]

_shift_ns = 0
_read = time.time_ns


def now_ns() -> int:
    """Nanoseconds since 1970, in UTC; may go back, as the machine's clock may."""
    return _read() + _shift_ns


def later_than(updated_ns: int) -> int:
    """The time of a change of what changed then last: now, and in any case a microsecond later (§3.2.6)."""
    now, least = _read() + _shift_ns, updated_ns + 1000  # now_ns(), without a call
    return now if now > least else least  # noqa: FURB136 - max() costs twice as much


def shift_ns() -> int:
    """How far the clock is turned in this process: what a backend adds to the time that its server tells."""
    return _shift_ns


@contextmanager
def turned(seconds: float) -> Iterator[None]:
    """Turn this process's clock by so many seconds, back when below 0. For tests; one at a time."""
    global _shift_ns  # noqa: PLW0603 - a process has one clock
    before = _shift_ns
    _shift_ns = before + round(seconds * 1e9)
    try:
        yield
    finally:
        _shift_ns = before


@contextmanager
def stopped() -> Iterator[None]:
    """Let this process's clock stand still; it can still be turned. A server's clock goes on. For tests."""
    global _read  # noqa: PLW0603 - a process has one clock
    before, shown = _read, _read()
    _read = lambda: shown  # noqa: E731 - it takes the place of a function
    try:
        yield
    finally:
        _read = before
