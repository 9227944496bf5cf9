"""Stamps: the time in nanoseconds, and at once a version that no other write of the store has."""

from __future__ import annotations

from time import time_ns

__all__ = ["Clock"]


class Clock:
    """A clock that never stands still and never goes back. Not locked: its user holds a lock."""

    def __init__(self) -> None:
        """Start now."""
        self._last = 0

    def stamp(self) -> int:
        """Nanoseconds since 1970, greater than any stamp before."""
        now = time_ns()
        if now <= self._last:
            now = self._last + 1
        self._last = now
        return now
