"""The tool that shows a directory as a tree."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from everstore.tools.answers import Page, call_of, in_json, shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.tools.listing import After, Directory, counts
from everstore.wording import counted

if TYPE_CHECKING:
    from everstore.models import FileInfo

__all__ = ["tree"]

_AROUND = 400  # characters above and below lines, but for paths
_MOST_LOOKED_AT = 20_000  # entries


@tool(reads_only=True)
async def tree(
    desk: Desk,
    path: Directory = "/",
    depth: Annotated[int, Meta(description="How many levels to show", ge=1)] = 3,
    after: After | None = None,
) -> str:
    """Show a directory and what is below it as a tree; of deeper directories how many files they have."""
    entries = await desk.files.list_tree(path, limit=_MOST_LOOKED_AT)
    if not entries:
        await desk.files.list_directory(path, strict=True)  # which says why there is nothing
        return f"{shown(path)} is empty."
    drawing = _Drawing(desk, entries, depth)
    for entry in drawing.following(after):
        if not drawing.add(entry):
            break
    return drawing.text(depth, after)


class _Drawing:
    """The branches of a tree that have room, in the order in which one goes through it."""

    def __init__(self, desk: Desk, entries: list[FileInfo], depth: int) -> None:
        self._entries = entries
        self._top = entries[0].path.rpartition("/")[0]  # a directory comes before what is in it
        self._level = self._top.count("/")
        deepest = self._level + depth
        ordered = sorted(entries, key=_parts)
        self._branches = [entry for entry in ordered if entry.path.count("/") <= deepest]
        self._below = Counter(
            "/".join(_parts(entry)[: deepest + 1])
            for entry in entries
            if entry.path.count("/") > deepest and not entry.is_directory
        )
        longest = max(len(in_json(entry.path)) for entry in entries[:: len(entries) // 100 + 1])
        self._page = Page(desk.most, _AROUND + 3 * longest)
        self._last: FileInfo | None = None
        self._closed: str | None = None

    def following(self, after: str | None) -> list[FileInfo]:
        """The branches that come after a path."""
        start = [] if after is None else ["", *after.strip("/").split("/")]
        return [entry for entry in self._branches if _parts(entry) > start]

    def add(self, entry: FileInfo) -> bool:
        """Draw a branch, below those that it is on; ``False`` where there is no room."""
        lines = [f"{self._branch(place)}/ (continued)" for place in self._unopened(entry)]
        note = f"/ ({counted(self._below[entry.path], 'file')} below)" if entry.path in self._below else "/"
        if not self._page.add(*lines, self._branch(entry.path) + (note if entry.is_directory else "")):
            return False
        self._last = entry
        if entry.path in self._below and self._closed is None:
            self._closed = entry.path
        return True

    def _branch(self, path: str) -> str:
        return "  " * (path.count("/") - self._level) + shown(path.rpartition("/")[2])

    def _unopened(self, entry: FileInfo) -> list[str]:
        """The directories above the first branch of a page that goes on with a tree."""
        parts = _parts(entry)
        if self._last is not None:
            return []
        return ["/".join(parts[:end]) for end in range(self._level + 2, len(parts))]

    def text(self, depth: int, after: str | None) -> str:
        """What was drawn, and how to see the rest."""
        top = self._top or "/"
        many = " or more" if len(self._entries) == _MOST_LOOKED_AT else ""
        deeper = f"deeper, e.g.: {call_of('tree', path=self._closed)}" if self._closed else ""
        more = ""
        if self._last is not self._branches[-1] and self.following(after):
            last = self._last.path if self._last else after
            more = f"more: {call_of('tree', path=top, depth=depth, after=last)}"
        return self._page.text(f"{shown(top)}: {counts(self._entries)}{many}", deeper, more)


def _parts(entry: FileInfo) -> list[str]:
    return entry.path.split("/")
