"""Looks that tell why there is nothing to see (contract §3.13), on whatever backend.

It takes several looks, between which others may change what is there. A reason is told only when it is
certain that it was one: a file in the way was in the way when it was seen, and what was not in a directory
when that was looked for was missing if the directory is the same before and after that look: no revision ever
comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import (
    BackendUnavailableError,
    ParentNotDirectoryError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
)
from everstore.paths import parents_of

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.interfaces import SessionFileSystem
    from everstore.models import FileInfo, SessionFile

__all__ = ["list_strictly", "read_strictly"]

_MOST_LOOKS = 100  # at what changes meanwhile


async def read_strictly(files: SessionFileSystem, session_id: UUID, path: str) -> SessionFile:
    """The file at a path; an error says why there is none."""
    for _ in range(_MOST_LOOKS):
        found = await files.read_file(session_id, path)
        if found is None:
            await _refuse_absent(files, session_id, path)
        elif found.is_directory:
            raise PathIsDirectoryError.at(path)
        else:
            return found
    raise _unsettled(path)


async def list_strictly(files: SessionFileSystem, session_id: UUID, path: str) -> list[FileInfo]:
    """What is in a directory; an error says why there is none."""
    children = await files.list_directory(session_id, path)
    for _ in range(_MOST_LOOKS):
        if children or path == "/":
            return children
        found = await files.stat_file(session_id, path)
        if found is None:
            await _refuse_absent(files, session_id, path)
        elif not found.is_directory:
            raise PathNotDirectoryError.at(path)
        children = await files.list_directory(session_id, path)
        if not children and found is not None and await files.stat_file(session_id, path) == found:
            return children
    raise _unsettled(path)


async def _refuse_absent(files: SessionFileSystem, session_id: UUID, path: str) -> None:
    """Tell why nothing is at a path, unless something is there by now, or might have been."""
    above = None  # the root
    for place in (*parents_of(path), path):
        found = await files.stat_file(session_id, place)
        if found is None:
            if above is None or await files.stat_file(session_id, above.path) == above:
                raise PathNotFoundError.at(path)
            return
        if not found.is_directory and place != path:
            raise ParentNotDirectoryError.through(path, place)
        above = found


def _unsettled(path: str) -> BackendUnavailableError:
    message = f"{path!r} came and went whenever it was looked at: look again"
    return BackendUnavailableError(message, happened=False)
