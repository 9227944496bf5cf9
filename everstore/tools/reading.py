"""Tools that show a file's lines."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from everstore.tools.declaring import tool
from everstore.tools.desk import Desk

__all__ = ["read"]

Path = Annotated[str, Meta(description="The file's path, e.g. /src/app.py")]


@tool(reads_only=True)
async def read(
    desk: Desk,
    path: Path,
    start: Annotated[int, Meta(description="The first line to show, from 1", ge=1)] = 1,
    limit: Annotated[int, Meta(description="How many lines to show; as many as fit if not given", ge=1)]
    | None = None,
) -> str:
    """Show lines of a text file, each behind its number and a tab. The numbers are no part of the file."""
    found = await desk.files.read_lines(path, start, limit)
    if found is None:
        await desk.files.read_file(path, strict=True)
        return ""
    return "\n".join(f"{line.number:>6}\t{line.text}" for line in found.lines)
