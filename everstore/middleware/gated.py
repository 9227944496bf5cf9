"""The verbs that change, where some of what is there may not be changed, or not even be seen.

A refusal is told by the paths that a call names wherever it can be: then nothing was looked at.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from everstore.changes import Copy, Delete, Edit, Move
from everstore.errors import DirectoryNotEmptyError, EverstoreError, PathExistsError, PolicyError
from everstore.middleware.gated_trees import GatedTrees
from everstore.middleware.stepwise import as_file, as_file_refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.changes import AnyFileChange
    from everstore.models import EditedFile, FileInfo, SessionFile

__all__ = ["GatedFiles"]

_BY_ITSELF = "a directory in which something may be denied is changed by a call of its own"


class GatedFiles(GatedTrees):
    """A session's files for who may read those of one area, and write those of it that are in another."""

    async def write_file(self, session_id: UUID, path: str, *content: Any, **options: Any) -> SessionFile:
        self._require(path, is_directory=False)
        writing = self._inner.write_file(session_id, path, *content, **options)
        return await self._veiled(session_id, path, writing)

    async def write_bytes(self, session_id: UUID, path: str, data: bytes, **options: Any) -> FileInfo:
        self._require(path, is_directory=False)
        writing = self._inner.write_bytes(session_id, path, data, **options)
        return await self._veiled(session_id, path, writing)

    async def write_file_if_content_matches(
        self, session_id: UUID, path: str, *contents: Any
    ) -> SessionFile | None:
        self._require(path, is_directory=False)
        return await self._inner.write_file_if_content_matches(session_id, path, *contents)

    async def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> EditedFile:
        self._require(path, is_directory=False)
        editing = self._inner.edit_file(session_id, path, old, new, replace_all=replace_all)
        return await self._veiled(session_id, path, editing, makes=False)

    async def append_file(self, session_id: UUID, path: str, *content: Any) -> FileInfo:
        self._require(path, is_directory=False)
        return await self._veiled(session_id, path, self._inner.append_file(session_id, path, *content))

    async def append_bytes(self, session_id: UUID, path: str, data: bytes) -> FileInfo:
        self._require(path, is_directory=False)
        return await self._veiled(session_id, path, self._inner.append_bytes(session_id, path, data))

    async def create_directory(self, session_id: UUID, path: str, *, exist_ok: bool = True) -> FileInfo:
        self._require(path, is_directory=True)
        making = self._inner.create_directory(session_id, path, exist_ok=exist_ok)
        return await self._veiled(session_id, path, making)

    async def apply_changes(
        self, session_id: UUID, changes: Sequence[AnyFileChange]
    ) -> list[FileInfo | None]:
        """A tree that may hold what may not be changed is not among several changes: ``PolicyError``."""
        steps: list[AnyFileChange] = []
        ends: list[int] = []  # of the steps of each change
        for index, change in enumerate(changes):
            try:
                steps += self._step(change)
            except PolicyError as error:
                error.tell(index=index)
                raise
            ends.append(len(steps))
        try:
            answers = await self._inner.apply_changes(session_id, steps)
        except EverstoreError as error:
            if not hasattr(error, "index"):
                raise
            step = error.index
            index = bisect_right(ends, step)
            is_last = step == ends[index] - 1
            refusal = await self._told(session_id, changes[index], error, is_last=is_last)
            refusal.tell(index=index)
        else:
            return [answers[end - 1] for end in ends]
        raise refusal

    def _step(self, change: AnyFileChange) -> list[AnyFileChange]:
        """A change among others, of a single entry where it is not clear what is in that."""
        self._require_change(change)
        if self._is_clear_change(change):
            return [change]
        if isinstance(change, (Copy, Move)):
            self._require_one(change.source, is_written=isinstance(change, Move))
            self._require_one(change.destination)
            return as_file(change)
        if isinstance(change, Delete):
            self._require_one(change.path)
            return [Delete(change.path, recursive=False, strict=True)]
        return [change]

    def _require_one(self, path: str, *, is_written: bool = True) -> None:
        try:
            self._require(path, is_directory=False, is_written=is_written)
        except PolicyError:
            raise PolicyError.of(path, _BY_ITSELF) from None

    async def _told(
        self, session_id: UUID, change: AnyFileChange, error: EverstoreError, *, is_last: bool
    ) -> EverstoreError:
        """What is told of a change among others that was refused; ``is_last`` of its steps."""
        if not self._is_clear_change(change):
            if isinstance(change, Delete) and change.recursive and isinstance(error, DirectoryNotEmptyError):
                return PolicyError.of(change.path, _BY_ITSELF)
            if isinstance(change, (Copy, Move)):
                if is_last and isinstance(error, PathExistsError):
                    return PolicyError.of(change.source, _BY_ITSELF)
                error = error if is_last else as_file_refused(change, error)
        makes = not isinstance(change, (Delete, Edit))
        return await self._veil(session_id, [*change.places()][-1], error, makes=makes)
