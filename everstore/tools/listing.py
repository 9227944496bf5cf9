"""Tools that show which files there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from everstore.tools.answers import Page, call_of, in_json, shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.wording import counted, shown_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.models import FileInfo

__all__ = ["After", "Directory", "counts", "glob", "ls"]

_AROUND = 250  # characters above and below lines, but for the path

Directory = Annotated[str, Meta(description="Path of the directory; / is the root")]
After = Annotated[str, Meta(description="To see more: the path after which to go on")]


@tool(reads_only=True)
async def ls(desk: Desk, path: Directory = "/", after: After | None = None) -> str:
    """List what is directly in a directory: sizes and names, directories with a / behind."""
    entries = await desk.files.list_directory(path, strict=True)
    if not entries:
        return f"{shown(path)} is empty."
    where = entries[0].path.rpartition("/")[0] or "/"
    above = f"{shown(where)}: {counts(entries)}"
    return _listed(desk, "ls", entries, after, above, {"path": where})


@tool(reads_only=True)
async def glob(
    desk: Desk,
    pattern: Annotated[
        str,
        Meta(description="e.g. *.py (name, at any depth), /src/**/*.ts, {a,b}.md; * stops at /, ** does not"),
    ],
    after: After | None = None,
) -> str:
    """List the files whose path matches a pattern, sorted by path, with their sizes."""
    files = await desk.files.glob_files(pattern)
    if not files:
        return f"No file matches {in_json(pattern[:200])}. {call_of('tree')} shows which there are."
    above = f"{counted(len(files), 'file')} {'matches' if len(files) == 1 else 'match'}"
    return _listed(desk, "glob", files, after, f"{above}:", {"pattern": pattern}, whole=True)


def _listed(
    desk: Desk,
    tool_name: str,
    entries: Sequence[FileInfo],
    after: str | None,
    above: str,
    again: dict[str, str],
    *,
    whole: bool = False,
) -> str:
    """A line for each entry that follows a path, and the call that shows those that do not fit."""
    start = "" if after is None else after if after.startswith("/") else f"/{after}"
    following = [entry for entry in entries if entry.path > start]
    if not following:
        return f"{above}, and none of them comes after {shown(after or '')}."
    page = Page(desk.most, _AROUND + 2 * len(in_json(again)) + len(in_json(following[-1].path)))
    last = None
    for entry in following:
        size = "-" if entry.is_directory else shown_size(entry.size_bytes)
        if not page.add(f"{size:>9}  {_named(entry, whole=whole)}"):
            break
        last = entry
    if last is following[-1]:
        return page.text(above)
    more = call_of(tool_name, **again, after=last.path if last else after)
    return page.text(above, f"{len(page.lines):,} of {len(entries):,} shown; more: {more}")


def _named(entry: FileInfo, *, whole: bool) -> str:
    name = shown(entry.path if whole else entry.name)
    return name + ("/" if entry.is_directory else " (read-only)" if entry.is_readonly else "")


def counts(entries: Sequence[FileInfo]) -> str:
    """How many directories and files these are, in words."""
    directories = sum(entry.is_directory for entry in entries)
    files = len(entries) - directories
    told = [counted(directories, "directory")] if directories else []
    return ", ".join([*told, *([counted(files, "file")] if files else [])])
