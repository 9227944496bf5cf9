"""The verbs that write and delete."""

from __future__ import annotations

import asyncio
import errno
import os
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from everstore.adapters.fsspec.base import on_the_loop
from everstore.adapters.fsspec.files import Written, changed_meanwhile
from everstore.adapters.fsspec.framework import DEFAULT_CALLBACK
from everstore.adapters.fsspec.looking import Looking, no_such_file
from everstore.adapters.fsspec.sessions import forget_session, keep_session
from everstore.adapters.fsspec.urls import place_of
from everstore.changes import Append, AppendBytes, Delete, MakeDirectory, Write, WriteBytes
from everstore.compat import override
from everstore.errors import EverstoreError, InvalidContentError, RevisionConflictError
from everstore.paths import parents_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.adapters.fsspec.urls import Place
    from everstore.changes import AnyFileChange

__all__ = ["Changing", "change_of", "exists_already"]

_MOST_TRIES = 100


def exists_already(path: str) -> FileExistsError:
    """The refusal to make what is there."""
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)


def change_of(path: str, mode: str, data: bytes) -> AnyFileChange:
    """What is done to a file of a session: what is UTF-8 becomes text, which agents search and edit."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if mode == "ab":
            return AppendBytes(path, data)
        return WriteBytes(path, data, if_absent=mode == "xb")
    return Append(path, text) if mode == "ab" else Write(path, text, if_absent=mode == "xb")


def _refusal(place: Place, change: AnyFileChange, error: EverstoreError) -> Exception:
    """The refusal of a change in fsspec's terms."""
    path = place.name_of(next(change.places()))
    if not isinstance(error, RevisionConflictError):
        return error
    return exists_already(path) if getattr(change, "if_absent", False) else changed_meanwhile(path)


class Changing(Looking):
    """A file system that can be written."""

    # -- writing ------------------------------------------------------------------------------------

    @on_the_loop
    async def write_all(self, files: Sequence[Written]) -> None:
        """Write files, all or none, in one step; for each session, where they are of several."""
        in_order = sorted(files, key=lambda file: place_of(file.path).segment)
        for _segment, group in groupby(in_order, key=lambda file: place_of(file.path).segment):
            of_session = [*group]
            changes = [change_of(place_of(file.path).path, file.mode, file.data) for file in of_session]
            await self._change(place_of(of_session[0].path), changes)

    async def _change(self, place: Place, wanted: Sequence[AnyFileChange]) -> None:
        """Make changes of a session, all or none; its name is known from then on."""
        if not place.segment:
            raise PermissionError(errno.EPERM, "files are in sessions: everstore://session/path", place.path)
        changes = [*wanted]
        for left in range(_MOST_TRIES, -1, -1):
            try:
                await self._verbs.file_system.apply_changes(place.session_id, changes)
                break
            except (InvalidContentError, RevisionConflictError) as error:
                index = getattr(error, "index", 0)
                change = wanted[index]
                if not left or not isinstance(change, Append | AppendBytes):
                    raise _refusal(place, change, error) from None
                is_first = changes[index] is change  # else the file is another one by now
                changes[index] = await self._otherwise(place, change) if is_first else change
        named = self._source.opened().named
        if place.name is not None and place.session_id not in named:
            await keep_session(self._verbs, place.session_id, place.name)
            named.add(place.session_id)

    async def _otherwise(self, place: Place, wanted: Append | AppendBytes) -> AnyFileChange:
        """The same addition to a file that has turned out to be of the other encoding."""
        if isinstance(wanted, Append):
            return AppendBytes(wanted.path, wanted.content.encode())
        found = await self._verbs.file_system.read_file(place.session_id, wanted.path)
        if found is None or found.data is None:
            return wanted
        return WriteBytes(wanted.path, found.data + wanted.data, if_revision=found.revision)

    async def _write_soon(self, files: Sequence[Written]) -> None:
        """Write files now, or with the transaction that is under way."""
        if self._intrans:
            self.transaction.files.extend(files)
        else:
            await self.write_all(files)

    @override
    async def _pipe_file(self, path: str, value: Any, mode: str = "overwrite", **_: Any) -> None:
        await self._write_soon([self._written(path, value, mode)])

    @override
    async def _pipe(self, path: Any, value: Any = None, batch_size: int | None = None, **kwargs: Any) -> None:
        values = {path: value} if isinstance(path, str) else path
        mode = kwargs.get("mode", "overwrite")
        await self._write_soon([self._written(each, data, mode) for each, data in values.items()])

    def _written(self, path: str, value: Any, mode: str) -> Written:
        return Written(self._strip_protocol(path), "xb" if mode == "create" else "wb", bytes(value))

    @override
    async def _put_file(
        self, lpath: Any, rpath: str, mode: str = "overwrite", callback: Any = DEFAULT_CALLBACK, **_: Any
    ) -> None:
        local = Path(lpath)
        if await asyncio.to_thread(local.is_dir):
            await self._makedirs(rpath, exist_ok=True)
            return
        data = await asyncio.to_thread(local.read_bytes)
        callback.set_size(len(data))
        await self._pipe_file(rpath, data, mode)
        callback.relative_update(len(data))

    async def _touch(self, path: str, truncate: bool = True, **_: Any) -> None:
        await self._write_soon([Written(self._strip_protocol(path), "wb" if truncate else "ab", b"")])

    @override
    def touch(self, path: str, truncate: bool = True, **kwargs: Any) -> None:
        """Make the file empty, or with ``truncate=False`` only newer; make it if it is missing."""
        self.store.run(self._touch(path, truncate, **kwargs))

    # -- directories --------------------------------------------------------------------------------

    @override
    @on_the_loop
    async def _mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        if not create_parents and not await self._isdir(self._parent(path)):
            raise no_such_file(self._parent(path))
        await self._makedirs(path)

    @override
    @on_the_loop
    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        place = self._place(path)
        if place.path != "/":
            await self._change(place, [MakeDirectory(place.path, exist_ok=exist_ok)])
        elif not await self._exists(path):
            await keep_session(self._verbs, place.session_id, place.name)
        elif not exist_ok:
            raise exists_already(path)

    @on_the_loop
    async def _rmdir(self, path: str) -> None:
        place = self._place(path)
        if (await self._info(path))["type"] != "directory":
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if place.path != "/":
            await self._verbs.file_system.delete_file(place.session_id, place.path, strict=True)
        elif await self._ls(path):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), path)
        elif place.segment:
            await forget_session(self._verbs, place.session_id)

    @override
    def rmdir(self, path: str) -> None:
        """Remove a directory that is empty; of a session that holds nothing the record that was made here."""
        self.store.run(self._rmdir(path))

    # -- deleting -----------------------------------------------------------------------------------

    @override
    @on_the_loop
    async def _rm_file(self, path: str, **_: Any) -> None:
        place = self._place(path)
        if (await self._info(path))["type"] == "directory":
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        await self._verbs.file_system.delete_file(place.session_id, place.path, strict=True)

    @override
    @on_the_loop
    async def _rm(
        self,
        path: Any,
        recursive: bool = False,
        batch_size: int | None = None,
        maxdepth: int | None = None,
        **_: Any,
    ) -> None:
        """Delete files and directories, all or none, in one step; of several sessions one after the other."""
        whole = recursive and maxdepth is None
        paths = await self._expand_path(path, recursive=recursive and not whole, maxdepth=maxdepth)
        places = [place_of(each) for each in sorted(paths, reverse=True)]  # what is in a directory before it
        if whole:
            places = [each for each in places if not _is_below_any(each, places)]
        for _segment, group in groupby(places, key=lambda place: place.segment):
            await self._delete([*group], recursive=whole)

    async def _delete(self, places: Sequence[Place], *, recursive: bool) -> None:
        root = next((each for each in places if each.path == "/"), None)
        if root is not None and not root.segment:
            raise PermissionError(errno.EPERM, "the root, in which all sessions are, cannot be deleted", "")
        deleted = [Delete(each.path, recursive=recursive) for each in places if each.path != "/"]
        if root is not None and recursive:
            children = await self._verbs.file_system.list_directory(root.session_id)
            deleted = [Delete(each.path, recursive=True) for each in children]
        await self._verbs.file_system.apply_changes(places[0].session_id, deleted)
        if root is not None:
            await self._rmdir(root.segment)


def _is_below_any(place: Place, places: Sequence[Place]) -> bool:
    """Whether a directory among the places holds this one."""
    others = {each.path for each in places if each.segment == place.segment}
    return place.path != "/" and any(parent in others for parent in ("/", *parents_of(place.path)))
