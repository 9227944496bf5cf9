"""Keys of a host's own ring, asked for when a secret needs one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.content import key_id_of
from everstore.errors import BackendUnavailableError, EverstoreError, SecretsKeyMissingError, SettingsError
from everstore.middleware.encryption import Envelope, check_key

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from everstore.interfaces import KeyRing

__all__ = ["RingKeys"]


class RingKeys:
    """An ``Envelope`` for each secret, with the one key that it needs."""

    def __init__(self, ring: KeyRing) -> None:
        """``SettingsError`` without the extra; the ring is not asked yet."""
        self._ring = ring
        self._name = type(ring).__qualname__
        Envelope({}, ring=self._name)

    @override
    def __repr__(self) -> str:
        return f"RingKeys({self._name})"

    async def to_seal(self) -> Envelope:
        """What seals with the current key; ``SecretsKeyMissingError`` when there is none."""
        key_id = await self._asked(self._ring.current_id())
        key = await self._asked(self._ring.key(key_id)) if isinstance(key_id, str) else None
        if key is None and isinstance(key_id, str):
            raise SecretsKeyMissingError(
                f"the key ring {self._name} has no key {key_id!r:.80}, its current one"
            )
        return self._envelope(key_id, key)

    async def to_open(self, ciphertext: str) -> Envelope:
        """What opens this ciphertext, and refuses where the ring has no key for it."""
        key_id = key_id_of(ciphertext)
        key = None if key_id is None else await self._asked(self._ring.key(key_id))
        return Envelope({}, ring=self._name) if key is None else self._envelope(key_id, key)

    def _envelope(self, key_id: Any, key: Any) -> Envelope:
        complaint = check_key(key_id, key)
        if complaint is not None:
            raise SettingsError(f"the key ring {self._name}: {complaint}")
        return Envelope({key_id: bytes(key)}, ring=self._name)

    async def _asked(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except EverstoreError:
            raise
        except Exception as error:
            message = f"the key ring {self._name} failed with {type(error).__name__}"
            raise BackendUnavailableError(message, happened=False) from error
