"""What stands before the verbs that change nothing."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.arguments import check_flag, check_session_id, plain_count
from everstore.compat import override
from everstore.errors import InvalidArgumentError
from everstore.guards.storage.sessions import SessionsGuard

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from everstore.models import KeyInfo, SecretInfo, StoredValue

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["LookingGuard"]


class LookingGuard(SessionsGuard):
    """What stands before the verbs that change nothing."""

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
