"""Values and secrets in memory, session by session, and when they are over."""

# To pyright no attribute that is called takes a method's place; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import deque
from copy import copy
from typing import TYPE_CHECKING

from everstore.clock import later_than, now_ns
from everstore.compat import override
from everstore.content import stored_size
from everstore.errors import SessionNotEmptyError
from everstore.rules import Space, Stamps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from uuid import UUID

    from everstore.backends.memory.deadlines import Deadlines
    from everstore.paging import KeyPage
    from everstore.settings import Limits

__all__ = ["Entry", "MemorySpace", "Namespace"]

_FEW = 64  # besides an eighth of all keys: sorting is no more work than putting more into their places
_UNORDERED: deque[str] = deque(maxlen=0)  # it is full at once, and one is enough for whoever keeps no order


class Entry(Stamps, frozen=True, gc=False):
    """A text with its stamps."""

    text: str

    @override
    def __repr__(self) -> str:  # a secret's text shows nowhere
        return f"<entry {self.version:x}>"

    @property
    def is_over(self) -> bool:
        """Whether its time is past."""
        return self.expires_ns is not None and self.expires_ns <= now_ns()


class MemorySpace(Space[Entry]):
    """One session's values, or its secrets. The user holds the lock, but to look at one entry.

    ``changing`` is set while a list of changes is under way, of which none may be seen before the others.
    """

    __slots__ = (
        "_deadlines",
        "_heap",
        "_moved",
        "_namespace",
        "_number",
        "_order",
        "changing",
        "entries",
        "get",
        "get_to_replace",
        "held",
        "limits",
        "next_version",
        "undo",
    )
    # The dictionary's own methods: what is asked at every call costs a tenth of a call.
    get: Callable[[str], Entry | None]
    get_to_replace: Callable[[str], Entry | None]
    next_version: Callable[[], int]

    def __init__(self, number: int, namespace: Namespace) -> None:
        """Empty; ``number`` is the session's."""
        self._number = number
        self._namespace = namespace
        self._deadlines = namespace.deadlines
        self._heap = namespace.deadlines.heap
        self.next_version = namespace.version
        self.limits = namespace.own_limits.get(number, namespace.limits)
        self.changing = True  # until it is kept
        self.entries: dict[str, Entry] = {}
        self.get = self.get_to_replace = self.entries.get
        self._order: list[str] = []
        self._moved = _UNORDERED
        """The keys that came or went since all were put in order; a full one has lost some."""
        self.held = 0
        """The bytes that all entries and their keys have; kept under a limit."""
        self.undo: list[tuple[str, Entry | None]] | None = None
        """Of a list of changes: what was under each key before."""

    def begin(self) -> None:
        """A list of changes begins: until it is settled, all of it can be rolled back."""
        self.changing, self.undo = True, []

    @override
    def text(self, key: str, found: Entry) -> str:
        del key
        return found.text

    @override
    def usage(self, now: int) -> tuple[int, int]:
        del now  # it is what the sweep lets go of
        self._deadlines.sweep(sys.maxsize)
        spaces = [
            namespace.sessions[self._number]
            for namespace in self._deadlines.namespaces
            if self._number in namespace.sessions
        ]
        return sum(len(space.entries) for space in spaces), sum(space.held for space in spaces)

    def set_plainly(self, key: str, text: str) -> Entry | None:
        """What the rule of a set comes to where nothing can refuse it, a third faster; else ``None``."""
        old = self.get(key)
        if old is None or old.expires_ns is not None or self.limits is not None:
            return None
        updated_ns = later_than(old.updated_ns)
        entry = self.entries[key] = Entry(self.next_version(), old.created_ns, updated_ns, None, text)
        if self._heap and self._heap[0][0] <= updated_ns:
            self._deadlines.sweep()
        return entry

    @override
    def put(
        self, key: str, text: str, version: int, created_ns: int, updated_ns: int, expires_ns: int | None
    ) -> None:
        entry, old = Entry(version, created_ns, updated_ns, expires_ns, text), self.entries.get(key)
        if self.changing or self.limits is not None:
            self._note(key, old, entry)
        if old is None:
            self._moved.append(key)
        self.entries[key] = entry
        before = None if old is None else old.expires_ns
        if before != expires_ns:
            self._deadlines.change(before, expires_ns, self._number, key, self._namespace.place)
        if self._heap and self._heap[0][0] <= updated_ns:
            self._deadlines.sweep()

    @override
    def remove(self, key: str, now: int) -> bool:
        old = self.entries.get(key)
        if old is None:
            return False
        self._note(key, old, None)
        self._moved.append(key)
        del self.entries[key]
        if old.expires_ns is None:
            return True
        self._deadlines.drop(1)
        return old.expires_ns > now

    def _note(self, key: str, old: Entry | None, entry: Entry | None) -> None:
        """Note for a list of changes, and for limits, that an entry comes in place of an old one."""
        if entry is not None:  # sweeps look for it there; one may have let go of it, being empty
            self._namespace.sessions[self._number] = self
        if self.undo is not None:
            self.undo.append((key, old))
        if self.limits is not None:
            self.held += _size_of(key, entry) - _size_of(key, old)

    def drop(self, key: str) -> None:
        """Let go of an entry whose deadline is seen to."""
        old = self.entries.pop(key)
        self._moved.append(key)
        if self.limits is not None:
            self.held -= _size_of(key, old)

    def items(self, page: KeyPage) -> list[tuple[str, Entry]]:
        """The keys of a page, each with its entry that is not over."""
        now, entries = now_ns(), self.entries
        found = ((key, entries[key]) for key in page.among(self._ordered()))
        return page.cut(one for one in found if one[1].expires_ns is None or one[1].expires_ns > now)

    def _ordered(self) -> list[str]:
        """All keys in order. They are sorted once; what came or went since then is put in its place."""
        if len(self._moved) == self._moved.maxlen:
            self._order = sorted(self.entries)
            self._moved = deque(maxlen=_FEW + (len(self._order) >> 3))
        for key in self._moved:
            at = bisect_left(self._order, key)
            was_there = self._order[at : at + 1] == [key]
            if key in self.entries and not was_there:
                self._order.insert(at, key)
            elif was_there and key not in self.entries:
                del self._order[at]
        self._moved.clear()
        return self._order

    def alive(self) -> Iterator[Entry]:
        """The entries that are not over."""
        now = now_ns()
        return (e for e in self.entries.values() if e.expires_ns is None or e.expires_ns > now)

    def holds(self) -> bool:
        """Whether there is an entry that is not over."""
        return next(self.alive(), None) is not None

    def keep(self) -> None:
        """Keep it in its namespace, unless nothing is in it."""
        self.changing = False
        if self.entries:
            self._namespace.sessions[self._number] = self
        else:
            self._namespace.sessions.pop(self._number, None)

    def roll_back(self) -> None:
        """Bring back what was there when ``undo`` was begun."""
        undo, self.undo = self.undo or [], None
        for key, old in reversed(undo):
            if old is None:
                self.remove(key, 0)
            else:
                self.put(key, old.text, old.version, old.created_ns, old.updated_ns, old.expires_ns)

    def settled(self) -> MemorySpace:
        """The same after a list of changes; this object stays marked, for whoever looked through it."""
        space = copy(self)
        space.changing, space.undo = False, None
        return space


class Namespace:
    """The values, or the secrets, of all sessions. The user holds the lock, but to look at one entry."""

    def __init__(
        self,
        deadlines: Deadlines,
        version: Callable[[], int],
        limits: Limits | None,
        own_limits: dict[int, Limits],
    ) -> None:
        """Empty; ``deadlines`` and ``own_limits`` (of single sessions) are those of other namespaces, too."""
        self.sessions: dict[int, MemorySpace] = {}
        self.deadlines = deadlines
        self.version = version
        self.limits = limits
        self.own_limits = own_limits
        self.place = len(deadlines.namespaces)
        deadlines.namespaces.append(self)

    def space(self, session_id: UUID) -> MemorySpace:
        """The session's space, which is to be kept when something is in it."""
        return self.sessions.get(session_id.int) or MemorySpace(session_id.int, self)

    def items(self, session_id: UUID, page: KeyPage) -> list[tuple[str, Entry]]:
        """The keys of a page, each with its entry that is not over."""
        space = self.sessions.get(session_id.int)
        return [] if space is None else space.items(page)

    def alive(self, session_id: UUID) -> Iterable[Entry]:
        """The session's entries that are not over."""
        space = self.sessions.get(session_id.int)
        return () if space is None else space.alive()

    def limit(self, session_id: UUID, limits: Limits | None) -> None:
        """Have a session keep to other limits, whose count may not have been kept until now."""
        space = self.sessions.get(session_id.int)
        if space is not None:
            space.limits = limits
            space.held = 0 if limits is None else sum(_size_of(*one) for one in space.entries.items())

    def fork(self, source: UUID, target: UUID, replaced: UUID | None) -> None:
        """Have ``target`` hold what ``source`` does, and ``replaced`` what ``target`` did.

        ``SessionNotEmptyError`` where what is to be empty is not.
        """
        empty = target if replaced is None else replaced
        if self.space(empty).holds():
            raise SessionNotEmptyError.of(empty)
        now = now_ns()
        taken = {
            key: Entry(self.version(), entry.created_ns, entry.updated_ns, entry.expires_ns, entry.text)
            for key, entry in self.space(source).entries.items()
            if entry.expires_ns is None or entry.expires_ns > now
        }
        held = self.space(target)
        held.changing = True  # for good: who looks through it must not see it beside what takes its place
        if replaced is not None:
            self._fill(replaced, held.entries)
        self._fill(target, taken)

    def _fill(self, session_id: UUID, entries: dict[str, Entry]) -> None:
        """Have a session hold these entries, from one moment on, in place of what it held."""
        before = self.space(session_id).entries
        space = MemorySpace(session_id.int, self)
        space.entries = entries
        space.get = space.get_to_replace = entries.get
        if space.limits is not None:
            space.held = sum(_size_of(*one) for one in entries.items())
        space.keep()
        for key, entry in entries.items():
            if entry.expires_ns is not None:
                self.deadlines.change(None, entry.expires_ns, session_id.int, key, self.place)
        self.deadlines.drop(_expiring(before))

    def purge(self, session_id: UUID) -> bool:
        """Take out all of a session; whether there was anything that is not over."""
        space = self.sessions.pop(session_id.int, None)
        if space is None:
            return False
        self.deadlines.drop(_expiring(space.entries))
        return not all(entry.is_over for entry in space.entries.values())


def _expiring(entries: dict[str, Entry]) -> int:
    """How many of them are over some time."""
    return sum(entry.expires_ns is not None for entry in entries.values())


def _size_of(key: str, entry: Entry | None) -> int:
    """The bytes that an entry, if there is one, and its key have, in UTF-8."""
    return 0 if entry is None else stored_size(key, "text") + stored_size(entry.text, "text")
