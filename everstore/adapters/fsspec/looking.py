"""The verbs that look."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everstore.adapters.fsspec.base import StoreFileSystem, on_the_loop
from everstore.adapters.fsspec.files import changed_meanwhile
from everstore.adapters.fsspec.framework import DEFAULT_CALLBACK, isfilelike
from everstore.adapters.fsspec.sessions import is_session, segments
from everstore.adapters.fsspec.urls import Place, place_of
from everstore.compat import override
from everstore.errors import InvalidPathError, PathNotDirectoryError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from datetime import datetime

__all__ = ["Info", "Looking", "no_such_file"]

Info = dict[str, Any]
"""What fsspec is told of a file or directory."""


def no_such_file(path: str) -> FileNotFoundError:
    """The refusal to look at what is not there."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _directory(name: str) -> Info:
    return {"name": name, "size": 0, "type": "directory"}


class Looking(StoreFileSystem):
    """A file system that can be looked at."""

    # -- one entry ----------------------------------------------------------------------------------

    @override
    @on_the_loop
    async def _info(self, path: str, **_: Any) -> Info:
        place = self._place(path)
        if not place.segment:
            return _directory("")
        entry = await self._verbs.file_system.stat_file(place.session_id, place.path)
        if entry is None or (entry.path == "/" and not await is_session(self._verbs, place.session_id)):
            raise no_such_file(path)
        return place.info(entry)

    @override
    async def _exists(self, path: str, **_: Any) -> bool:
        try:
            await self._info(path)
        except (FileNotFoundError, InvalidPathError):
            return False
        return True

    def created(self, path: str) -> datetime:
        """When the file was first written, in UTC."""
        moment: datetime = self.info(path)["created"]
        return moment

    def modified(self, path: str) -> datetime:
        """When the file was last written, in UTC."""
        moment: datetime = self.info(path)["mtime"]
        return moment

    # -- many entries -------------------------------------------------------------------------------

    @override
    @on_the_loop
    async def _ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        place = self._place(path)
        if place.segment:
            found = await self._children(place)
        else:
            found = [_directory(segment) for segment in (await segments(self._verbs)).values()]
        return found if detail else sorted(each["name"] for each in found)

    async def _children(self, place: Place) -> list[Info]:
        try:
            entries = await self._verbs.file_system.list_directory(place.session_id, place.path, strict=True)
        except PathNotDirectoryError:
            return [await self._info(place.name_of(place.path))]
        if not entries and place.path == "/" and not await is_session(self._verbs, place.session_id):
            raise no_such_file(place.segment)
        return [place.info(each) for each in entries]

    @override
    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        *,
        detail: bool = False,
        prefix: str = "",
        **_: Any,
    ) -> Any:
        found = await self._tree(path, maxdepth, prefix)
        if not withdirs:
            found = {name: info for name, info in found.items() if info["type"] == "file"}
        elif path := self._strip_protocol(path):
            found = await self._itself(path) | found
        return found if detail else [*found]

    @on_the_loop
    async def _tree(self, path: str, depth: int | None = None, prefix: str = "") -> dict[str, Info]:
        """Everything below a path by its name, in their order, as it is at one moment; a file itself.

        At the root only what is in sessions that begin with ``prefix``, each as it is at one moment.
        """
        if depth is not None and depth < 1:
            raise ValueError("maxdepth is a whole number of at least 1, or None")
        place = self._place(path)
        if not place.segment:
            return await self._forest(depth, prefix)
        entries = await self._verbs.file_system.list_tree(place.session_id, place.path, depth=depth)
        found = {place.name_of(each.path): place.info(each) for each in entries}
        if not found:
            found = {
                name: info for name, info in (await self._itself(path)).items() if info["type"] == "file"
            }
        return dict(sorted(found.items()))

    async def _forest(self, depth: int | None, prefix: str) -> dict[str, Info]:
        found: dict[str, Info] = {}
        for segment in (await segments(self._verbs)).values():
            if segment.startswith(prefix):
                found[segment] = _directory(segment)
                if depth != 1:
                    found |= await self._tree(segment, depth and depth - 1)
        return dict(sorted(found.items()))

    async def _itself(self, path: str) -> dict[str, Info]:
        """What is there, by its name; nothing when nothing is."""
        try:
            info = await self._info(path)
        except FileNotFoundError:
            return {}
        return {info["name"]: info}

    @override
    async def _walk(
        self,
        path: str,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: str | Callable[[OSError], object] = "omit",
        *,
        detail: bool = False,
        **_: Any,
    ) -> AsyncIterator[tuple[str, Any, Any]]:
        path = self._strip_protocol(path)
        found = await self._tree(path, maxdepth)
        try:
            if not found and path:
                await self._info(path)
        except FileNotFoundError as error:
            if on_error == "raise":
                raise
            if callable(on_error):
                on_error(error)
            return
        below: dict[str, dict[str, Info]] = {}
        for name, info in found.items():
            below.setdefault(self._parent(name) if name != path else path, {})[name] = info
        for each in _walked(below, path, maxdepth, topdown=topdown, detail=detail):
            yield each

    @override
    async def _du(
        self, path: str, total: bool = True, maxdepth: int | None = None, withdirs: bool = False, **_: Any
    ) -> int | dict[str, int]:
        found = await self._find(path, maxdepth, withdirs, detail=True)
        sizes: dict[str, int] = {name: info["size"] for name, info in found.items()}
        return sum(sizes.values()) if total else sizes

    # -- what is in a file --------------------------------------------------------------------------

    @override
    @on_the_loop
    async def _cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        first = start or 0
        if end is None:
            return await self._read(path, first)
        if first >= 0 <= end:
            return await self._read(path, first, max(end - first, 0))
        if first >= 0 or end < 0:  # the rest of the file is enough to count from its end
            found = await self._read(path, first)
            return found[: max(len(found) + end, 0)]
        return (await self._read(path))[start:end]

    async def _read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        place = self._place(path)
        found = await self._verbs.file_system.read_bytes(place.session_id, place.path, start, length)
        if found is None:
            await self._info(path)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return found

    @on_the_loop
    async def beginning(self, path: str, most: int) -> tuple[bytes, Info | None]:
        """A file that has no more than ``most`` bytes, read; of a larger one what is known of it."""
        data = await self._read(path, 0, most + 1)
        if len(data) <= most:
            return data, None
        return b"", await self._info(path)

    @on_the_loop
    async def fetch(self, path: str, start: int, end: int, revision: str) -> bytes:
        """A range of a file, which is still of this revision: ``OSError`` (``ESTALE``) else."""
        data = await self._read(path, start, max(end - start, 0))
        if (await self._info(path))["revision"] != revision:  # which no other time of the file ever has
            raise changed_meanwhile(path)
        return data

    @override
    async def _get_file(
        self, rpath: str, lpath: Any, *, callback: Any = DEFAULT_CALLBACK, outfile: Any = None, **_: Any
    ) -> None:
        outfile = lpath if outfile is None and isfilelike(lpath) else outfile
        try:
            data = await self._cat_file(rpath)
        except IsADirectoryError:
            await asyncio.to_thread(os.makedirs, lpath, exist_ok=True)
            return
        callback.set_size(len(data))
        if outfile is not None:
            outfile.write(data)
        else:
            await asyncio.to_thread(_write_local, Path(lpath), data)
        callback.relative_update(len(data))

    def _place(self, path: str) -> Place:
        return place_of(self._strip_protocol(path))


def _write_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _walked(
    below: dict[str, dict[str, Info]], path: str, depth: int | None, *, topdown: bool, detail: bool
) -> Iterator[tuple[str, Any, Any]]:
    """A directory, and those in it that its reader has left in the list of them."""
    dirs: Any = {}
    files: Any = {}
    for name, info in below.get(path, {}).items():
        kind = dirs if info["type"] == "directory" else files
        kind[name[len(path) :].rpartition("/")[2]] = info
    paths = {last: info["name"] for last, info in dirs.items()}
    if not detail:
        dirs, files = [*dirs], [*files]
    if topdown:
        yield path, dirs, files
    if depth is None or depth > 1:
        for last in dirs:
            yield from _walked(below, paths[last], depth and depth - 1, topdown=topdown, detail=detail)
    if not topdown:
        yield path, dirs, files
