"""A local directory beside one of a session: both in the same order, page by page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    from everstore.cli.directories.local_directory import Found
    from everstore.models import FileInfo
    from everstore.session import BoundFiles

__all__ = ["Pair", "batches", "pairs", "path_in", "read_all", "stored_below"]

T = TypeVar("T")

_PAGE = 500  # entries of a session
_MOST = 250  # files of a batch
_LARGEST = 8 << 20  # bytes of a batch, unless one file alone has more
_AT_ONCE = 16  # reads


class Pair(NamedTuple):
    """What is at a path below both: ``local`` and ``stored``, not both of them ``None``."""

    path: str
    local: Found | None
    stored: FileInfo | None

    @property
    def size(self) -> int:
        """Bytes to have in memory for the one side or the other."""
        return max(self.local.size if self.local else 0, self.stored.size_bytes if self.stored else 0)

    @property
    def may_be_same(self) -> bool:
        """Whether only the bytes can tell whether two files are the same."""
        local, stored = self.local, self.stored
        if local is None or stored is None or local.is_directory or stored.is_directory:
            return False
        return local.size == stored.size_bytes


def path_in(base: str, path: str) -> str:
    """The path in the session of what is at ``path`` below ``base``."""
    return f"{base.removesuffix('/')}/{path}"


async def stored_below(files: BoundFiles, base: str) -> AsyncIterator[tuple[str, FileInfo]]:
    """Everything below a directory of the session by its path from there, sorted by it."""
    after: str | None = None
    start = len(path_in(base, ""))
    while True:
        page = await files.list_tree(base, after=after, limit=_PAGE)
        for info in page:
            yield info.path[start:], info
        if len(page) < _PAGE:
            return
        after = page[-1].path


async def pairs(files: BoundFiles, base: str, local: Iterator[Found]) -> AsyncIterator[Pair]:
    """What is below either of the two, sorted by path by code point."""
    stored = stored_below(files, base)
    here, there = next(local, None), await anext(stored, None)
    while here is not None or there is not None:
        if here is not None and (there is None or here.path < there[0]):
            yield Pair(here.path, here, None)
            here = next(local, None)
        elif there is not None and (here is None or there[0] < here.path):
            yield Pair(there[0], None, there[1])
            there = await anext(stored, None)
        elif here is not None and there is not None:
            yield Pair(here.path, here, there[1])
            here, there = next(local, None), await anext(stored, None)


async def batches(items: AsyncIterator[T], size_of: Callable[[T], int]) -> AsyncIterator[list[T]]:
    """The items in batches whose bytes there is room for."""
    batch: list[T] = []
    room = _LARGEST
    async for item in items:
        size = size_of(item)
        if batch and (len(batch) == _MOST or size > room):
            yield batch
            batch, room = [], _LARGEST
        batch.append(item)
        room -= size
    if batch:
        yield batch


async def read_all(files: BoundFiles, paths: Sequence[str]) -> dict[str, bytes | None]:
    """The bytes of files of the session; ``None`` where no file is any more."""
    left: Iterable[str] = iter(paths)
    read: dict[str, bytes | None] = {}

    async def reader() -> None:
        for path in left:
            read[path] = await files.read_bytes(path)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_ONCE, len(paths))):
                group.create_task(reader())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return read
