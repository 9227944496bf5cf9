"""Pages of the ids of all sessions that hold something."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["page_of"]

T = TypeVar("T")


def page_of(
    sessions: Mapping[int, T], holds: Callable[[T], bool], after: UUID | None, limit: int
) -> list[UUID]:
    """The first ids behind ``after`` whose session holds something. The user holds the lock.

    Nothing is kept in order for it: every new session would pay for what few ask for.
    """
    numbers = sorted(sessions if after is None else filter(after.int.__lt__, sessions))  # all of it in C
    found = (number for number in numbers if holds(sessions[number]))
    return [UUID(int=number) for number in islice(found, limit)]
