"""The file system: what copies, moves and opens, over what looks and writes."""

from __future__ import annotations

import asyncio
import errno
import os
from glob import has_magic
from itertools import groupby
from typing import TYPE_CHECKING, Any

from everstore.adapters.fsspec.base import on_the_loop, with_waiting_verbs
from everstore.adapters.fsspec.changing import Changing, exists_already
from everstore.adapters.fsspec.files import AsyncFile, EverstoreFile, TextFile
from everstore.adapters.fsspec.framework import trailing_sep
from everstore.adapters.fsspec.looking import no_such_file
from everstore.adapters.fsspec.sessions import forget_session
from everstore.adapters.fsspec.urls import place_of
from everstore.changes import Copy, Delete, MakeDirectory, Move, Write, WriteBytes
from everstore.compat import override
from everstore.errors import DirectoryNotEmptyError, PathNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.adapters.fsspec.urls import Place
    from everstore.changes import AnyFileChange
    from everstore.models import FileStat, SessionFile

__all__ = ["EverstoreFileSystem"]

_MOST_TRIES = 100
_OF_TEXT = ("encoding", "errors", "newline")

Pair = tuple[str, str]
"""From where to where something is copied or moved."""


@with_waiting_verbs
class EverstoreFileSystem(Changing):
    """The files of everstore's sessions, as ``everstore://session/path``.

    ``session`` is a session's id, or any text, quoted as in a URL where it holds ``/``: the session is then
    that of ``everstore.session_id_of(text)``. Without ``store``, an open ``everstore.sync.Store``, one is
    opened with ``settings``, the keywords of ``everstore.open_store``, and the environment.

    For any number of threads, and for coroutines on any event loop (``asynchronous=True``, as fsspec has
    it). Each verb is one step to everybody else, also where it is about several files of a session; what a
    ``with`` block or a ``transaction`` writes is there at its end, all of it or nothing.
    """

    # -- copying and moving -------------------------------------------------------------------------

    @override
    async def _cp_file(self, path1: str, path2: str, into: list[Pair] | None = None, **_: Any) -> None:
        pair = self._strip_protocol(path1), self._strip_protocol(path2)
        if into is None:
            await self._copy_all([pair])
        else:
            into.append(pair)

    async def _pairs(self, path1: Any, path2: Any, recursive: bool, maxdepth: int | None) -> list[Pair]:
        """From where to where, as fsspec has it."""
        pairs: list[Pair] = []
        await super()._copy(path1, path2, recursive=recursive, maxdepth=maxdepth, into=pairs)
        return [pair for pair in pairs if pair[0] != pair[1]]

    @override
    async def _copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        on_error: str | None = None,
        maxdepth: int | None = None,
        batch_size: int | None = None,
        **_: Any,
    ) -> None:
        """Copy files and directories, all or none, in one step; to several sessions one after the other."""
        pairs = await self._pairs(path1, path2, recursive, maxdepth)
        await self._copy_all(pairs, ignore=on_error == "ignore" or (on_error is None and recursive))

    @on_the_loop
    async def _copy_all(self, pairs: Sequence[Pair], *, ignore: bool = False) -> None:
        """Copy each; what is missing is left out with ``ignore``, and ``FileNotFoundError`` else."""
        in_order = sorted(pairs, key=lambda pair: place_of(pair[1]).segment)
        for _segment, group in groupby(in_order, key=lambda pair: place_of(pair[1]).segment):
            of_session = [*group]
            for left in range(_MOST_TRIES, -1, -1):
                found = await asyncio.gather(*(self._copied(source, to) for source, to in of_session))
                missing = next(
                    (pair[0] for pair, change in zip(of_session, found, strict=True) if change is None), None
                )
                if missing is not None and not ignore:
                    raise no_such_file(missing)
                try:
                    await self._change(
                        place_of(of_session[0][1]), [each for each in found if each is not None]
                    )
                    break
                except PathNotFoundError:  # deleted since it was looked at
                    if not left:
                        raise

    async def _copied(self, source: str, destination: str) -> AnyFileChange | None:
        """What copies a file, or makes a directory as there is one; ``None`` when nothing is there."""
        at, to = place_of(source), place_of(destination)
        found = await self._stat(at)
        if found is None:
            return None
        if found.is_directory:
            return MakeDirectory(to.path)
        if at.session_id == to.session_id:
            return Copy(at.path, to.path, overwrite=True)
        file = await self._verbs.file_system.read_file(at.session_id, at.path)
        return None if file is None else _rewritten(to.path, file)

    async def _stat(self, place: Place) -> FileStat | None:
        return await self._verbs.file_system.stat_file(place.session_id, place.path)

    @on_the_loop
    async def _mv(
        self, path1: Any, path2: Any, recursive: bool = True, maxdepth: int | None = None, **_: Any
    ) -> None:
        if isinstance(path1, str) and not has_magic(path1) and maxdepth is None:
            source, destination = self._strip_protocol(path1), self._strip_protocol(path2)
            if source == destination:
                return
            if trailing_sep(path2) or await self._isdir(path2):
                destination = f"{destination}/{source.rpartition('/')[2]}"
            at, to = place_of(source), place_of(destination)
            if at.session_id == to.session_id:
                await self._change(to, [Move(at.path, to.path, overwrite=True)])
                return
            path1, path2 = [source], [destination]
            if recursive:
                below = await self._find(source, withdirs=True)
                path1, path2 = below, [destination + each[len(source) :] for each in below]
        for left in range(_MOST_TRIES, -1, -1):
            try:
                await self._move_all(await self._pairs(path1, path2, recursive, maxdepth))
                break
            except DirectoryNotEmptyError:  # something came while it was moved: nothing happened yet
                if not left:
                    raise

    @on_the_loop
    async def _move_all(self, pairs: Sequence[Pair]) -> None:
        """Move each; in one step, where it is within a session.

        To another it is copied, and then deleted if it is the same still: ``OSError`` (``ESTALE``) else.
        """
        in_order = sorted((place_of(source), place_of(to)) for source, to in pairs)
        for _segments, group in groupby(in_order, key=lambda pair: (pair[0].segment, pair[1].segment)):
            made: list[AnyFileChange] = []
            gone: list[AnyFileChange] = []
            places = [*group]
            for at, to in places:
                make, remove = await self._moved(at, to)
                made.append(make)
                gone[:0] = remove  # what is in a directory before it
            at, to = places[0]
            if at.session_id == to.session_id:
                await self._change(to, [*made, *gone])
            else:
                await self._change(to, made)
                await self._change(at, gone)
                await forget_session(self._verbs, at.session_id)

    async def _moved(self, at: Place, to: Place) -> tuple[AnyFileChange, list[AnyFileChange]]:
        """What makes one of a file or a directory, and what removes the other."""
        found = await self._stat(at)
        if found is None:
            raise no_such_file(at.name_of(at.path))
        if found.is_directory:
            return MakeDirectory(to.path), [] if at.path == "/" else [Delete(at.path)]
        if at.session_id == to.session_id:
            return Move(at.path, to.path, overwrite=True), []
        file = await self._verbs.file_system.read_file(at.session_id, at.path, strict=True)
        return _rewritten(to.path, file), [_rewritten(at.path, file, file.revision), Delete(at.path)]

    @override
    def mv(
        self, path1: Any, path2: Any, recursive: bool = True, maxdepth: int | None = None, **kwargs: Any
    ) -> None:
        """Move files and directories with all that is in them, in one step, where it is within a session."""
        self.store.run(self._mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **kwargs))

    # -- opening ------------------------------------------------------------------------------------

    @override
    def _open(self, path: str, mode: str = "rb", block_size: Any = None, **kwargs: Any) -> EverstoreFile:
        return EverstoreFile(self, path, mode, block_size, **kwargs)

    @override
    def open(
        self,
        path: Any,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """An open file: see ``EverstoreFile``. ``mode`` is ``r``, ``w``, ``x`` or ``a``, or one with ``b``.

        A file that is opened with ``x`` is refused here, or when it is closed, if it is there already.
        """
        of_text = {name: kwargs.pop(name) for name in _OF_TEXT if name in kwargs and "b" not in mode}
        binary = mode if "b" in mode else mode.replace("t", "") + "b"
        opened = super().open(path, binary, block_size, cache_options, compression, **kwargs)
        return opened if mode == binary else TextFile(opened, **of_text)

    async def open_async(self, path: Any, mode: str = "rb", **kwargs: Any) -> AsyncFile:
        """An open file whose ``read``, ``write`` and ``close`` are awaited.

        ``mode`` is ``rb``, ``wb``, ``xb`` or ``ab``; ``ValueError`` for text and for a compression.
        """
        if "b" not in mode or kwargs.get("compression"):
            raise ValueError(
                "open_async opens files in bytes: mode 'rb', 'wb', 'xb' or 'ab', and no compression"
            )
        path = self._strip_protocol(path)
        if mode != "rb":
            if mode == "xb" and await self._exists(path):
                raise exists_already(path)
            opened = AsyncFile(self, path, "ab" if mode == "ab" else "wb")
            opened.is_exclusive = mode == "xb"
            return opened
        info = await self._info(path)
        if info["type"] == "directory":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        opened = AsyncFile(self, path, mode, size=info["size"])
        opened.details = info
        return opened


def _rewritten(path: str, file: SessionFile, if_revision: str | None = None) -> AnyFileChange:
    """What writes the content of a file."""
    data = file.data or b""
    if file.encoding == "text":
        return Write(path, data.decode(), if_revision=if_revision)
    return WriteBytes(path, data, if_revision=if_revision)
