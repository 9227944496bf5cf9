"""A directory of this machine in which no link is ever followed."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from everstore.cli.output import OutputError
from everstore.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "LINK",
    "SPECIAL",
    "UNREADABLE",
    "Found",
    "LocalDirectory",
    "LocalFileError",
    "kind_of",
    "require_utf8_names",
]

LINK = "symbolic link"
SPECIAL = "special file"
UNREADABLE = "unreadable"

_ANCHORED = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
"""Whether names are looked up in a directory that is open: then nobody can put a link in its place."""

_SAFELY = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe does not wait
_READ = _SAFELY | getattr(os, "O_BINARY", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)


class LocalFileError(OutputError):
    """A local file or directory could not be written or read: the disk is full, say, or it may not be."""

    code = "local_file"

    @classmethod
    def of(cls, name: str, error: OSError) -> Self:
        """What the system said of a place in the directory."""
        return cls(f"{name!r}: {error.strerror or error}")


class Found(NamedTuple):
    """What a name in a directory is: its place in the whole tree, and what the system says of it."""

    path: str
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory, and no link to one."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def size(self) -> int:
        """Bytes of a file; 0 of a directory."""
        return 0 if self.is_directory else self.status.st_size


def kind_of(status: os.stat_result) -> str | None:
    """Why this is neither a file nor a directory; ``None`` when it is one of them."""
    if stat.S_ISLNK(status.st_mode):
        return LINK
    return None if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) else SPECIAL


def require_utf8_names() -> None:
    """``InvalidArgumentError`` where Python reads the names of files otherwise than a session keeps them."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        raise InvalidArgumentError(
            f"names of files are read as {encoding} here, and not as UTF-8; set PYTHONUTF8=1"
        )


class LocalDirectory:
    """A directory, and what is in it by its path from there: ``src/app.py``, ``""`` being itself.

    ``path`` itself may lead through links, for somebody typed it; nothing below it is looked at
    through one. Where the system has no ``openat`` (Windows), every directory on the way is looked at
    right before it is used.
    """

    def __init__(self, path: Path) -> None:
        """``InvalidArgumentError`` when there is no such directory, or it may not be read."""
        require_utf8_names()
        self.path = path
        self._folder: tuple[str, int] | None = None
        try:
            self.root = os.open(path, os.O_RDONLY | _DIRECTORY) if _ANCHORED else None
            if not path.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidArgumentError(f"directory {str(path)!r} cannot be read: {reason}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        if self.root is not None:
            os.close(self.root)
            self.root = None

    def _leave(self) -> None:
        if self._folder is not None:
            os.close(self._folder[1])
            self._folder = None

    def place(self, path: str) -> tuple[str, int | None]:
        """The name to give to the system, and the open directory that it is in: until the next call.

        An ``OSError`` when what leads there is missing, or is no directory: a link to one is none.
        """
        parent, _, name = path.rpartition("/")
        if self.root is None:
            return str(self._unlinked(parent) / (name or ".")), None
        return name or ".", self._opened(parent)

    def _opened(self, path: str) -> int:
        if self._folder is None or self._folder[0] != path:
            folder = self._descend(path)
            self._leave()
            self._folder = path, folder
        return self._folder[1]

    def _descend(self, path: str) -> int:
        here = os.dup(self.root or 0)
        for name in path.split("/") if path else ():
            try:
                self.require_exact(name, here)
                below = os.open(name, _SAFELY | _DIRECTORY, dir_fd=here)
            finally:
                os.close(here)
            here = below
        return here

    def _unlinked(self, path: str) -> Path:
        here = self.path
        for name in path.split("/") if path else ():
            here /= name  # a junction is a directory with a tag
            status = here.lstat()
            if not stat.S_ISDIR(status.st_mode) or getattr(status, "st_reparse_tag", False):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return here

    def require_exact(self, name: str, folder: int | None) -> None:
        """Refuse a name that is there in another spelling only; nothing to refuse where one only reads."""

    def look(self, path: str) -> Found | None:
        """What is at a path; ``None`` when nothing is, or what leads there is no directory."""
        try:
            name, folder = self.place(path)
            return Found(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise

    def entries(self, path: str) -> Iterator[Found]:
        """What is directly in a directory, in the order of the disk; an ``OSError`` when it is unreadable."""
        name, folder = self.place(f"{path}/." if path else "")
        descriptor = None if folder is None else os.open(name, os.O_RDONLY | _DIRECTORY, dir_fd=folder)
        prefix = f"{path}/" if path else ""
        try:
            with os.scandir(name if descriptor is None else descriptor) as listed:
                for entry in listed:
                    with suppress(FileNotFoundError):  # it went meanwhile
                        yield Found(prefix + entry.name, entry.stat(follow_symlinks=False))
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def read(self, path: str) -> bytes | str:
        """The bytes of a file, or why there are none: a link, a special file, or unreadable."""
        try:
            name, folder = self.place(path)
            if folder is None and Path(name).is_symlink():
                return LINK
            with open(os.open(name, _READ, dir_fd=folder), "rb") as file:  # noqa: PTH123 - a descriptor
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return SPECIAL
                return file.read()
        except OSError as error:
            return LINK if error.errno == errno.ELOOP else UNREADABLE
