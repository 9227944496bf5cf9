"""A guard's backend, limits and known keys, and the verbs that change no value or secret by itself."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from everstore.arguments import (
    MAX_KEY_BYTES,
    check_distinct,
    check_flag,
    check_session_id,
    plain_count,
    plain_key,
    refuse_session_id,
)
from everstore.compat import override
from everstore.content import text_size
from everstore.errors import InvalidArgumentError
from everstore.guards.checkpoints import require_forks
from everstore.guards.room import Room
from everstore.interfaces import SessionStorageStore
from everstore.session_limits import plain_limits

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from everstore.changes import ValueMutation
    from everstore.models import KeyInfo, SecretInfo, StorageUsage, StoredValue, ValueChange
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["LookingGuard"]

KNOWN_KEYS = 1024  # so many are remembered


class LookingGuard(SessionStorageStore):
    """What stands before the verbs that change no value or secret by itself."""

    def __init__(self, backend: SessionStorageStore, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        self._next = backend
        self._store_limits = limits
        self._key_bytes = MAX_KEY_BYTES if limits is None else min(limits.key_bytes, MAX_KEY_BYTES)
        # Found in order lately: an agent names the same few again and again.
        self._known_keys: set[str] = set()
        self.capabilities = backend.capabilities
        most = None if limits is None else limits.value_bytes
        self._room = Room("value", most, backend.capabilities.max_value_bytes)
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
    def get_value(self, session_id: UUID, key: str) -> Answer[str | None]:
        key = self._key(session_id, key)
        return self._next.get_value(session_id, key)

    @override
    def read_value(self, session_id: UUID, key: str) -> Answer[StoredValue | None]:
        key = self._key(session_id, key)
        return self._next.read_value(session_id, key)

    @override
    def get_values(self, session_id: UUID, keys: Collection[str]) -> Answer[dict[str, str]]:
        check_session_id(session_id)
        if isinstance(keys, (str, bytes, bytearray)) or not isinstance(keys, Collection):
            raise InvalidArgumentError(f"keys is a list of keys, not {type(keys).__name__}")
        wanted = dict.fromkeys([self._key(session_id, key) for key in keys])
        return self._next.get_values(session_id, [*wanted])

    @override
    def read_values(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Answer[list[StoredValue]]:
        prefix, after, limit = self._page(session_id, prefix, after, limit, reverse)
        return self._next.read_values(session_id, prefix, after=after, limit=limit, reverse=reverse)

    @override
    def list_keys(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> Answer[list[KeyInfo]]:
        prefix, after, limit = self._page(session_id, prefix, after, limit, reverse)
        return self._next.list_keys(session_id, prefix, after=after, limit=limit, reverse=reverse)

    def _page(
        self, session_id: UUID, prefix: str, after: str | None, limit: int | None, reverse: object
    ) -> tuple[str, str | None, int | None]:
        """What says which keys a page has; a prefix is no more than the beginning of a key could be."""
        check_session_id(session_id)
        prefix = "" if isinstance(prefix, str) and not prefix else self._key(session_id, prefix, "prefix")
        if after is not None:
            after = self._key(session_id, after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        check_flag("reverse", reverse)
        return prefix, after, limit

    @override
    def stat_value(self, session_id: UUID, key: str) -> Answer[KeyInfo | None]:
        key = self._key(session_id, key)
        return self._next.stat_value(session_id, key)

    @override
    def get_secret(self, session_id: UUID, name: str) -> Answer[str | None]:
        name = self._key(session_id, name, "secret's name")
        return self._next.get_secret(session_id, name)

    @override
    def list_secrets(self, session_id: UUID) -> Answer[list[SecretInfo]]:
        check_session_id(session_id)
        return self._next.list_secrets(session_id)

    @override
    def usage(self, session_id: UUID) -> Answer[StorageUsage]:
        check_session_id(session_id)
        return self._next.usage(session_id)

    @override
    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> Answer[list[UUID]]:
        limit = plain_count("limit", limit, 1)
        if after is not None:
            check_session_id(after)
        return self._next.session_ids(after=after, limit=limit)

    @override
    def limit_session(self, session_id: UUID, limits: SessionLimits) -> Answer[None]:
        check_session_id(session_id)
        return self._next.limit_session(session_id, plain_limits(limits, self._store_limits))

    @override
    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> Answer[None]:
        check_distinct(source, target, replaced)
        require_forks(self._next.capabilities)
        return self._next.fork_session(source, target, replaced=replaced)

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
        return self._next.diff_sessions(a, b, after=after, limit=limit)

    @override
    def purge_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.purge_session(session_id)
