"""Where the value of a setting came from, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pydantic import BaseModel

    from everstore.secret_files import States

__all__ = ["DEFAULT", "Origin", "shown_value", "source_of"]

DEFAULT = "default"
_UNSAID = object()


class Origin(msgspec.Struct, frozen=True):
    """One setting in force: its environment name, its value as it may be shown, and its source.

    ``problem`` is what is wrong with a setting that is therefore not in force.
    """

    name: str
    value: str
    source: str
    problem: str | None = None


def source_of(name: str, prefix: str, states: States) -> str:
    """The strongest source that says a setting; ``DEFAULT`` when none does."""
    path = name.removeprefix(prefix).lower().split("__")
    for source, state in states:
        at: Any = state
        for part in path:
            at = at.get(part, _UNSAID) if isinstance(at, Mapping) else getattr(at, part, _UNSAID)
        if at is not _UNSAID:
            return source
    return DEFAULT


def shown_value(settings: BaseModel, name: str, prefix: str) -> str:
    """The value of a setting as it is written in the environment; empty when it has none."""
    at: Any = settings
    for part in name.removeprefix(prefix).lower().split("__"):
        at = getattr(at, part, None)  # a table that may be left out is None
    if at is None:
        return ""
    if isinstance(at, bool):
        return str(at).lower()
    return ",".join(map(str, at)) if isinstance(at, tuple) else str(at)
