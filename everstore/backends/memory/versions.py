"""Versions: numbers that no two writes share, whatever the clock does."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["versions"]


def versions() -> Callable[[], int]:
    """What gives out a version at each call, in one step.

    They begin anywhere: a condition from a store that is gone holds in no other.
    """
    return count(int.from_bytes(os.urandom(8)) >> 4).__next__
