"""Which format a patch is in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.tools.patches.model import PatchError
from everstore.tools.patches.unified import parse_unified
from everstore.tools.patches.v4a import BEGIN, parse_v4a

if TYPE_CHECKING:
    from everstore.tools.patches.model import FilePatch

__all__ = ["parse_patch"]

_MARKS = ("--- ", "diff --git ", "@@", "*** ", "rename from ")


def parse_patch(text: str) -> list[FilePatch]:
    """What a patch says of each file, in its order; ``PatchError`` when it cannot be understood."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    # Where also the lines that only a patch has end in CR LF, so do all, and it says nothing of the files.
    marked = [line for line in lines if line.startswith(_MARKS)]
    if marked and all(line.endswith("\r") for line in marked):
        lines = [line.removesuffix("\r") for line in lines]
    is_v4a = any(line.rstrip() == BEGIN for line in lines)
    patches = parse_v4a(lines) if is_v4a else parse_unified(lines)
    if not patches:
        raise PatchError(
            "It names no file. Write a unified diff (--- a/path, +++ b/path, @@ ... @@),"
            f" or {BEGIN}, *** Update File: path, ..., *** End Patch"
        )
    return patches
