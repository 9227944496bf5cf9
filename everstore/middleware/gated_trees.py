"""Copying, moving and deleting, where some of what is in a tree may not be changed, or not even be seen.

A tree is looked at first, and then taken entry by entry in one step of the store, each being what was seen:
what somebody else puts into it meanwhile is not taken along.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from everstore.changes import Copy, Delete, Move
from everstore.errors import (
    BackendUnavailableError,
    DirectoryNotEmptyError,
    EverstoreError,
    PathNotFoundError,
    PolicyError,
    ReadOnlyFileError,
)
from everstore.middleware.gate import Gate
from everstore.middleware.stepwise import (
    CHANGED,
    as_file,
    as_file_refused,
    deletion,
    moved_path,
    transfer,
    without_index,
)
from everstore.paths import require_room
from everstore.turns import MOST_AT_ONCE, in_turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from uuid import UUID

    from everstore.models import FileInfo

__all__ = ["GatedTrees"]

T = TypeVar("T")

_HOLDS_UNREAD = "there is something in it that may not be read"
_MOST_LOOKS = 100  # at a tree that changes meanwhile
_ENTRY = 1 << 10  # what an entry's own cost stands for


class GatedTrees(Gate):
    """The verbs that take trees."""

    async def delete_file(
        self,
        session_id: UUID,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        change = Delete(path, recursive, strict)
        self._require_change(change)
        if path == "/" or self._is_clear_change(change):
            deleting = self._inner.delete_file(session_id, path, recursive, strict=strict)
            return await self._veiled(session_id, path, deleting, makes=False)
        refusal = await _settled(path, partial(self._deleted, session_id, change))
        if strict and refusal is not None:
            raise refusal
        return refusal is None

    async def _deleted(self, session_id: UUID, change: Delete) -> EverstoreError | None:
        """Delete what may hold something that may not be deleted; why nothing was."""
        path, recursive = change.path, change.recursive
        tree = await self._tree(session_id, path, is_whole=recursive)
        is_whole = bool(tree) and tree[0].is_directory and recursive
        if self._readable.has(path) and self._writable.has(path) and not is_whole:
            return await self._deleted_one(session_id, change)
        if not tree:
            return PathNotFoundError.at(path)
        await in_turns(self._checked(tree, None, is_removed=True))
        stuck = next((entry.path for entry in tree if entry.is_readonly), None)
        if stuck is not None:
            return ReadOnlyFileError.at(stuck)
        try:
            await self._inner.apply_changes(session_id, deletion(tree))
        except EverstoreError as error:
            refusal = without_index(error)
        else:
            return None
        if isinstance(refusal, DirectoryNotEmptyError) and not recursive:
            return refusal
        raise _ChangedError if isinstance(refusal, CHANGED) else refusal

    async def _deleted_one(self, session_id: UUID, change: Delete) -> EverstoreError | None:
        """Delete a file, or an empty directory; why it was not."""
        deleting = self._inner.delete_file(session_id, change.path, strict=True)
        try:
            await self._veiled(session_id, change.path, deleting, makes=False)
        except CHANGED as error:
            if change.recursive and isinstance(error, DirectoryNotEmptyError):
                raise _ChangedError from None
            return error
        return None

    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        change = Copy(source, destination, overwrite)
        self._require_change(change)
        if self._is_clear_change(change):
            copying = self._inner.copy_file(session_id, source, destination, overwrite=overwrite)
            return await self._veiled(session_id, destination, copying)
        return await _settled(source, partial(self._transferred, session_id, change))

    async def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        change = Move(source, destination, overwrite)
        self._require_change(change)
        if self._is_clear_change(change):
            moving = self._inner.move_file(session_id, source, destination, overwrite=overwrite)
            return await self._veiled(session_id, destination, moving)
        return await _settled(source, partial(self._transferred, session_id, change))

    async def _transferred(self, session_id: UUID, change: Copy | Move) -> FileInfo:
        """Copy or move what may hold something that may not be."""
        tree = await self._tree(session_id, change.source, is_whole=True)
        if not tree:
            raise PathNotFoundError.at(change.source)
        await in_turns(self._checked(tree, change, is_removed=isinstance(change, Move)))
        stuck = next((entry.path for entry in tree if entry.is_readonly), None)
        if stuck is not None and isinstance(change, Move):
            raise ReadOnlyFileError.at(stuck)
        require_room(change.source, change.destination, [entry.path for entry in tree[1:]])
        is_tree = tree[0].is_directory
        try:
            answers = await self._inner.apply_changes(
                session_id, transfer(change, tree) if is_tree else as_file(change)
            )
        except EverstoreError as error:
            if isinstance(error, CHANGED) and getattr(error, "index", None):
                raise _ChangedError from None
            told = error if is_tree else as_file_refused(change, error)
            refusal = await self._veil(session_id, change.destination, told)
        else:
            return cast("FileInfo", answers[0 if is_tree else 1])
        raise without_index(refusal)

    async def _tree(self, session_id: UUID, path: str, *, is_whole: bool) -> list[FileInfo]:
        """What is at a path and, if it is the whole, below it, seen or not; ``[]`` where nothing is seen."""
        top = await self._inner.stat_file(session_id, path)
        if top is None or not self._sees(top):
            return []
        below = await self._inner.list_tree(session_id, path) if top.is_directory and is_whole else []
        return [top, *below]

    def _checked(
        self, tree: Sequence[FileInfo], change: Copy | Move | None, *, is_removed: bool
    ) -> Iterator[int]:
        """Refuse to take a tree unless all of it may be; the steps that ``turns`` wants."""
        pending, weight = 0, self._readable.weight + 2 * self._writable.weight
        for entry in tree:
            cost = weight * len(entry.path) + _ENTRY
            pending += cost
            if pending > MOST_AT_ONCE:
                pending = 0
                yield cost
            if not self._sees(entry):
                raise PolicyError.of(tree[0].path, _HOLDS_UNREAD)
            if is_removed:
                self._require(entry.path, is_directory=entry.is_directory)
            if change is not None:
                self._require(moved_path(change, entry.path), is_directory=entry.is_directory)


class _ChangedError(Exception):
    """What was looked at is not there any more as it was."""


async def _settled(path: str, work: Callable[[], Awaitable[T]]) -> T:
    """What some work answers once nothing changes between its look and its change."""
    for _ in range(_MOST_LOOKS):
        try:
            return await work()
        except _ChangedError:
            continue
    message = f"what is at {path!r} changed whenever it was looked at: call again"
    raise BackendUnavailableError(message, happened=False)
