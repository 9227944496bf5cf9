"""What is different in a directory of a session from a local one."""

from __future__ import annotations

from stat import S_ISREG
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec.structs import replace

from everstore.branching.differences import is_shown, with_text_of
from everstore.cli.directories.pairing import batches, pairs, path_in, read_all
from everstore.cli.directories.walking import walk
from everstore.cli.local import content_from
from everstore.cli.output import one_line
from everstore.models import FileChange, FileInfo, SessionFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from everstore.cli.directories.local_directory import Found, LocalDirectory
    from everstore.cli.directories.pairing import Pair
    from everstore.cli.directories.telling import LeftOut
    from everstore.session import BoundFiles

__all__ = ["compare_directory"]

_NO_SESSION = UUID(int=0)


async def compare_directory(
    files: BoundFiles,
    base: str,
    directory: LocalDirectory,
    left_out: LeftOut,
    progress: Callable[[str], None],
    *,
    ignore: bool,
    text: bool,
) -> AsyncIterator[FileChange]:
    """Each path that differs, sorted by path by code point; ``before`` is the local side of it.

    Files differ by their bytes, and by nothing else. What ``.gitignore`` excludes counts where the session
    has it, too.
    """
    found = pairs(files, base, walk(directory, left_out.from_walk, ignore=ignore))
    async for batch in batches(_whole(found, directory), lambda pair: pair.size):
        stored = await read_all(files, [path_in(base, pair.path) for pair in batch if pair.may_be_same])
        for pair in batch:
            progress(pair.path)
            path = path_in(base, pair.path)
            local = directory.read(pair.path) if pair.local and not pair.local.is_directory else None
            if isinstance(local, str):
                left_out.from_walk(pair.path, local)
            elif not _is_same(pair, local, stored.get(path)):
                change = FileChange.between(path, _info(path, pair.local), pair.stored)
                yield await _with_text(files, change, local) if text else change


async def _whole(found: AsyncIterator[Pair], directory: LocalDirectory) -> AsyncIterator[Pair]:
    """The pairs, with what is there locally though it is ignored."""
    async for pair in found:
        local = directory.look(pair.path) if pair.local is None else None
        is_there = local is not None and (local.is_directory or S_ISREG(local.status.st_mode))
        yield pair._replace(local=local) if is_there else pair


def _is_same(pair: Pair, local: bytes | None, stored: bytes | None) -> bool:
    if pair.may_be_same:
        return local == stored
    both = pair.local, pair.stored
    return None not in both and all(each is not None and each.is_directory for each in both)


def _info(path: str, local: Found | None) -> FileInfo | None:
    """A local entry as a session would show it; it has no revision."""
    if local is None:
        return None
    changed = max(0, local.status.st_mtime_ns)
    return FileInfo(0, changed, changed, _NO_SESSION, path, 0, local.size, False, local.is_directory)  # noqa: FBT003 - by place, as everywhere


async def _with_text(files: BoundFiles, change: FileChange, local: bytes | None) -> FileChange:
    """The change with its text, in which a name that no session could have takes one line, too."""
    before, after = change.before, change.after
    was = now = None
    if before is not None and local is not None and is_shown(before):
        content, encoding = content_from(local)
        was = SessionFile(
            0, before.created_ns, before.updated_ns, _NO_SESSION, before.path,
            0, len(local), False, content, encoding,  # noqa: FBT003 - by place, as everywhere
        )  # fmt: skip
    if after is not None and is_shown(after):
        now = await files.read_file(after.path)
    told = await with_text_of(replace(change, path=one_line(change.path)), was, now)
    return replace(told, path=change.path)
