"""A directory tree of this machine, and how it gets into a session."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from everstore.cli.directories.local_directory import LocalDirectory
from everstore.cli.directories.walking import walk
from everstore.cli.local import content_from
from everstore.cli.running import WrongAnswerError
from everstore.errors import InvalidArgumentError, QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from everstore.cli.directories.local_directory import Found
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

    def survey(self) -> list[str]:
        """The files to import, by their paths in the directory, sorted; read none of them yet."""
        with LocalDirectory(self.directory) as directory:
            return self._chosen(walk(directory, self._leave_out))

    def _chosen(self, entries: Iterator[Found]) -> list[str]:
        found: list[str] = []
        left = self._max_bytes
        for path, size in ((entry.path, entry.size) for entry in entries if not entry.is_directory):
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

    def _leave_out(self, _: str, reason: str) -> None:
        self.skipped[reason] += 1

    async def into(
        self, files: BoundFiles, paths: Iterable[str], progress: Callable[[str], None]
    ) -> dict[str, bytes]:
        """Import the files at ``paths``; each session path with the bytes that must be there now.

        ``progress`` is told each file's name. ``WrongAnswerError`` when a stored file is not what was given.
        """
        there: dict[str, bytes] = {}
        left = iter(paths)

        async def worker() -> None:
            for name in left:
                progress(name)
                stored = await self._import(files, name, directory.read(name))
                if stored is not None:
                    there[stored[0]] = stored[1]

        try:
            with LocalDirectory(self.directory) as directory:
                async with asyncio.TaskGroup() as group:
                    for _ in range(_AT_ONCE):
                        group.create_task(worker())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return there

    async def _import(self, files: BoundFiles, name: str, data: bytes | str) -> tuple[str, bytes] | None:
        if isinstance(data, str):  # it became something else meanwhile, or cannot be read
            self._leave_out(name, data)
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
