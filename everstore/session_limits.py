"""Limits of one session, which are tighter than the store's (§1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.arguments import plain_count
from everstore.errors import InvalidArgumentError, shown

if TYPE_CHECKING:
    from everstore.settings import Limits

__all__ = ["SessionLimits", "plain_limits"]


class SessionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one session may have together, named as the limits of the store are; ``None`` is no limit.

    Of the store's limit and the session's the lower one counts.
    """

    session_entries: int | None = None
    session_bytes: int | None = None
    session_keys: int | None = None
    session_value_bytes: int | None = None

    @property
    def of_files(self) -> tuple[int | None, int | None] | None:
        """The most entries and the most bytes of files, where either is limited; else ``None``."""
        both = self.session_entries, self.session_bytes
        return None if both == (None, None) else both

    @property
    def of_values(self) -> tuple[int | None, int | None] | None:
        """The most values and secrets, and the most bytes of them, where either is limited; else ``None``."""
        both = self.session_keys, self.session_value_bytes
        return None if both == (None, None) else both


def plain_limits(
    limits: SessionLimits | Limits | Mapping[str, int | None], store: Limits | None = None
) -> SessionLimits:
    """A session's limits of plain numbers, none of them higher than the store's.

    ``InvalidArgumentError`` for what is no limit of a session, and for a higher one; it names the limit.
    """
    own: dict[str, int] = {}
    for name, value in _by_name(limits).items():
        if name not in SessionLimits.__struct_fields__:
            known = ", ".join(SessionLimits.__struct_fields__)
            what = name if isinstance(name, str) and name.isidentifier() else shown(name)
            raise InvalidArgumentError(f"limits of a session are {known}, not {what:.60}; leave that out")
        if value is None:
            continue
        own[name] = plain_count(name, value, 1)
        most: int | None = getattr(store, name, None)
        if most is not None and own[name] > most:
            raise InvalidArgumentError(
                f"{name} of a session is at most {most:,}, as the store has it, not {own[name]:,}; "
                "a session's limit may only be lower"
            )
    return SessionLimits(**own)


def _by_name(limits: Any) -> Mapping[Any, Any]:
    if isinstance(limits, SessionLimits):
        return msgspec.structs.asdict(limits)
    said = getattr(limits, "model_dump", None)  # of settings.Limits, for which pydantic would have to be here
    if said is not None:
        limits = said(exclude_unset=True)
    if not isinstance(limits, Mapping):
        raise InvalidArgumentError(
            f"limits are a mapping (dict) of numbers by name, session_bytes say, not {shown(limits)}"
        )
    return limits
