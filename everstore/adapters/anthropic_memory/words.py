"""What the memory tool says, in the words of the SDK's own tool over local files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anthropic.lib.tools import ToolError

if TYPE_CHECKING:
    from anthropic.types.beta import (
        BetaMemoryTool20250818StrReplaceCommand,
        BetaMemoryTool20250818ViewCommand,
    )

    from everstore.models import FileInfo, SessionFile

__all__ = ["ROOT", "listing", "missing", "numbered", "path_of", "place_of", "snippet", "text_of"]

ROOT = "/memories"
_MOST_LINES = 999_999
_COLUMN = len(str(_MOST_LINES))


def path_of(spelled: str) -> str:
    """The session's path of what the model calls so; nothing leads out of ``/memories``."""
    if spelled != ROOT and not spelled.startswith(f"{ROOT}/"):
        raise ToolError(f"Path must start with /memories, got: {spelled}")
    segments: list[str] = []
    for segment in spelled.split("/"):
        if segment == "..":
            if not segments:
                raise _escape(spelled)
            segments.pop()
        elif segment not in {"", "."}:
            segments.append(segment)
    path = "/" + "/".join(segments)
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise _escape(spelled)
    return path


def _escape(spelled: str) -> ToolError:
    return ToolError(f"Path {spelled} would escape /memories directory")


def missing(path: str) -> ToolError:
    """What is told of a path where nothing is."""
    return ToolError(f"The path {path} does not exist. Please provide a valid path.")


def text_of(file: SessionFile, shown: str) -> str:
    """The text of a file; a ``ToolError`` for other bytes."""
    try:
        return (file.data or b"").decode()
    except UnicodeDecodeError:
        error = ToolError(f"The file {shown} is not text.")
    raise error


def place_of(text: str, command: BetaMemoryTool20250818StrReplaceCommand) -> int:
    """Where the text to replace is, which is there once."""
    old = command.old_str
    count = text.count(old)
    if count == 0:
        raise ToolError(
            f"No replacement was performed, old_str `{old}` did not appear verbatim in {command.path}."
        )
    at = text.find(old)
    if count == 1:
        return at
    numbers: list[str] = []
    while at != -1:
        numbers.append(str(text.count("\n", 0, at) + 1))
        at = text.find(old, at + 1)
    raise ToolError(
        f"No replacement was performed. Multiple occurrences of old_str `{old}` in lines:"
        f" {', '.join(numbers)}. Please ensure it is unique"
    )


def numbered(command: BetaMemoryTool20250818ViewCommand, lines: list[str]) -> str:
    """The lines of a file that were asked for, with their numbers."""
    if len(lines) > _MOST_LINES:
        raise ToolError(f"File {command.path} exceeds maximum line limit of {_MOST_LINES:,} lines.")
    first, last = 1, len(lines)
    if command.view_range and len(command.view_range) == 2:
        first = max(1, command.view_range[0])
        last = last if command.view_range[1] == -1 else command.view_range[1]
    return f"Here's the content of {command.path} with line numbers:\n" + _rows(
        lines[first - 1 : last], first
    )


def snippet(text: str, changed: int) -> str:
    """Two lines before the one that was changed, itself, and two behind it."""
    first = max(0, changed - 2)
    head = "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n"
    return head + _rows(text.split("\n")[first : changed + 3], first + 1)


def _rows(lines: list[str], first: int) -> str:
    return "\n".join(f"{number:>{_COLUMN}}\t{line}" for number, line in enumerate(lines, first))


def listing(shown: str, path: str, entries: list[FileInfo]) -> str:
    """A directory, two levels deep; the size of each directory is that of the files in it."""
    head = f"Here're the files and directories up to 2 levels deep in {shown}, excluding hidden items:"
    lines = [
        f"{_size(size)}\t{shown}{name}"
        for name, size in _sizes(path, entries)
        if name.strip("/").count("/") < 2
    ]
    return "\n".join([head, *lines])


def _sizes(top: str, entries: list[FileInfo]) -> list[tuple[str, int]]:
    """What is not hidden below a directory, a directory's contents behind it, and the bytes of each."""
    sizes = {"": 0}
    for entry in entries:
        names = entry.path[len(top) + 1 :].split("/")
        if any(name.startswith(".") for name in names):
            continue
        above = [f"/{'/'.join(names[:count])}/" for count in range(1, len(names))]
        own = f"/{'/'.join(names)}{'/' if entry.is_directory else ''}"
        for place in ("", *above, own):
            sizes[place] = sizes.get(place, 0) + entry.size_bytes
    return sorted(sizes.items(), key=lambda item: item[0].rstrip("/").split("/"))


def _size(count: int) -> str:
    power = min(max(count.bit_length() - 1, 0) // 10, 3)
    size = count / 1024**power
    return f"{size:.0f}{'BKMG'[power]}" if size == int(size) else f"{size:.1f}{'BKMG'[power]}"
