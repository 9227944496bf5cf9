"""Values and secrets."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import msgspec

from everstore.models.stamps import Stamped, moment_of

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "KeyInfo",
    "SecretInfo",
    "StoredSecret",
    "StoredValue",
]


class _Expiring(Stamped, frozen=True, gc=False):
    @property
    def expires_at(self) -> datetime | None:
        """When it will be absent, in UTC; ``None`` when it stays."""
        expires_ns: int | None = getattr(self, "expires_ns", None)
        return None if expires_ns is None else moment_of(expires_ns)


class KeyInfo(_Expiring, frozen=True, gc=False):
    """A key of the session, without its value."""

    key: str
    expires_ns: int | None = None


class StoredValue(KeyInfo, frozen=True, gc=False, kw_only=True):
    """A value with its key, revision and times, all of one moment."""

    value: str

    @property
    def text(self) -> str:
        """The same as ``value``."""
        return self.value

    def info(self) -> KeyInfo:
        """The same key as a listing shows it, without its value."""
        return KeyInfo(self.version, self.created_ns, self.updated_ns, self.key, self.expires_ns)


class SecretInfo(_Expiring, frozen=True, gc=False):
    """A secret's name and times; never its value (§6.2)."""

    name: str
    expires_ns: int | None = None


class StoredSecret(msgspec.Struct, frozen=True, gc=False):
    """A secret as a durable backend keeps it: its place and its ciphertext. For key rotation."""

    session_id: uuid.UUID
    name: str
    ciphertext: str
