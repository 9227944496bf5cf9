"""Tools that move, copy and delete files and directories, and make directories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from everstore.tools.answers import shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.tools.listing import Directory

if TYPE_CHECKING:
    from everstore.models import FileInfo

__all__ = ["copy", "delete", "mkdir", "move"]

Source = Annotated[str, Meta(description="Path of the file or directory")]
Destination = Annotated[str, Meta(description="Its new path; not the directory that it goes into")]
Overwrite = Annotated[bool, Meta(description="Replace a file that is there; directories never are")]


@tool()
async def move(
    desk: Desk,
    source: Source,
    destination: Destination,
    *,
    overwrite: Overwrite = False,
) -> str:
    """Move or rename a file, or a directory with all in it; missing directories are made."""
    moved = await desk.files.move_file(source, destination, overwrite=overwrite)
    return f"Moved {shown(source)} to {_named(moved)}."


@tool()
async def copy(
    desk: Desk,
    source: Source,
    destination: Destination,
    *,
    overwrite: Overwrite = False,
) -> str:
    """Copy a file, or a directory with all in it; missing directories are made."""
    made = await desk.files.copy_file(source, destination, overwrite=overwrite)
    return f"Copied {shown(source)} to {_named(made)}."


@tool()
async def delete(
    desk: Desk,
    path: Source,
    *,
    recursive: Annotated[bool, Meta(description="Delete a directory with all that is in it")] = False,
) -> str:
    """Delete a file or a directory."""
    await desk.files.delete_file(path, recursive, strict=True)
    return f"Deleted {shown(path)}."


@tool()
async def mkdir(desk: Desk, path: Directory) -> str:
    """Make a directory and those above it; one that is there stays as it is."""
    return f"The directory {_named(await desk.files.create_directory(path))} is there."


def _named(entry: FileInfo) -> str:
    return shown(entry.path) + ("/" if entry.is_directory and entry.path != "/" else "")
