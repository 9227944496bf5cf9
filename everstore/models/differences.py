"""How two sessions differ, and what a merge took from one to the other."""

from __future__ import annotations

from typing import Literal, Self

import msgspec

from everstore.models.entries import FileInfo
from everstore.models.values import KeyInfo

__all__ = [
    "ChangeKind",
    "FileChange",
    "Merged",
    "Prefer",
    "ValueChange",
]

ChangeKind = Literal["added", "removed", "changed"]
"""Whether something is in the second of two sessions only, in the first only, or in both and not the same."""


class FileChange(msgspec.Struct, frozen=True, gc=False):
    """How a path differs between two sessions: what is there in the first, and in the second.

    ``text`` is a unified difference of the two where that was asked for and both are text.
    """

    path: str
    kind: ChangeKind
    before: FileInfo | None
    after: FileInfo | None
    text: str | None = None

    @classmethod
    def between(cls, path: str, before: FileInfo | None, after: FileInfo | None) -> Self:
        """The difference at a path, of what the first session has there and the second; not both ``None``."""
        return cls(path, _kind_of(before, after), before, after)


class ValueChange(msgspec.Struct, frozen=True, gc=False):
    """How a value differs between two sessions: what is at the key in the first, and in the second."""

    key: str
    kind: ChangeKind
    before: KeyInfo | None
    after: KeyInfo | None

    @classmethod
    def between(cls, key: str, before: KeyInfo | None, after: KeyInfo | None) -> Self:
        """The difference at a key, of what the first session has there and the second; not both ``None``."""
        return cls(key, _kind_of(before, after), before, after)


def _kind_of(before: object, after: object) -> ChangeKind:
    return "added" if before is None else "removed" if after is None else "changed"


Prefer = Literal["fork", "target"]
"""Whose side a merge takes where both changed the same."""


class Merged(msgspec.Struct, frozen=True, gc=False):
    """What a merge changed in its target, in the order of paths and of keys."""

    files: list[FileChange]
    values: list[ValueChange]
