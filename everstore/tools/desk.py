"""What the tools of a toolbox work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everstore.session import BoundFiles, BoundSession

__all__ = ["Desk"]


@dataclass(frozen=True)
class Desk:
    """A session, and the most characters that an answer about it may have."""

    work: BoundSession
    most: int

    @property
    def files(self) -> BoundFiles:
        """The session's files."""
        return self.work.files
