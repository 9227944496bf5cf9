"""A guard's backend, limits and known keys, and the verbs about all of a session's values."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from everstore.arguments import MAX_KEY_BYTES, check_session_id, plain_count, plain_key, refuse_session_id
from everstore.compat import override
from everstore.content import text_size
from everstore.guards.room import Room
from everstore.guards.whole import WholeGuard
from everstore.interfaces import SessionStorageStore

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from everstore.changes import ValueMutation
    from everstore.models import StorageUsage, ValueChange
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["SessionsGuard"]

KNOWN_KEYS = 1024  # so many are remembered


class SessionsGuard(WholeGuard, SessionStorageStore):
    """What stands before the verbs about whole sessions."""

    _next: SessionStorageStore

    def __init__(self, backend: SessionStorageStore, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        most = None if limits is None else limits.value_bytes
        super().__init__(backend, limits, Room("value", most, backend.capabilities.max_value_bytes))
        self._key_bytes = MAX_KEY_BYTES if limits is None else min(limits.key_bytes, MAX_KEY_BYTES)
        # Found in order lately: an agent names the same few again and again.
        self._known_keys: set[str] = set()
        self.capabilities = backend.capabilities
        self._most = self._room.bytes

    @override
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[T]]) -> list[T]:
        """No verb: what comes here from the verbs of the same object is checked already."""
        return await self._next.apply(session_id, changes)

    def _key(self, session_id: UUID, key: str, what: str = "key") -> str:
        """The key of an entry that is looked for, or removed: a lowered limit takes none out of reach."""
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        if type(key) is str and key in self._known_keys:
            return key
        key = plain_key(key, what)
        if text_size(key) <= self._key_bytes:
            if len(self._known_keys) >= KNOWN_KEYS:
                self._known_keys.clear()
            self._known_keys.add(key)
        return key

    @override
    def usage(self, session_id: UUID) -> Answer[StorageUsage]:
        check_session_id(session_id)
        return self._next.usage(session_id)

    @override
    def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> Answer[list[ValueChange]]:
        check_session_id(a)
        check_session_id(b)
        if after is not None:
            after = self._key(b, after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        # Forks are not required: who claims none compares what two readings find.
        return self._next.diff_sessions(a, b, after=after, limit=limit)
