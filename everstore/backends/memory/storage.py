"""Values and secrets in memory."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from everstore.backends.memory.spaces import Deadlines, Space, size_of
from everstore.backends.memory.versions import versions
from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import add_to_counter
from everstore.errors import QuotaExceededError, RevisionConflictError
from everstore.interfaces import SessionStorageStore
from everstore.models import KeyInfo, SecretInfo

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.backends.memory.spaces import Entry
    from everstore.settings import Limits

__all__ = ["MemoryStorage"]


def _expiry(now: int, ttl: float) -> int:
    return now + int(ttl * 1e9)


def _check_condition(old: Entry | None, if_revision: str | None, key: str) -> None:
    current = None if old is None else format(old.version, "x")
    if current != if_revision:
        raise RevisionConflictError.found(key, if_revision, current)


class MemoryStorage(SessionStorageStore):
    """Values and secrets in memory. Secrets stay in clear there: nothing outlives the process."""

    def __init__(self, limits: Limits | None = None) -> None:
        """An empty one; without ``limits`` nothing is limited."""
        self._limits = limits if limits is not None and limits.bounds_values else None
        self._deadlines = Deadlines()
        self._values = Space(self._deadlines, is_counted=self._limits is not None)
        self._secrets = Space(self._deadlines, is_counted=self._limits is not None)
        self._lock = threading.Lock()
        self._version = versions()

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
            if self._limits is not None:
                self._require_room(self._limits, self._values, session_id, key, value)
            now = now_ns()
            self._values.put(
                session_id, key, value, self._version(), now, None if ttl is None else _expiry(now, ttl)
            )
        finally:
            self._lock.release()

    def _require_room(self, limits: Limits, space: Space, session_id: UUID, key: str, text: str) -> None:
        """Refuse a text that would bring the session over a limit. What is past its time does not count."""
        old = space.get(session_id, key)
        more = old is None, size_of(key, text) - (size_of(key, old.text) if old else 0)
        try:
            self._require(limits, session_id, key, *more)
        except QuotaExceededError:
            self._deadlines.sweep(sys.maxsize)
            self._require(limits, session_id, key, *more)

    def _require(self, limits: Limits, session_id: UUID, key: str, more_keys: int, more_bytes: int) -> None:
        (values, value_bytes), (secrets, secret_bytes) = (
            self._values.held(session_id),
            self._secrets.held(session_id),
        )
        limits.require(
            key,
            session_keys=(values + secrets, more_keys),
            session_value_bytes=(value_bytes + secret_bytes, more_bytes),
        )

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
            if self._limits is not None:
                self._require_room(self._limits, self._values, session_id, key, str(total))
            expires_ns = old.expires_ns if old else None
            self._values.put(session_id, key, str(total), self._version(), now_ns(), expires_ns)
            return total

    @override
    async def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        with self._lock:
            if self._limits is not None:
                self._require_room(self._limits, self._secrets, session_id, name, value)
            now = now_ns()
            self._secrets.put(
                session_id, name, value, self._version(), now, None if ttl is None else _expiry(now, ttl)
            )

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
