"""Tools that write and edit files."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.tools.reading import Path

__all__ = ["edit", "write"]


@tool()
async def write(
    desk: Desk,
    path: Path,
    content: Annotated[str, Meta(description="The whole text of the file")],
    if_absent: Annotated[bool, Meta(description="Write only if nothing is there yet")] = False,  # noqa: FBT002 - a model names its arguments
) -> str:
    """Create or replace a text file; missing directories are made."""
    written = await desk.files.write_file(path, content, if_absent=if_absent)
    verb = "Created" if written.created_ns == written.updated_ns else "Replaced"
    return f"{verb} {written.path} ({written.size_bytes:,} bytes)."


@tool()
async def edit(
    desk: Desk,
    path: Path,
    old: Annotated[str, Meta(description="The text to replace, exactly as it is in the file")],
    new: Annotated[str, Meta(description="The text in its place")],
    replace_all: Annotated[bool, Meta(description="Replace it wherever it is")] = False,  # noqa: FBT002 - a model names its arguments
) -> str:
    """Replace a text in a file, which must be there exactly once unless replace_all is true."""
    edited = await desk.files.edit_file(path, old, new, replace_all=replace_all)
    return f"Edited {edited.path} at line {', '.join(map(str, edited.replaced[:10]))}."
