"""What is in the way at a path, or is not there."""

from __future__ import annotations

from errno import ENOTEMPTY
from typing import Self

from everstore.errors.root import EverstoreError

__all__ = [
    "DirectoryNotEmptyError",
    "ParentNotDirectoryError",
    "PathExistsError",
    "PathIsDirectoryError",
    "PathNotDirectoryError",
    "PathNotFoundError",
    "ReadOnlyFileError",
]


class ReadOnlyFileError(EverstoreError, PermissionError):
    """The call would have changed a read-only file (§3.9)."""

    code = "read_only_file"
    words = "file is read-only"
    path: str


class ParentNotDirectoryError(EverstoreError, NotADirectoryError):
    """The path leads through a file (§3.4), which is ``file`` where that is known."""

    code = "parent_not_directory"
    path: str
    file: str | None = None

    @classmethod
    def through(cls, path: str, file: str) -> Self:
        """The refusal of a path that leads through ``file``."""
        error = cls.at(path, f"{file!r} is a file, so nothing can be below it")
        error.tell(file=file)
        return error


class PathIsDirectoryError(EverstoreError, IsADirectoryError):
    """A file was asked for where a directory is (§3.4)."""

    code = "path_is_directory"
    words = "a directory is there"
    path: str


class PathNotDirectoryError(EverstoreError, NotADirectoryError):
    """A directory was to be listed where a file is (§3.13)."""

    code = "path_not_directory"
    words = "a file is there, which has nothing to list"
    path: str


class DirectoryNotEmptyError(EverstoreError, OSError):
    """A directory with something in it was to be deleted without ``recursive`` (§3.13)."""

    code = "directory_not_empty"
    words = "directory is not empty; recursive=True deletes it with all that is in it"
    path: str
    errno = ENOTEMPTY


class PathExistsError(EverstoreError, FileExistsError):
    """Something is already there and the call was not told to replace it (§3.4, §4.5)."""

    code = "path_exists"
    words = "something is already there"
    path: str


class PathNotFoundError(EverstoreError, FileNotFoundError):
    """What an edit, a move or a copy needs, or a strict call is about (§3.13), does not exist."""

    code = "path_not_found"
    words = "no such file or directory"
    path: str
