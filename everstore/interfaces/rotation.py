"""What only a durable store of secrets has: the verbs that changing the keys of its secrets takes."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from everstore.changes import SwapSecret
from everstore.compat import override
from everstore.interfaces.storage_store import SessionStorageStore

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import StoredSecret

__all__ = ["DurableStorageStore", "SecretRotation", "storage_interface"]


@runtime_checkable
class SecretRotation(Protocol):
    """Stored secrets of all sessions, as ciphertext; for who looks after keys, not for hosts.

    A durable ``SessionStorageStore`` that leaves these out keeps secrets whose key can never be changed:
    asking it is ``UnsupportedError``.
    """

    @abstractmethod
    async def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> list[StoredSecret]:
        """Stored secrets of all sessions that follow ``after``, ordered by session id, then name.

        ``[]`` when there are no more.
        """
        ...

    @abstractmethod
    async def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
        """Replace a stored ciphertext if it is still ``expected``; revision, times and time to live stay.

        ``False``, and nothing written, when it is absent or another. What is no ciphertext of core's is
        ``InvalidContentError``.
        """
        ...


class DurableStorageStore(SessionStorageStore, SecretRotation):
    """Values and secrets that outlive the process: what a durable backend implements."""

    @override
    async def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
        [swapped] = await self.apply(session_id, (SwapSecret(name, expected, replacement),))
        return swapped


def storage_interface(storage: SessionStorageStore) -> type[SessionStorageStore]:
    """The interface whose verbs this store has."""
    return DurableStorageStore if storage.capabilities.durable else SessionStorageStore
