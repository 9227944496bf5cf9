"""Ids of sessions and of checkpoints, and how the one is told from the other without looking anything up."""

from __future__ import annotations

import os
from uuid import UUID

from everstore.clock import now_ns

__all__ = ["is_checkpoint", "new_checkpoint_id", "new_session_id", "uuid7"]

_LOW_48 = (1 << 48) - 1
_LOW_62 = (1 << 62) - 1

_CHECKPOINT_MASK = 0xFFFF_FFFF << 48
"""The bits of an id that tell a checkpoint: the third and the fourth group of its text.

They are its seventh to tenth byte, and what these are then is spelled out in the indexes of backends.
"""

_CHECKPOINT_MARK = 0x8EC0_BA5E << 48
"""What these bits are then: version 8 (RFC 9562 §5.8), the variant, and 26 bits that nobody else sets so."""


def uuid7(nanoseconds: int, random_a: int, random_b: int) -> UUID:
    """A version 7 UUID (RFC 9562 §5.7): 48 bits of milliseconds, then 12 and 62 free bits."""
    return UUID(
        int=_milliseconds(nanoseconds) << 80
        | 7 << 76
        | (random_a & 0xFFF) << 64
        | 2 << 62
        | random_b & _LOW_62
    )


def _milliseconds(nanoseconds: int) -> int:
    return nanoseconds // 1_000_000 & _LOW_48


def new_session_id() -> UUID:
    """A fresh version 7 UUID: unguessable, and sorting by time of creation (to the millisecond)."""
    random = int.from_bytes(os.urandom(10))  # what the module secrets is made of, and 5 ms to import
    return uuid7(now_ns(), random >> 62, random)


def new_checkpoint_id() -> UUID:
    """A fresh version 8 UUID that says of itself that it is a checkpoint's, and sorts as session ids do."""
    return UUID(int=_milliseconds(now_ns()) << 80 | _CHECKPOINT_MARK | int.from_bytes(os.urandom(6)))


def is_checkpoint(session_id: UUID) -> bool:
    """Whether the id is a checkpoint's: of a session that nothing changes."""
    return session_id.int & _CHECKPOINT_MASK == _CHECKPOINT_MARK
