"""The limits that a session has beside the store's, kept with its data and read where it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from everstore.errors import DataDamagedError

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.engine.base import Engine, Transaction
    from everstore.engine.writing import Writing

__all__ = ["forget", "is_limited", "keep", "look", "take"]

_Limits = tuple[int | None, int | None]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Limits).decode


def look(transaction: Transaction, kind: bytes, session_id: UUID) -> _Limits | None:
    """The most entries or keys, and the most bytes, that a session may have; ``None`` without limits."""
    kept = transaction.get(kind + session_id.bytes)
    if kept is None:
        return None
    try:
        limits: _Limits = _decode(kept)
    except msgspec.DecodeError:
        raise DataDamagedError.found(session_id, "its limits are none") from None
    return limits


def is_limited(transaction: Transaction, engine: Engine, most: int, kind: bytes, session_id: UUID) -> bool:
    """Whether a session has limits of its own, damaged or not."""
    del engine, most
    return transaction.get(kind + session_id.bytes) is not None


def keep(writing: Writing, engine: Engine, kind: bytes, session_id: UUID, limits: _Limits | None) -> None:
    """Keep a session's limits in place of those it had; ``None`` keeps none."""
    del engine
    if limits is None:
        forget(writing, kind, session_id)
    else:
        writing.put(kind + session_id.bytes, _encode(limits))


def take(writing: Writing, kind: bytes, source: UUID, target: UUID) -> None:
    """Keep the limits of a session for another, too, unless that has some of its own."""
    kept = writing.get(kind + source.bytes)
    if kept is not None and writing.get(kind + target.bytes) is None:
        writing.put(kind + target.bytes, kept)


def forget(writing: Writing, kind: bytes, session_id: UUID) -> None:
    """Keep no limits of a session any more."""
    key = kind + session_id.bytes
    if writing.get(key) is not None:
        writing.delete(key)
