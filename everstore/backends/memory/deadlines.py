"""When values and secrets in memory are over."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from everstore.clock import now_ns

if TYPE_CHECKING:
    from everstore.backends.memory.spaces import MemorySpace, Namespace

__all__ = ["Deadlines"]

_SWEPT_AT_ONCE = 32  # each write brings one deadline at most, so it is never the sweeps that fall behind
_STALE = 64  # deadlines that may be out of date besides as many as are not


class Deadlines:
    """When entries are over, those of all sessions of all spaces, the soonest first.

    Writes sweep away what is past its time, whoever wrote it, a bounded number at a time: so nothing
    piles up that nobody asks for again. An entry that is set again or removed leaves its deadline behind,
    out of date; they are thrown away when there are more of those than of others. The user holds a lock.
    """

    def __init__(self) -> None:
        """None yet."""
        self.heap: list[tuple[int, int, str, int]] = []
        """Time, session, key and number of the namespace. Always the same list, for spaces to look at."""
        self.namespaces: list[Namespace] = []
        self._current = 0

    def change(self, before: int | None, after: int | None, number: int, key: str, space: int) -> None:
        """An entry, which was over at ``before``, now is at ``after``; ``None`` is never."""
        if after is None:
            self.drop(1)
            return
        heapq.heappush(self.heap, (after, number, key, space))
        self._current += before is None
        if len(self.heap) > 2 * self._current + _STALE:  # or else a call is saved
            self.drop(0)

    def drop(self, count: int) -> None:
        """So many deadlines are out of date, their entries being gone."""
        self._current -= count
        if len(self.heap) > 2 * self._current + _STALE:
            self.heap[:] = {deadline for deadline in self.heap if self._space(*deadline)}
            heapq.heapify(self.heap)

    def sweep(self, most: int = _SWEPT_AT_ONCE) -> None:
        """Let go of entries that are past their time: a few, or ``most``."""
        now = now_ns()
        for _ in range(most):
            if not self.heap or self.heap[0][0] > now:
                break
            expires_ns, number, key, space = heapq.heappop(self.heap)
            found = self._space(expires_ns, number, key, space)
            if found is not None:
                self._current -= 1
                found.drop(key)
                if not found.entries:
                    del self.namespaces[space].sessions[number]

    def _space(self, expires_ns: int, number: int, key: str, space: int) -> MemorySpace | None:
        """The space of the session, if this deadline is not out of date."""
        found = self.namespaces[space].sessions.get(number)
        entry = None if found is None else found.entries.get(key)
        return found if entry is not None and entry.expires_ns == expires_ns else None
