"""Values and secrets in memory."""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING, NoReturn, TypeVar

from everstore.backends.memory.deadlines import Deadlines
from everstore.backends.memory.ids import page_of
from everstore.backends.memory.own_limits import limits_of, note_limits
from everstore.backends.memory.spaces import MemorySpace, Namespace
from everstore.backends.memory.versions import versions
from everstore.compat import override
from everstore.interfaces import Capabilities, SessionStorageStore
from everstore.models import KeyInfo, SecretInfo, StorageUsage, StoredValue, ValueChange
from everstore.paging import EVERY_KEY, KeyPage
from everstore.rules import answered_together, apply_to_space
from everstore.rules import values as rules

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from everstore.backends.memory.spaces import Entry
    from everstore.changes import ValueMutation
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

__all__ = ["MemoryStorage"]

T = TypeVar("T")


class MemoryStorage(SessionStorageStore):
    """Values and secrets in memory. Secrets stay in clear there: nothing outlives the process."""

    capabilities = Capabilities(forks=True)

    def __init__(self, limits: Limits | None = None) -> None:
        """An empty one; without ``limits`` nothing is limited."""
        deadlines, version = Deadlines(), versions()
        self._all_limits = limits
        limits = None if limits is None else limits.of_values
        self._own_limits: dict[int, Limits] = {}
        self._values = Namespace(deadlines, version, limits, self._own_limits)
        self._secrets = Namespace(deadlines, version, limits, self._own_limits)
        self._value_space = self._values.sessions.get
        self._lock = threading.Lock()

    @override
    def __reduce__(self) -> NoReturn:
        message = "values and secrets in memory cannot be copied or pickled: secrets are there in clear"
        raise TypeError(message)

    @override
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[T]]) -> list[T]:
        if len(changes) == 1:
            namespace = self._values if changes[0].space == "values" else self._secrets
            self._lock.acquire()
            try:
                space = namespace.sessions.get(session_id.int) or namespace.space(session_id)
                answer = [apply_to_space(space, changes[0])]
                if space.changing:
                    space.keep()
                return answer
            finally:
                self._lock.release()
        with self._lock:
            namespaces = {"values": self._values, "secrets": self._secrets}
            spaces = {name: namespace.space(session_id) for name, namespace in namespaces.items()}
            for name, space in spaces.items():
                space.begin()
                namespaces[name].sessions[session_id.int] = space
            try:
                return answered_together(lambda change: apply_to_space(spaces[change.space], change), changes)
            except BaseException:
                for space in spaces.values():
                    space.roll_back()
                raise
            finally:
                for space in spaces.values():
                    space.settled().keep()

    # A change that is a value costs more than what most calls do here: these, the most frequent, are none.
    # Nor does a lock cost as little in a with statement, or behind a function.

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
    ) -> KeyInfo:
        self._lock.acquire()
        try:
            space = self._value_space(session_id.int) or self._values.space(session_id)
            if ttl is None and if_revision is None and not if_absent:
                entry = space.set_plainly(key, value)
                if entry is not None:
                    return KeyInfo(entry.version, entry.created_ns, entry.updated_ns, key)
            answer = rules.set_value(space, key, value, ttl, if_revision, if_absent)
            if space.changing:
                space.keep()
            return answer
        finally:
            self._lock.release()

    @override
    async def delete_value(self, session_id: UUID, key: str, *, if_revision: str | None = None) -> bool:
        self._lock.acquire()
        try:
            space = self._value_space(session_id.int) or self._values.space(session_id)
            answer = rules.delete_value(space, key, if_revision)
            if space.changing:
                space.keep()
            return answer
        finally:
            self._lock.release()

    @override
    async def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        self._lock.acquire()
        try:
            space = self._value_space(session_id.int) or self._values.space(session_id)
            answer = rules.increment(space, key, amount)
            if space.changing:
                space.keep()
            return answer
        finally:
            self._lock.release()

    @override
    async def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        self._lock.acquire()
        try:
            space = self._secrets.sessions.get(session_id.int) or self._secrets.space(session_id)
            if ttl is not None or space.set_plainly(name, value) is None:
                rules.set_secret(space, name, value, ttl)
            if space.changing:
                space.keep()
        finally:
            self._lock.release()

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        entry = self._get(self._values, session_id, key)
        return None if entry is None else entry.text

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        entry = self._get(self._secrets, session_id, name)
        return None if entry is None else entry.text

    @override
    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        entry = self._get(self._values, session_id, key)
        if entry is None:
            return None
        return KeyInfo(entry.version, entry.created_ns, entry.updated_ns, key, entry.expires_ns)

    def _get(self, namespace: Namespace, session_id: UUID, key: str) -> Entry | None:
        space = namespace.sessions.get(session_id.int)
        if space is None:
            return None
        entry = space.entries.get(key)
        if space.changing:  # another thread makes a list of changes
            with self._lock:
                entry = namespace.space(session_id).entries.get(key)
        if entry is None or (entry.expires_ns is not None and entry.is_over):
            return None
        return entry

    @override
    async def read_value(self, session_id: UUID, key: str) -> StoredValue | None:
        entry = self._get(self._values, session_id, key)
        return None if entry is None else _stored(key, entry)

    @override
    async def get_values(self, session_id: UUID, keys: Collection[str]) -> dict[str, str]:
        with self._lock:
            entries = self._values.space(session_id).entries
            found = [(key, entries[key]) for key in keys if key in entries]
            return {key: entry.text for key, entry in found if not entry.is_over}

    @override
    async def read_values(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[StoredValue]:
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        with self._lock:
            return [_stored(key, entry) for key, entry in self._values.items(session_id, page)]

    @override
    async def list_keys(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[KeyInfo]:
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        with self._lock:
            return [
                KeyInfo(entry.version, entry.created_ns, entry.updated_ns, key, entry.expires_ns)
                for key, entry in self._values.items(session_id, page)
            ]

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        with self._lock:
            return [
                SecretInfo(entry.version, entry.created_ns, entry.updated_ns, name, entry.expires_ns)
                for name, entry in self._secrets.items(session_id, EVERY_KEY)
            ]

    @override
    async def usage(self, session_id: UUID) -> StorageUsage:
        with self._lock:
            values, secrets = (
                [entry.updated_ns for entry in namespace.alive(session_id)]
                for namespace in (self._values, self._secrets)
            )
        return StorageUsage(len(values), len(secrets), max((*values, *secrets), default=None))

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        with self._lock:
            pages = [
                page_of(namespace.sessions, MemorySpace.holds, after, limit)
                for namespace in (self._values, self._secrets)
            ]
        return sorted({*pages[0], *pages[1]})[:limit]

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        with self._lock:
            self._values.fork(source, target, replaced)
            own = self._own_limits.get(source.int)
            if own is not None and replaced is None and target.int not in self._own_limits:
                self._limit(target, own, is_own=True)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[ValueChange]:
        page = KeyPage.of("", after, None, reverse=False)
        with self._lock:
            ones, others = (dict(self._values.items(each, page)) for each in (a, b))
        found = (
            ValueChange.between(key, _info(key, ones.get(key)), _info(key, others.get(key)))
            for key in sorted(ones.keys() | others.keys())
            if _told(ones.get(key)) != _told(others.get(key))
        )
        return [*islice(found, limit)]

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        together = limits_of(self._all_limits).of_values_with(limits.of_values)
        with self._lock:
            self._limit(session_id, together, is_own=limits.of_values is not None)

    def _limit(self, session_id: UUID, together: Limits | None, *, is_own: bool) -> None:
        note_limits(self._own_limits, session_id.int, together, is_own=is_own)
        for namespace in (self._values, self._secrets):
            namespace.limit(session_id, together)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        with self._lock:
            self._own_limits.pop(session_id.int, None)
            # Both must go, whatever the first one answers.
            return any([self._values.purge(session_id), self._secrets.purge(session_id)])


def _stored(key: str, entry: Entry) -> StoredValue:
    return StoredValue(
        entry.version, entry.created_ns, entry.updated_ns, key, entry.expires_ns, value=entry.text
    )


def _info(key: str, entry: Entry | None) -> KeyInfo | None:
    if entry is None:
        return None
    return KeyInfo(entry.version, entry.created_ns, entry.updated_ns, key, entry.expires_ns)


def _told(entry: Entry | None) -> tuple[str, int | None] | None:
    """What tells values apart."""
    return None if entry is None else (entry.text, entry.expires_ns)
