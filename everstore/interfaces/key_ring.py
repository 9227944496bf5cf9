"""What a host implements whose keys live elsewhere: a KMS, a vault, files that are replaced under way."""

from __future__ import annotations

from abc import ABC, abstractmethod

__all__ = ["KeyRing"]


class KeyRing(ABC):
    """Keys that encrypt secrets in durable backends, asked whenever one is needed.

    Handed over with ``open_store(ring)``, in the place of ``EVERSTORE_SECRETS_KEYS``. An id is 1 to 64
    letters, digits, ``-`` or ``_``, a key 32 bytes, and an id always means the same key. Each secret is
    stored with the id of its key, so a new current key counts from the next secret on, and nothing is opened
    anew. A ring that asks far away keeps what it was told: it is asked at every ``set_secret`` and
    ``get_secret``, also at the same time. What it raises fails the call as ``BackendUnavailableError``.
    """

    @abstractmethod
    async def current_id(self) -> str:
        """The id of the key that encrypts from now on."""
        ...

    @abstractmethod
    async def key(self, key_id: str) -> bytes | None:
        """The key of this id; ``None`` when there is none."""
        ...
