"""Secrets in an archive: sealed with a key that is named, each for its own place there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid5

from everstore.errors import InvalidArgumentError, SecretDecryptionError, shown
from everstore.interfaces import KeyRing
from everstore.middleware.encryption import Envelope, parse_keys
from everstore.middleware.key_ring import RingKeys

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.middleware.encryption import Keys

__all__ = ["Seals"]


class Seals:
    """Seals and opens the secrets of one session's archive."""

    def __init__(self, keys: Keys, session_id: UUID) -> None:
        """``session_id`` is that of the archive: what is sealed opens in no archive of another session."""
        self._keys = keys
        self._session_id = session_id
        # A place that no store has: a ciphertext of an archive does not open in a storage, nor the reverse.
        self._place = uuid5(session_id, "everstore archive")

    @classmethod
    def of(cls, keys: str | KeyRing, session_id: UUID) -> Seals:
        """With keys that are written as in ``EVERSTORE_SECRETS_KEYS``, or with those of a ring."""
        if isinstance(keys, KeyRing):
            return cls(RingKeys(keys), session_id)
        if not isinstance(keys, str):
            raise InvalidArgumentError(
                f"secrets are keys, written as in EVERSTORE_SECRETS_KEYS, or a KeyRing, not {shown(keys)}"
            )
        return cls(Envelope(parse_keys(keys)), session_id)

    async def seal(self, name: str, text: str) -> str:
        """The ciphertext of a secret."""
        return (await self._keys.to_seal()).seal(self._place, name, text)

    async def open(self, name: str, sealed: str) -> str:
        """The secret behind a ciphertext; ``SecretDecryptionError`` when it does not open."""
        try:
            return (await self._keys.to_open(sealed)).open(self._place, name, sealed)
        except SecretDecryptionError as error:
            error.tell(session_id=self._session_id)
            raise
