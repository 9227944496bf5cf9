"""Namespaces of text by text, and when their entries are over."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import stored_size

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["Deadlines", "Entry", "Space", "size_of"]

_SWEPT_AT_ONCE = 32  # each write brings one deadline at most, so it is never the sweeps that fall behind
_STALE = 64  # deadlines that may be out of date besides as many as are not


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A text with its version and times. Past ``expires_ns`` it counts as absent."""

    text: str
    version: int
    created_ns: int
    updated_ns: int
    expires_ns: int | None

    @override
    def __repr__(self) -> str:  # a secret's text shows nowhere
        return f"<entry {self.version:x}>"

    @property
    def is_over(self) -> bool:
        """Whether its time is past."""
        return self.expires_ns is not None and self.expires_ns <= now_ns()


class Deadlines:
    """When entries are over, those of all sessions of all spaces, the soonest first.

    Writes sweep away what is past its time, whoever wrote it, a bounded number at a time: so nothing
    piles up that nobody asks for again. An entry that is set again or removed leaves its deadline behind,
    out of date; they are thrown away when there are more of those than of others. The user holds a lock.
    """

    def __init__(self) -> None:
        """None yet."""
        self.heap: list[tuple[int, int, str, int]] = []
        """Time, session, key and number of the space. Always the same list, for spaces to look at."""
        self._spaces: list[Space] = []
        self._current = 0

    def join(self, space: Space) -> int:
        """Keep the deadlines of this space, too; its number."""
        self._spaces.append(space)
        return len(self._spaces) - 1

    def change(self, before: int | None, after: int | None, number: int, key: str, space: int) -> None:
        """An entry, which was over at ``before``, now is at ``after``; ``None`` is never."""
        if after is not None:
            heapq.heappush(self.heap, (after, number, key, space))
            self._current += before is None
            self.drop(0)
        else:
            self.drop(1)

    def drop(self, count: int) -> None:
        """So many deadlines are out of date, their entries being gone."""
        self._current -= count
        if len(self.heap) > 2 * self._current + _STALE:
            self.heap[:] = {deadline for deadline in self.heap if self._entries(*deadline)}
            heapq.heapify(self.heap)

    def sweep(self, most: int = _SWEPT_AT_ONCE) -> None:
        """Let go of entries that are past their time: a few, or ``most``."""
        now = now_ns()
        for _ in range(most):
            if not self.heap or self.heap[0][0] > now:
                break
            expires_ns, number, key, space = heapq.heappop(self.heap)
            entries = self._entries(expires_ns, number, key, space)
            if entries:
                self._current -= 1
                del entries[key]
                if not entries:
                    del self._spaces[space].sessions[number]

    def _entries(self, expires_ns: int, number: int, key: str, space: int) -> dict[str, Entry] | None:
        """The entries of the session, if this deadline is not out of date."""
        entries = self._spaces[space].sessions.get(number)
        entry = None if entries is None else entries.get(key)
        return entries if entry is not None and entry.expires_ns == expires_ns else None


class _Counted(dict[str, Entry]):
    """A session's entries by key, and the bytes that they have with their keys; kept under a limit."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    @override
    def __setitem__(self, key: str, entry: Entry) -> None:
        self.size += size_of(key, entry.text) - self._size_at(key)
        super().__setitem__(key, entry)

    @override
    def __delitem__(self, key: str) -> None:
        self.size -= self._size_at(key)
        super().__delitem__(key)

    @override
    def pop(self, key: str, default: Any = None) -> Any:
        self.size -= self._size_at(key)
        return super().pop(key, default)

    def _size_at(self, key: str) -> int:
        entry = self.get(key)
        return 0 if entry is None else size_of(key, entry.text)


def size_of(key: str, text: str) -> int:
    """The bytes that an entry and its key have, in UTF-8."""
    return stored_size(key, "text") + stored_size(text, "text")


class Space:
    """One namespace of all sessions: key to entry, session by session. Its user holds the lock."""

    def __init__(self, deadlines: Deadlines, *, is_counted: bool = False) -> None:
        """Empty; ``deadlines`` may be those of other spaces, too."""
        self.sessions: dict[int, dict[str, Entry]] = {}
        self._entries = _Counted if is_counted else dict[str, Entry]
        self._deadlines = deadlines
        self._heap = deadlines.heap
        self._number = deadlines.join(self)

    def get(self, session_id: UUID, key: str) -> Entry | None:
        """The entry, unless it is over; needs no lock."""
        entries = self.sessions.get(session_id.int)
        entry = None if entries is None else entries.get(key)
        if entry is None or (entry.expires_ns is not None and entry.is_over):
            return None
        return entry

    def put(
        self, session_id: UUID, key: str, text: str, version: int, now: int, expires_ns: int | None = None
    ) -> None:
        """Put a text in place; the time of creation of one that is there survives."""
        number = session_id.int
        entries = self.sessions.get(number)
        if entries is None:
            entries = self.sessions[number] = self._entries()
        old = entries.get(key)
        before = None if old is None else old.expires_ns
        created_ns = updated_ns = now
        if old is not None and (before is None or before > now):
            created_ns = old.created_ns
            if now < old.updated_ns + 1000:  # the clock stands still or went back
                updated_ns = old.updated_ns + 1000
        entries[key] = Entry(text, version, created_ns, updated_ns, expires_ns)
        if before != expires_ns:
            self._deadlines.change(before, expires_ns, number, key, self._number)
        if self._heap and self._heap[0][0] <= now:
            self._deadlines.sweep()

    def held(self, session_id: UUID) -> tuple[int, int]:
        """How many entries a session has, and the bytes that they have, if they are counted.

        Those past their time count until they are swept away.
        """
        entries = self.sessions.get(session_id.int)
        return (len(entries), entries.size) if isinstance(entries, _Counted) else (0, 0)

    def remove(self, session_id: UUID, key: str) -> bool:
        """Take an entry out; whether there was one that is not over."""
        entries = self.sessions.get(session_id.int)
        entry = entries.pop(key, None) if entries else None
        if entry is None:
            return False
        if entry.expires_ns is not None:
            self._deadlines.drop(1)
        return not entry.is_over

    def items(self, session_id: UUID) -> list[tuple[str, Entry]]:
        """Every key with its entry that is not over, sorted by key."""
        entries = self.sessions.get(session_id.int, {})
        return [(key, entry) for key, entry in sorted(entries.items()) if not entry.is_over]

    def purge(self, session_id: UUID) -> bool:
        """Take out all of a session; whether there was anything that is not over."""
        entries = self.sessions.pop(session_id.int, {})
        self._deadlines.drop(sum(entry.expires_ns is not None for entry in entries.values()))
        return not all(entry.is_over for entry in entries.values())
