"""Limits that single sessions have beside the store's (§1.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everstore.settings import Limits

__all__ = ["limits_of", "note_limits"]


def limits_of(limits: Limits | None) -> Limits:
    """The store's limits, also where it was made without any."""
    if limits is not None:
        return limits
    from everstore.settings import Limits as Unlimited  # noqa: PLC0415 - loads pydantic, for who limits a session

    return Unlimited()


def note_limits(own: dict[int, Limits], number: int, together: Limits | None, *, is_own: bool) -> None:
    """Note what a session's limits are together with the store's; nothing where it has none of its own."""
    if is_own and together is not None:
        own[number] = together
    else:
        own.pop(number, None)
