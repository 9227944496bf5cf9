"""A directory of a session into a local one, of which nothing outside is ever written."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from everstore.cli.directories.local_directory import LocalFileError, kind_of
from everstore.cli.directories.pairing import batches, read_all, stored_below
from everstore.cli.directories.writable_directory import CLASH, refusal_of
from everstore.errors import (
    EverstoreError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.cli.directories.local_directory import Found
    from everstore.cli.directories.telling import Told
    from everstore.cli.directories.writable_directory import WritableDirectory
    from everstore.models import FileInfo
    from everstore.session import BoundFiles

__all__ = ["directory_at", "get_directory", "get_file"]

_IN_THE_WAY = {errno.ELOOP, errno.ENOTDIR}


async def directory_at(files: BoundFiles, path: str) -> str:
    """The canonical path of a directory of the session.

    ``PathNotFoundError`` when nothing is there, ``PathNotDirectoryError`` when a file is.
    """
    found = await files.stat_file(path)
    if found is None:
        raise PathNotFoundError.at(path)
    if not found.is_directory:
        raise PathNotDirectoryError.at(path, "a file is there, and no directory")
    return found.path


async def get_directory(
    files: BoundFiles, base: str, directory: WritableDirectory, told: Told, progress: Callable[[str], None]
) -> None:
    """Have in the local directory what is below one of the session; what else is there stays.

    What is the same already, byte for byte, is not written.
    """
    async for batch in batches(stored_below(files, base), lambda each: each[1].size_bytes):
        contents = await read_all(files, [info.path for _, info in batch if not info.is_directory])
        for path, info in batch:
            progress(path)
            _have(directory, path, info, contents.get(info.path), told)


async def get_file(files: BoundFiles, path: str, directory: WritableDirectory, name: str, told: Told) -> None:
    """Write one file of the session under a name of the local directory."""
    found = await files.read_file(path, strict=True)
    _have(directory, name, found.info(), found.data, told)


def _have(directory: WritableDirectory, path: str, info: FileInfo, data: bytes | None, told: Told) -> None:
    """Make a directory, or write a file; what may not be is left out."""
    try:
        reason = refusal_of(path)
        before = directory.look(path) if reason is None else None
        if before is not None:
            reason = _hindrance(directory, before)
        if reason is not None:
            told.left_out.add(path, reason)
        elif info.is_directory:
            _make(directory, path, told)
        elif data is not None:  # else it went meanwhile
            _write(directory, path, data, before, told, is_readonly=info.is_readonly)
    except OSError as error:
        _tell(path, error, told)


def _hindrance(directory: WritableDirectory, before: Found) -> str | None:
    """Why nothing is written where something is."""
    kind = kind_of(before.status)
    if kind is not None:
        return f"a {kind} is there"
    return CLASH if directory.clashes(before.path) else None


def _make(directory: WritableDirectory, path: str, told: Told) -> None:
    try:
        told.directories += directory.make_directory(path)
    except FileExistsError:
        raise PathExistsError.at(
            path, "in the session it is a directory, and a local file is there"
        ) from None


def _write(
    directory: WritableDirectory,
    path: str,
    data: bytes,
    before: Found | None,
    told: Told,
    *,
    is_readonly: bool,
) -> None:
    if before is not None and before.is_directory:
        raise PathIsDirectoryError.at(path, "in the session it is a file, and a local directory is there")
    if before is not None and _is_same(directory, before, data):
        told.same += 1
        return
    directory.write(path, data, before=before, is_readonly=is_readonly)
    told.add(len(data))


def _is_same(directory: WritableDirectory, before: Found, data: bytes) -> bool:
    return before.size == len(data) and directory.read(before.path) == data


def _tell(path: str, error: OSError, told: Told) -> None:
    """Leave out what a link, or a name that is left out, is in the way of; anything else ends it all."""
    if isinstance(error, EverstoreError):
        raise error
    if error.errno in _IN_THE_WAY or error.strerror == CLASH:
        told.left_out.add(path, CLASH if error.strerror == CLASH else f"no directory of {path!r} is there")
        return
    raise LocalFileError.of(path, error) from error
