"""What stands before a store of values and secrets."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from everstore.arguments import (
    MAX_KEY_BYTES,
    check_distinct,
    check_flag,
    check_session_id,
    plain_amount,
    plain_condition,
    plain_count,
    plain_key,
    plain_text,
    plain_ttl,
    refuse_session_id,
)
from everstore.changes import SecretTimes, ValueTimes
from everstore.compat import override
from everstore.content import is_envelope, text_size
from everstore.errors import (
    EverstoreError,
    InvalidArgumentError,
    InvalidContentError,
    QuotaExceededError,
    RevisionConflictError,
    UnsupportedError,
)
from everstore.guards.changes import VALUE_CHANGES
from everstore.guards.checkpoints import require_forks
from everstore.guards.room import Room
from everstore.guards.times import plain_times
from everstore.interfaces import DurableStorageStore, SessionStorageStore
from everstore.session_limits import plain_limits

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from everstore.changes import AnyValueChange, ValueMutation
    from everstore.models import (
        KeyInfo,
        SecretInfo,
        StorageUsage,
        StoredSecret,
        StoredValue,
        ValueChange,
    )
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["DurableStorageGuard", "StorageGuard"]

KNOWN_KEYS = 1024  # so many are remembered


class StorageGuard(SessionStorageStore):
    """What stands before a store of values and secrets."""

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
        self._of_changes = _ChangeGuard(self)

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

    def _too_large(self, key: str, size: int, what: str | None = None) -> QuotaExceededError | None:
        """Why an entry of this key and size in bytes is too large, if it is."""
        if key not in self._known_keys and (key_size := len(key.encode())) > self._key_bytes:
            return QuotaExceededError.over("key_bytes", key_size, self._key_bytes, key)
        return self._room.refusal(size, key, what) if size > self._most else None

    async def _refuse(
        self, error: QuotaExceededError, session_id: UUID, key: str, *condition: str | None
    ) -> NoReturn:
        """As for a file: a condition that does not hold is the reason to tell, if there is one."""
        if condition:
            found = await self._next.stat_value(session_id, key)
            RevisionConflictError.require(key, condition[0], None if found is None else found.revision)
        raise error

    def _require_ttl(self) -> None:
        if not self.capabilities.time_to_live:
            raise UnsupportedError("this backend does not offer time to live; leave ttl out")

    @override
    def set_value(
        self,
        session_id: UUID,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Answer[KeyInfo]:
        is_known = type(session_id) is UUID and type(key) is str and key in self._known_keys
        if not is_known:  # or else a call is saved
            key = self._key(session_id, key)
            is_known = key in self._known_keys
        if type(value) is not str:
            value = plain_text(value, "value")
        size = len(value) if value.isascii() else text_size(value, "value")
        is_small = is_known and size <= self._most
        if is_small and ttl is None and if_revision is None and if_absent is False:
            return self._next.set_value(session_id, key, value)
        error = None if is_small else self._too_large(key, size)
        if_revision = plain_condition(if_revision, if_absent)
        if ttl is not None:
            ttl = plain_ttl(ttl)
            self._require_ttl()
        if error is not None:
            condition = (if_revision,) if if_absent or if_revision is not None else ()
            return self._refuse(error, session_id, key, *condition)
        return self._next.set_value(
            session_id, key, value, ttl=ttl, if_revision=if_revision, if_absent=if_absent
        )

    @override
    def set_values(
        self,
        session_id: UUID,
        values: Mapping[str, str],
        *,
        ttl: float | None = None,
        if_absent: bool = False,
    ) -> Answer[list[KeyInfo]]:
        check_session_id(session_id)
        check_flag("if_absent", if_absent)
        if ttl is not None:
            ttl = plain_ttl(ttl)
            self._require_ttl()
        plain, too_large = self._plain_values(session_id, values)
        if too_large is not None:
            return self._refuse_all(too_large, session_id, plain, if_absent=if_absent)
        return self._set_all(session_id, plain, ttl=ttl, if_absent=if_absent)

    def _plain_values(
        self, session_id: UUID, values: Mapping[str, str]
    ) -> tuple[dict[str, str], QuotaExceededError | None]:
        """Plain values by plain keys, and why the first that is too large is so; errors tell the place."""
        if not isinstance(values, Mapping):
            raise InvalidArgumentError(f"values is a mapping of texts by key, not {type(values).__name__}")
        plain: dict[str, str] = {}
        too_large = None
        for index, (key, value) in enumerate(values.items()):
            try:
                name = self._key(session_id, key)
                if name in plain:
                    raise InvalidArgumentError(f"values has the key {name!r} twice", key=name)
                plain[name] = plain_text(value, "value")
                error = self._too_large(name, text_size(plain[name], "value"))
            except EverstoreError as refusal:
                refusal.tell(index=index)
                raise
            if error is not None and too_large is None:
                error.tell(index=index)
                too_large = error
        return plain, too_large

    async def _set_all(self, session_id: UUID, plain: dict[str, str], **options: Any) -> list[KeyInfo]:
        if not plain:
            return []
        try:
            return await self._next.set_values(session_id, plain, **options)
        except EverstoreError as refusal:
            if len(plain) == 1:  # of one change no place is told
                refusal.tell(index=0)
            raise

    async def _refuse_all(
        self, error: QuotaExceededError, session_id: UUID, plain: dict[str, str], *, if_absent: bool
    ) -> NoReturn:
        for index, key in enumerate(plain if if_absent else ()):
            if index > error.index:
                break
            found = await self._next.stat_value(session_id, key)
            if found is not None:
                conflict = RevisionConflictError.found(key, None, found.revision)
                conflict.tell(index=index)
                raise conflict
        raise error

    @override
    def change_values(
        self, session_id: UUID, changes: Sequence[AnyValueChange]
    ) -> Answer[list[KeyInfo | bool | int]]:
        check_session_id(session_id)
        checked = VALUE_CHANGES.checked(self._of_changes, session_id, changes)
        return self._next.change_values(session_id, checked)

    @override
    def get_value(self, session_id: UUID, key: str) -> Answer[str | None]:
        key = self._key(session_id, key)
        return self._next.get_value(session_id, key)

    @override
    def delete_value(self, session_id: UUID, key: str, *, if_revision: str | None = None) -> Answer[bool]:
        if type(session_id) is not UUID or type(key) is not str or key not in self._known_keys:
            key = self._key(session_id, key)
        if if_revision is None:
            return self._next.delete_value(session_id, key)
        if_revision = plain_condition(if_revision, if_absent=False)
        return self._next.delete_value(session_id, key, if_revision=if_revision)

    @override
    def touch_value(self, session_id: UUID, key: str, *, ttl: float | None) -> Answer[bool]:
        key = self._key(session_id, key)
        if ttl is not None:
            ttl = plain_ttl(ttl)
            self._require_ttl()
        return self._next.touch_value(session_id, key, ttl=ttl)

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
    def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> Answer[int]:
        error = None
        if type(session_id) is not UUID or type(key) is not str or key not in self._known_keys:
            key = self._key(session_id, key)
            error = self._too_large(key, 0)  # of its digits none is too large (§7.4.4)
        if type(amount) is not int or amount.bit_length() > 64:
            amount = plain_amount(amount)
        if error is not None:
            return self._refuse(error, session_id, key)
        return self._next.increment_value(session_id, key, amount)

    @override
    def set_secret(
        self, session_id: UUID, name: str, value: str, *, ttl: float | None = None
    ) -> Answer[None]:
        is_known = type(session_id) is UUID and type(name) is str and name in self._known_keys
        if not is_known:
            name = self._key(session_id, name, "secret's name")
        if type(value) is not str:
            value = plain_text(value, "secret")
        size = len(value) if value.isascii() else text_size(value, "secret")
        error = None if is_known and size <= self._most else self._too_large(name, size, "secret")
        if ttl is not None:
            ttl = plain_ttl(ttl)
            self._require_ttl()
        if error is not None:
            return self._refuse(error, session_id, name)
        return self._next.set_secret(session_id, name, value, ttl=ttl)

    @override
    def get_secret(self, session_id: UUID, name: str) -> Answer[str | None]:
        name = self._key(session_id, name, "secret's name")
        return self._next.get_secret(session_id, name)

    @override
    def delete_secret(self, session_id: UUID, name: str) -> Answer[bool]:
        name = self._key(session_id, name, "secret's name")
        return self._next.delete_secret(session_id, name)

    @override
    def restore_times(
        self, session_id: UUID, times: Sequence[ValueTimes | SecretTimes]
    ) -> Answer[list[bool]]:
        check_session_id(session_id)
        places: dict[Any, Any] = {
            ValueTimes: lambda key: self._key(session_id, key),
            SecretTimes: lambda name: self._key(session_id, name, "secret's name"),
        }
        return self._next.restore_times(session_id, plain_times(times, places))

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


class _ChangeGuard(StorageGuard):
    """What a change has to pass: the guard of its verb, behind which no backend is called.

    What is too large by itself is refused at once: the reasons to refuse it for that come before the limit
    could only be found one change after the other.
    """

    def __init__(self, guard: StorageGuard) -> None:
        vars(self).update(vars(guard))  # the same limits, and the keys that it knows
        self._next = VALUE_CHANGES.made

    @override
    def _refuse(self, error: QuotaExceededError, *_: object) -> NoReturn:
        raise error


class DurableStorageGuard(StorageGuard, DurableStorageStore):
    """What stands before one that is durable, and so has ciphertexts to look after."""

    def __init__(self, backend: DurableStorageStore, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        super().__init__(backend, limits)
        self._rotation = backend

    @override
    def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> Answer[list[StoredSecret]]:
        limit = plain_count("limit", limit, 1)
        if after is not None:
            if not isinstance(after, tuple) or len(after) != 2:
                raise InvalidArgumentError(
                    "after is the session id and the name of the last secret of the page before"
                )
            after = after[0], self._key(*after, "secret's name")
        return self._rotation.scan_secrets(after=after, limit=limit)

    @override
    def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> Answer[bool]:
        name = self._key(session_id, name, "secret's name")
        expected, replacement = plain_text(expected, "expected"), plain_text(replacement, "replacement")
        text_size(expected, "expected")
        text_size(replacement, "replacement")
        if not is_envelope(replacement):
            raise InvalidContentError(
                "replacement is no ciphertext of everstore's, and a durable backend keeps a secret as "
                "nothing else; set_secret encrypts"
            )
        return self._rotation.swap_secret(session_id, name, expected, replacement)
