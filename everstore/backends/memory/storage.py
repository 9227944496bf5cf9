"""Values and secrets in memory."""

from __future__ import annotations

import heapq
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from everstore.backends.memory.clock import Clock
from everstore.compat import override
from everstore.content import add_to_counter
from everstore.errors import RevisionConflictError
from everstore.interfaces import SessionStorageStore
from everstore.models import KeyInfo, SecretInfo

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["InMemorySessionStorageStore"]


class _Entry(msgspec.Struct, frozen=True, gc=False):
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
        return self.expires_ns is not None and self.expires_ns <= time.time_ns()


class _Space:
    """One namespace of all sessions: key to entry, session by session. Its user holds the lock."""

    def __init__(self) -> None:
        self._sessions: dict[int, dict[str, _Entry]] = {}
        self._expiring: dict[int, list[tuple[int, str]]] = {}

    def get(self, session_id: UUID, key: str) -> _Entry | None:
        entries = self._sessions.get(session_id.int)
        entry = None if entries is None else entries.get(key)
        if entry is None or (entry.expires_ns is not None and entry.is_over):
            return None
        return entry

    def put(self, session_id: UUID, key: str, text: str, now: int, expires_ns: int | None = None) -> None:
        """Put a text in place; the time of creation of one that is there survives."""
        number = session_id.int
        entries = self._sessions.get(number)
        if entries is None:
            entries = self._sessions[number] = {}
        old = entries.get(key)
        created_ns = now if old is None or (old.expires_ns is not None and old.is_over) else old.created_ns
        entries[key] = _Entry(text, now, created_ns, now, expires_ns)
        if expires_ns is not None and (old is None or old.expires_ns != expires_ns):
            queue = self._expiring.setdefault(number, [])
            heapq.heappush(queue, (expires_ns, key))
            if len(queue) > 2 * len(entries) + 64:  # mostly times that later ones have replaced
                queue[:] = [(entry.expires_ns, key) for key, entry in entries.items() if entry.expires_ns]
                heapq.heapify(queue)
        if self._expiring:
            self._sweep(number, entries)

    def _sweep(self, number: int, entries: dict[str, _Entry]) -> None:
        """Let go of what is past its time, so that keys nobody asks for again do not pile up."""
        queue = self._expiring.get(number)
        now = time.time_ns()
        while queue and queue[0][0] <= now:
            expires_ns, key = heapq.heappop(queue)
            if key in entries and entries[key].expires_ns == expires_ns:
                del entries[key]

    def remove(self, session_id: UUID, key: str) -> bool:
        entries = self._sessions.get(session_id.int)
        entry = entries.pop(key, None) if entries else None
        return entry is not None and not entry.is_over

    def items(self, session_id: UUID) -> list[tuple[str, _Entry]]:
        entries = self._sessions.get(session_id.int, {})
        return [(key, entry) for key, entry in sorted(entries.items()) if not entry.is_over]

    def purge(self, session_id: UUID) -> bool:
        had = bool(self.items(session_id))
        self._sessions.pop(session_id.int, None)
        self._expiring.pop(session_id.int, None)
        return had


def _expiry(now: int, ttl: float) -> int:
    return now + int(ttl * 1e9)


def _check_condition(old: _Entry | None, if_revision: str | None, key: str) -> None:
    current = None if old is None else format(old.version, "x")
    if current != if_revision:
        raise RevisionConflictError.found(key, if_revision, current)


class InMemorySessionStorageStore(SessionStorageStore):
    """Values and secrets in memory. Secrets stay in clear there: nothing outlives the process."""

    def __init__(self) -> None:
        """An empty one."""
        self._values = _Space()
        self._secrets = _Space()
        self._lock = threading.Lock()
        self._stamp = Clock().stamp

    @override
    async def set_value(
        self,
        session_id: UUID,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> None:
        self._lock.acquire()  # half the cost of a with statement
        try:
            if if_absent or if_revision is not None:
                _check_condition(self._values.get(session_id, key), if_revision, key)
            now = self._stamp()
            self._values.put(session_id, key, value, now, None if ttl is None else _expiry(now, ttl))
        finally:
            self._lock.release()

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        entry = self._values.get(session_id, key)
        return None if entry is None else entry.text

    @override
    async def delete_value(self, session_id: UUID, key: str) -> bool:
        with self._lock:
            return self._values.remove(session_id, key)

    @override
    async def list_keys(self, session_id: UUID) -> list[KeyInfo]:
        with self._lock:
            return [
                KeyInfo(entry.version, entry.created_ns, entry.updated_ns, key, entry.expires_ns)
                for key, entry in self._values.items(session_id)
            ]

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        entry = self._values.get(session_id, key)
        if entry is None:
            return None
        return KeyInfo(entry.version, entry.created_ns, entry.updated_ns, key, entry.expires_ns)

    @override
    async def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        with self._lock:
            old = self._values.get(session_id, key)
            total = add_to_counter(old.text if old else None, amount)
            self._values.put(session_id, key, str(total), self._stamp(), old.expires_ns if old else None)
            return total

    @override
    async def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        with self._lock:
            now = self._stamp()
            self._secrets.put(session_id, name, value, now, None if ttl is None else _expiry(now, ttl))

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        entry = self._secrets.get(session_id, name)
        return None if entry is None else entry.text

    @override
    async def delete_secret(self, session_id: UUID, name: str) -> bool:
        with self._lock:
            return self._secrets.remove(session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        with self._lock:
            return [
                SecretInfo(entry.version, entry.created_ns, entry.updated_ns, name, entry.expires_ns)
                for name, entry in self._secrets.items(session_id)
            ]

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        with self._lock:
            # Both must go, whatever the first one answers.
            return any([self._values.purge(session_id), self._secrets.purge(session_id)])
