"""A directory tree of this machine, and how it gets into a session."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import Counter
from typing import TYPE_CHECKING

import rignore

from everstore.cli.local import content_from
from everstore.cli.running import WrongAnswerError
from everstore.errors import InvalidArgumentError, QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from everstore.models import Encoding, SessionFile
    from everstore.session import BoundFiles

__all__ = ["LocalTree", "import_file"]

_AT_ONCE = 16
_SHARE = 16  # of all bytes, what one file may take: a few giants leave room for the rest


async def import_file(files: BoundFiles, path: str, content: str, encoding: Encoding) -> SessionFile:
    """What the import does for every file; the tour shows this line."""
    return await files.write_file(path, content, encoding)


class LocalTree:
    """The files of a directory that ``.gitignore`` does not exclude, at most so many and so large.

    ``skipped`` counts what was left out, by reason: links, what is no regular file or cannot be
    read, what everstore refuses, and what would exceed a maximum. ``count`` and ``size_bytes`` are
    of what was imported.
    """

    def __init__(self, directory: Path, max_files: int, max_bytes: int) -> None:
        """``InvalidArgumentError`` when there is no such directory."""
        if not directory.is_dir():
            raise InvalidArgumentError(f"{str(directory)!r} is no directory")
        self.directory = directory
        self.skipped: Counter[str] = Counter()
        self.count = 0
        self.size_bytes = 0
        self._max_files = max_files
        self._max_bytes = max_bytes

    def survey(self) -> list[Path]:
        """The files to import, in the order of the disk; read none of them yet."""
        found: list[Path] = []
        left = self._max_bytes
        for path in self._entries():
            size = self._size(path)
            if size is None:
                continue
            if len(found) == self._max_files:
                self.skipped["more than --max-files"] += 1
                break
            if size > min(left, self._max_bytes // _SHARE):
                reason = "over --max-bytes" if size > left else f"larger than 1/{_SHARE} of --max-bytes"
                self.skipped[reason] += 1
                continue
            left -= size
            found.append(path)
        return found

    def _entries(self) -> Iterator[Path]:
        """Every entry below the directory, links not followed."""
        walk = iter(
            rignore.walk(
                self.directory, ignore_hidden=False, read_ignore_files=False, require_git=False,
                follow_links=False, overrides=["!.git"],
            )
        )  # fmt: skip
        while True:
            try:
                yield next(walk)
            except StopIteration:
                return
            except OSError:
                self.skipped["unreadable"] += 1
            except ValueError:  # what rignore says of a name that is not UTF-8
                self.skipped["refused: name is not UTF-8"] += 1

    def _size(self, path: Path) -> int | None:
        """The size of a regular file; ``None``, and counted, for anything else but a directory."""
        try:
            found = os.lstat(path)
        except OSError:
            self.skipped["unreadable"] += 1
            return None
        if stat.S_ISREG(found.st_mode):
            return found.st_size
        if not stat.S_ISDIR(found.st_mode):
            self.skipped["symbolic link" if stat.S_ISLNK(found.st_mode) else "special file"] += 1
        return None

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError:
            self.skipped["unreadable"] += 1
            return None

    async def into(
        self, files: BoundFiles, paths: Iterable[Path], progress: Callable[[str], None]
    ) -> dict[str, bytes]:
        """Import the files at ``paths``; each session path with the bytes that must be there now.

        ``progress`` is told each file's name. ``WrongAnswerError`` when a stored file is not what was given.
        """
        there: dict[str, bytes] = {}
        left = iter(paths)

        async def worker() -> None:
            for path in left:
                name = path.relative_to(self.directory).as_posix()
                progress(name)
                stored = await self._import(files, name, path)
                if stored is not None:
                    there[stored[0]] = stored[1]

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(worker())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return there

    async def _import(self, files: BoundFiles, name: str, path: Path) -> tuple[str, bytes] | None:
        data = self._read(path)
        if data is None:
            return None
        content, encoding = content_from(data)
        try:
            stored = await import_file(files, name, content, encoding)
        except (InvalidArgumentError, QuotaExceededError) as error:
            self.skipped[f"refused: {getattr(error, 'reason', error.code)}"] += 1
            return None
        if (stored.path, stored.size_bytes, stored.encoding) != (f"/{name}", len(data), encoding):
            raise WrongAnswerError.at(name, "the import stored another file than it was given")
        self.count += 1
        self.size_bytes += len(data)
        return stored.path, data
