"""What a patch says, in whichever format it was written."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["FilePatch", "Hunk", "PatchError"]


class PatchError(Exception):
    """A patch that cannot be understood: what is wrong, on which of its lines."""


class Hunk(msgspec.Struct, frozen=True):
    """Some lines of a file, and those that take their place.

    ``lines`` have no line end, and ``" "``, ``"-"`` or ``"+"`` before them for what stays, goes and comes.
    """

    lines: tuple[str, ...]
    name: str
    """How it is called in a refusal."""
    line: int | None = None
    """Behind how many lines of the older file it begins, where the patch says so."""
    anchors: tuple[str, ...] = ()
    """Lines that come before it, one after another, but not directly."""
    at_end: bool = False
    """Whether its last line is the file's last one."""
    open_before: bool | None = None
    """Whether the older file ends without a line end behind its last line; ``None`` where nothing is said."""
    open_after: bool | None = None

    @property
    def old(self) -> list[str]:
        """The lines that have to be there."""
        return [line[1:] for line in self.lines if line[0] != "+"]

    @property
    def new(self) -> list[str]:
        """The lines that are there then."""
        return [line[1:] for line in self.lines if line[0] != "-"]


class FilePatch(msgspec.Struct, frozen=True):
    """What is to be done with one file."""

    kind: Literal["add", "delete", "update"]
    path: str
    hunks: tuple[Hunk, ...] = ()
    moved_to: str | None = None
    copied_to: str | None = None

    @property
    def counts(self) -> str:
        """How many lines come and go, in words; empty where none do."""
        marks = [line[0] for hunk in self.hunks for line in hunk.lines]
        told = [f"{mark}{marks.count(mark)}" for mark in "+-" if mark in marks]
        return f" ({' '.join(told)})" if told else ""
