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
from everstore.paths import normalize_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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
    read, what everstore refuses, and what would exceed a maximum; ``count`` and ``size_bytes`` are of
    what was imported.
    """

    def __init__(self, directory: Path, max_files: int, max_bytes: int) -> None:
        """``InvalidArgumentError`` when there is no such directory."""
        if not directory.is_dir():
            raise InvalidArgumentError(f"{str(directory)!r} is no directory")
        self.directory = directory
        self.skipped: Counter[str] = Counter()
        self.size_bytes = 0
        self.max_files = max_files
        self._max_bytes = max_bytes
        self.count = 0

    def _paths(self) -> Iterator[Path]:
        """Every entry below the directory, in the order of the disk, links not followed."""
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

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Name (relative, with ``/``) and bytes of each file."""
        for path in self._paths():
            data = self._read(path)
            if data is None:
                continue
            if self.count >= self.max_files:
                self.skipped["more than --max-files"] += 1
                return
            if self.size_bytes + len(data) > self._max_bytes:
                self.skipped["over --max-bytes"] += 1
                continue
            self.count += 1
            self.size_bytes += len(data)
            yield path.relative_to(self.directory).as_posix(), data

    def _read(self, path: Path) -> bytes | None:
        try:
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                return None
            if stat.S_ISLNK(found.st_mode):
                self.skipped["symbolic link"] += 1
                return None
            if not stat.S_ISREG(found.st_mode):
                self.skipped["special file"] += 1
                return None
            if found.st_size > self._max_bytes // _SHARE:
                self.skipped[f"larger than 1/{_SHARE} of --max-bytes"] += 1
                return None
            return path.read_bytes()
        except OSError:
            self.skipped["unreadable"] += 1
            return None

    async def into(self, files: BoundFiles, progress: Callable[[str], None]) -> dict[str, bytes]:
        """Import everything; each path with the bytes that must be there now.

        ``progress`` is told each file's name. ``WrongAnswerError`` when a stored file is not what was given.
        """
        there: dict[str, bytes] = {}
        local = self.files()

        async def worker() -> None:
            for name, data in local:
                progress(name)
                content, encoding = content_from(data)
                try:
                    stored = await import_file(files, name, content, encoding)
                except (InvalidArgumentError, QuotaExceededError) as error:
                    self.skipped[f"refused: {getattr(error, 'reason', error.code)}"] += 1
                    self.count -= 1
                    self.size_bytes -= len(data)
                    continue
                expected = (normalize_path(name), len(data), encoding)
                if (stored.path, stored.size_bytes, stored.encoding) != expected:
                    raise WrongAnswerError.at(name, "the import stored another file than it was given")
                there[stored.path] = data

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(worker())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return there
