"""A directory of this machine that files are written into, each at once, and never outside of it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING

from everstore.cli.directories.local_directory import (
    Found,
    LocalDirectory,
    LocalFileError,
    require_utf8_names,
)
from everstore.cli.directories.walking import PART
from everstore.compat import override

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CLASH", "WritableDirectory", "refusal_of"]

CLASH = "differs only in case or accents from a name that is there"
"""Why a name is not written where the system does not tell the two apart."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_PROBE = f"{PART}a\N{COMBINING RING ABOVE}"
_OTHERS = (f"{PART}A\N{COMBINING RING ABOVE}", f"{PART}\N{LATIN SMALL LETTER A WITH RING ABOVE}")

_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in "123456789¹²³")}
_WINDOWS_ONLY = set('<>:"|?*\\') | {chr(code) for code in range(32)}


def refusal_of(path: str, *, windows: bool = os.name == "nt") -> str | None:
    """Why nothing may be written at a path below a directory, whoever named it; ``None`` when it may."""
    for name in path.split("/"):
        if name in {"", ".", ".."} or "\0" in name:
            return "no name of a file"
        if name.startswith(PART):
            return "the name of a file that is being written"
        if windows and (_WINDOWS_ONLY & {*name} or name[-1] in ". "):
            return "no name of a file on Windows"
        if windows and name.partition(".")[0].rstrip().lower() in _DEVICES:
            return "the name of a device on Windows"
    return None


class WritableDirectory(LocalDirectory):
    """It is one command's at a time; what a killed one has left in it is taken away."""

    def __init__(self, path: Path) -> None:
        """Made with its parents where it is missing. ``LocalFileError`` when that is impossible."""
        require_utf8_names()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise LocalFileError(f"directory {str(path)!r}: {getattr(error, 'strerror', error)}") from error
        super().__init__(path)
        self._is_exact = True
        try:
            self._lock()
            self._clean("")
            self._is_exact = self._tells_spellings_apart()
        except OSError as error:
            self.__exit__()
            raise LocalFileError.of(str(path), error) from error
        except LocalFileError:
            self.__exit__()
            raise

    def _lock(self) -> None:
        """Have it for this process alone, where the system can."""
        with suppress(ImportError):
            from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415 - not on Windows

            try:
                if self.root is not None:
                    flock(self.root, LOCK_EX | LOCK_NB)
            except BlockingIOError as error:
                message = f"another 'everstore get' is writing into {str(self.path)!r}; wait for it"
                raise LocalFileError(message) from error
            except OSError:  # some network file systems have no locks
                return

    def _tells_spellings_apart(self) -> bool:
        name, folder = self.place(_PROBE)
        try:
            os.close(os.open(name, _NEW, 0o600, dir_fd=folder))
            return not any(map(self.look, _OTHERS))
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)

    @override
    def require_exact(self, name: str, folder: int | None) -> None:
        if not self._is_exact and name not in os.listdir(folder):  # noqa: PTH208 - a descriptor
            raise FileNotFoundError(errno.ENOENT, CLASH)

    def clashes(self, path: str) -> bool:
        """Whether what ``look`` finds at a path is called otherwise."""
        if self._is_exact:
            return False
        return path not in {found.path for found in self.entries(path.rpartition("/")[0])}

    def make_directory(self, path: str) -> bool:
        """Make a directory, or take away what a killed command left in it; whether it is new."""
        name, folder = self.place(path)
        try:
            os.mkdir(name, dir_fd=folder)
        except FileExistsError:
            found = self.look(path)
            if found is None or not found.is_directory:
                raise
            self._clean(path)
            return False
        return True

    def _clean(self, path: str) -> None:
        for left in [found.path for found in self.entries(path)]:
            if left.rpartition("/")[2].startswith(PART):
                name, folder = self.place(left)
                with suppress(OSError):
                    os.unlink(name, dir_fd=folder)

    def write(self, path: str, data: bytes, *, before: Found | None, is_readonly: bool) -> None:
        """Put a file in its place, whole or not at all.

        One that was there ``before`` hands down its permissions, so what may be run may be run still; a
        read-only file may be written to by nobody. An ``OSError`` when it cannot be written.
        """
        name, folder = self.place(path)
        part = name[: len(name) - len(path.rpartition("/")[2])] + PART + token_hex(8)
        try:
            with open(os.open(part, _NEW, 0o666, dir_fd=folder), "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(data)
                self._set_mode(file.fileno(), part, before, is_readonly=is_readonly)
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=folder)
            raise

    @staticmethod
    def _set_mode(descriptor: int, part: str, before: Found | None, *, is_readonly: bool) -> None:
        now = stat.S_IMODE(os.fstat(descriptor).st_mode)
        mode = now if before is None else before.status.st_mode & 0o777
        mode &= ~0o222 if is_readonly else ~0
        if mode != now:
            os.chmod(descriptor if os.chmod in os.supports_fd else part, mode)  # noqa: PTH101 - a descriptor
