"""What a store refuses to exceed."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from everstore.errors import QuotaExceededError

__all__ = ["Limits"]


class Limits(BaseModel):
    """What a store refuses to exceed (§7.4): sizes in bytes; ``None`` is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_bytes: Annotated[int, Field(gt=0)] | None = None
    """The largest file."""
    session_entries: Annotated[int, Field(gt=0)] | None = None
    """The most files and directories a session, whose names no other limit counts."""
    session_bytes: Annotated[int, Field(gt=0)] | None = None
    """The most bytes all files of a session have together."""
    key_bytes: Annotated[int, Field(gt=0, le=1024)] = 1024
    """The longest key or name of a secret."""
    value_bytes: Annotated[int, Field(gt=0)] | None = None
    """The largest value or secret; a counter may always have its 20 digits."""
    session_keys: Annotated[int, Field(gt=0)] | None = None
    """The most values and secrets a session."""
    session_value_bytes: Annotated[int, Field(gt=0)] | None = None
    """The most bytes all values and secrets of a session have together, keys included, as they are stored."""

    def require(self, place: str, **growth: tuple[int, int]) -> None:
        """Refuse what would exceed a limit: of each by its name, how much there is and how much comes to it.

        ``QuotaExceededError`` tells of ``place``, the path or key that is to be written. What does not
        grow is never refused, also when there already is more than is allowed.
        """
        for limit, (held, more) in growth.items():
            allowed = getattr(self, limit)
            if allowed is not None and more > 0 and held + more > allowed:
                raise QuotaExceededError.over(limit, held + more, allowed, place)

    def tightened(self, **own: int | None) -> Limits:
        """These limits with a session's own, by their names: of each the lower one (§1.8.2)."""
        lower = {
            name: value
            for name, value in own.items()
            if value is not None and ((most := getattr(self, name)) is None or value < most)
        }
        return self.model_copy(update=lower)

    def of_files_with(self, own: tuple[int | None, int | None] | None) -> Limits | None:
        """``of_files``, tightened by the most entries and bytes that one session may have."""
        if own is None:
            return self.of_files
        return self.tightened(session_entries=own[0], session_bytes=own[1]).of_files

    def of_values_with(self, own: tuple[int | None, int | None] | None) -> Limits | None:
        """``of_values``, tightened by the most values and secrets, and bytes of them, of one session."""
        if own is None:
            return self.of_values
        return self.tightened(session_keys=own[0], session_value_bytes=own[1]).of_values

    @property
    def of_files(self) -> Limits | None:
        """These limits, where any of them is about files; else ``None``."""
        return self if self.bounds_files or self.file_bytes is not None else None

    @property
    def of_values(self) -> Limits | None:
        """These limits, where any is about a session's values and secrets together; else ``None``."""
        return self if self.bounds_values else None

    @property
    def bounds_files(self) -> bool:
        """Whether what a session's files have together has a limit."""
        return self.session_entries is not None or self.session_bytes is not None

    @property
    def bounds_values(self) -> bool:
        """Whether what a session's values and secrets have together has a limit."""
        return self.session_keys is not None or self.session_value_bytes is not None
