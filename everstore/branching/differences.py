"""What is different in the contents of two sessions' files, line by line."""

from __future__ import annotations

import asyncio
import difflib
from typing import TYPE_CHECKING

from msgspec.structs import replace

from everstore.branching.spelling import require_reachable
from everstore.branching.undoing import asyncio_loop
from everstore.errors import BackendUnavailableError
from everstore.wording import shown_size

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.interfaces import OpenFileSystem
    from everstore.models import FileChange, FileInfo, SessionFile

__all__ = ["differences", "is_shown", "with_text_of"]

_MOST_LOOKS = 100  # at files that change meanwhile
_LARGEST = 1 << 20  # bytes of a file that is compared line by line
_MOST_LINES = 20_000  # of both: comparing takes longer than as many, and nobody reads it
_UNENDED = "\\ No newline at end of file\n"


async def differences(
    files: OpenFileSystem, a: UUID, b: UUID, after: str | None, limit: int | None, *, text: bool
) -> list[FileChange]:
    """``Store.diff``: with ``text`` the changes and the contents are of the same moments."""
    if text:
        asyncio_loop("diff")  # lines are compared beside it
    for _ in range(_MOST_LOOKS):
        changes = await files.diff_sessions(a, b, after=after, limit=limit)
        if not text:
            return changes
        await require_reachable(files, a, [change.path for change in changes])
        told = [await _with_text(files, a, b, change) for change in changes]
        if None not in told:
            return [change for change in told if change is not None]
    raise BackendUnavailableError(
        "the files changed whenever they were compared: compare again, or fewer at once", happened=False
    )


async def _with_text(files: OpenFileSystem, a: UUID, b: UUID, change: FileChange) -> FileChange | None:
    """The change with its text; ``None`` when one of its sides is another by now."""
    sides: list[SessionFile | None] = []
    for session_id, info in ((a, change.before), (b, change.after)):
        if info is None or not is_shown(info):
            sides.append(None)
            continue
        file = await files.read_file(session_id, info.path)
        if file is None or file.revision != info.revision:
            return None
        sides.append(file)
    return await with_text_of(change, *sides)


def is_shown(info: FileInfo | None) -> bool:
    """Whether the content of this side of a change is looked at to tell what is different in it."""
    return info is not None and not info.is_directory and info.size_bytes <= _LARGEST


async def with_text_of(change: FileChange, was: SessionFile | None, now: SessionFile | None) -> FileChange:
    """The change with its text, made of the contents of its sides: ``None`` where ``is_shown`` is false."""
    shown = _as_a_whole(change, was, now)
    if shown is None:
        shown = await asyncio.to_thread(_unified, change.path, was, now)
    return replace(change, text=shown)


def _as_a_whole(change: FileChange, was: SessionFile | None, now: SessionFile | None) -> str | None:
    """What is told where no lines are compared; ``None`` where they are to be."""
    before, after = change.before, change.after
    if (before is None or before.is_directory) and (after is None or after.is_directory):
        return ""
    is_large = any(info is not None and info.size_bytes > _LARGEST for info in (before, after))
    if is_large or any(file is not None and file.encoding != "text" for file in (was, now)):
        what = "Large" if is_large else "Binary"
        return f"{what} files {_name(change, before)} and {_name(change, after)} differ\n"
    return None


def _name(change: FileChange, info: FileInfo | None) -> str:
    return "/dev/null" if info is None else f"{change.path} ({shown_size(info.size_bytes)})"


def _unified(path: str, was: SessionFile | None, now: SessionFile | None) -> str:
    """A unified difference, as ``patch`` reads it."""
    before, after = _lines(was), _lines(now)
    old, new = "/dev/null" if was is None else f"a{path}", "/dev/null" if now is None else f"b{path}"
    if len(before) + len(after) > _MOST_LINES:
        return f"Files {old} and {new} differ in too many lines to compare\n"
    return "".join(
        line if line.endswith("\n") else f"{line}\n{_UNENDED}"
        for line in difflib.unified_diff(before, after, old, new)
    )


def _lines(file: SessionFile | None) -> list[str]:
    r"""The lines of a text with their ends; only ``\n`` ends one."""
    content = (file.content if file is not None else None) or ""
    lines = [f"{line}\n" for line in content.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines
