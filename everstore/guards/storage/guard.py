"""What stands before a store of values and secrets, and before each of a list of changes."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from everstore.arguments import check_session_id, plain_count, plain_text
from everstore.changes import SecretTimes, ValueTimes
from everstore.compat import override
from everstore.content import is_envelope, text_size
from everstore.errors import InvalidArgumentError, InvalidContentError, QuotaExceededError
from everstore.guards.changes import VALUE_CHANGES
from everstore.guards.storage.changing import ChangingGuard
from everstore.guards.times import plain_times
from everstore.interfaces import DurableStorageStore, SessionStorageStore

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from uuid import UUID

    from everstore.changes import AnyValueChange
    from everstore.models import KeyInfo, StoredSecret
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["DurableStorageGuard", "StorageGuard"]


class StorageGuard(ChangingGuard):
    """What stands before a store of values and secrets."""

    def __init__(self, backend: SessionStorageStore, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        super().__init__(backend, limits)
        self._of_changes = _ChangeGuard(self)

    @override
    def change_values(
        self, session_id: UUID, changes: Sequence[AnyValueChange]
    ) -> Answer[list[KeyInfo | bool | int]]:
        check_session_id(session_id)
        checked = VALUE_CHANGES.checked(self._of_changes, session_id, changes)
        return self._next.change_values(session_id, checked)

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


class _ChangeGuard(ChangingGuard):
    """What a change has to pass: the guard of its verb, behind which no backend is called.

    What is too large by itself is refused at once: the reasons to refuse it for that come before the limit
    could only be found one change after the other.
    """

    def __init__(self, guard: ChangingGuard) -> None:
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
