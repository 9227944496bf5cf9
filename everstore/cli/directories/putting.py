"""A local directory into a session: what differs is written, in batches, and the rest left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.changes import MakeDirectory, Write
from everstore.cli.directories.pairing import batches, pairs, path_in, read_all
from everstore.cli.directories.walking import walk
from everstore.cli.local import content_from
from everstore.errors import EverstoreError, InvalidPathError, PathExistsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from everstore.changes import AnyFileChange
    from everstore.cli.directories.local_directory import LocalDirectory
    from everstore.cli.directories.pairing import Pair
    from everstore.cli.directories.telling import Told
    from everstore.session import BoundFiles

__all__ = ["put_directory"]


async def put_directory(
    files: BoundFiles,
    directory: LocalDirectory,
    path: str,
    told: Told,
    progress: Callable[[str], None],
    *,
    ignore: bool,
) -> None:
    """Have in a directory of the session what is in the local one; what else is there stays.

    What is the same already, byte for byte, is not written. Batches are written one after another, each at
    once: an error tells of one file, and all before it are written.
    """
    base = (await files.create_directory(path)).path
    found = pairs(files, base, walk(directory, told.left_out.from_walk, ignore=ignore))
    async for batch in batches(_local(found), lambda pair: pair.size):
        changes = await _changes(files, base, directory, batch, told)
        await _apply(files, base, changes, told)
        for pair in batch:
            progress(pair.path)


async def _local(found: AsyncIterator[Pair]) -> AsyncIterator[Pair]:
    async for pair in found:
        if pair.local is not None:
            yield pair


async def _changes(
    files: BoundFiles, base: str, directory: LocalDirectory, batch: list[Pair], told: Told
) -> dict[str, AnyFileChange]:
    """What is to be done for a batch, by the local path that it is for."""
    stored = await read_all(files, [path_in(base, pair.path) for pair in batch if pair.may_be_same])
    changes: dict[str, AnyFileChange] = {}
    for pair in batch:
        path = path_in(base, pair.path)[1:]  # so that "workspace" is a name, and never the root
        if pair.local is None or pair.local.is_directory:
            if pair.stored is None or not pair.stored.is_directory:
                changes[pair.path] = MakeDirectory(path)
            continue
        data = directory.read(pair.path)
        if isinstance(data, str):
            told.left_out.from_walk(pair.path, data)
        elif stored.get(f"/{path}") == data:
            told.same += 1
        else:
            changes[pair.path] = Write(path, *content_from(data))
    return changes


async def _apply(files: BoundFiles, base: str, changes: dict[str, AnyFileChange], told: Told) -> None:
    """Make the changes of a batch; of one that is refused, those before it."""
    left = list(changes.items())
    while left:
        try:
            await _apply_all(files, left, told)
        except InvalidPathError as error:  # a name that no session has
            name, _ = left.pop(error.index)
            told.left_out.add(name, f"refused: {getattr(error, 'reason', error)}")
        except EverstoreError as error:
            index = getattr(error, "index", None)
            if index is None:
                raise
            await _apply_all(files, left[:index], told)
            name, change = left[index]
            raise _of(error, name, change, base) from None
        else:
            return


async def _apply_all(files: BoundFiles, changes: list[tuple[str, AnyFileChange]], told: Told) -> None:
    if not changes:
        return
    answers = await files.apply_changes([change for _, change in changes])
    for answer in answers:
        if answer is not None and answer.is_directory:
            told.directories += 1
        elif answer is not None:
            told.add(answer.size_bytes)


def _of(error: EverstoreError, name: str, change: AnyFileChange, base: str) -> EverstoreError:
    """The refusal of a file, which tells where it is."""
    path = path_in(base, name)
    if isinstance(error, PathExistsError) and isinstance(change, MakeDirectory):
        return error.at(path, f"local {name!r} is a directory, and in the session a file is there")
    if path not in str(error):
        error.add_note(f"it is {name!r} that was refused")
    return error
