"""What the oldest supported Python lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

__all__ = ["override"]

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import override
else:
    # typing.override arrives with Python 3.12, and typing_extensions costs time to import. Only type
    # checkers read the mark, and they read the branch above.
    def override(method: T) -> T:
        """Mark a method that overrides another; it stays as it is."""
        return method
