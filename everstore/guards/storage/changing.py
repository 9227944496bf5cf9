"""What stands before the verbs that change values and secrets."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from everstore.arguments import (
    check_flag,
    check_session_id,
    plain_amount,
    plain_condition,
    plain_text,
    plain_ttl,
)
from everstore.compat import override
from everstore.content import text_size
from everstore.errors import (
    EverstoreError,
    InvalidArgumentError,
    QuotaExceededError,
    RevisionConflictError,
    UnsupportedError,
)
from everstore.guards.storage.looking import LookingGuard

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from everstore.models import KeyInfo

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["ChangingGuard"]


class ChangingGuard(LookingGuard):
    """What stands before the verbs that change values and secrets."""

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
    def delete_secret(self, session_id: UUID, name: str) -> Answer[bool]:
        name = self._key(session_id, name, "secret's name")
        return self._next.delete_secret(session_id, name)
