"""The verbs that change, where another session's files are below a path: those stay as they are."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, cast

from everstore.changes import Copy, MakeDirectory, Move, Write, WriteBytes
from everstore.errors import (
    BackendUnavailableError,
    EverstoreError,
    PathExistsError,
    PathNotFoundError,
    PolicyError,
)
from everstore.middleware.mounted_looks import MountedLooks
from everstore.middleware.stepwise import as_file_refused, moved_path, without_index
from everstore.paths import require_room

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.changes import AnyFileChange
    from everstore.models import EditedFile, FileInfo, InitialFile, SessionFile

__all__ = ["MountedFiles"]

_MOST_LOOKS = 100  # at a tree that changes meanwhile


class MountedFiles(MountedLooks):
    """A session's files, with those of another that cannot be changed here."""

    async def _require(self, session_id: UUID, *paths: str) -> None:
        """Refuse to change what is of the mount, or has it in it."""
        for path in paths:
            is_inside = self._inside(path) is not None
            if (is_inside or (path in self._above and path != "/")) and await self._is_there(session_id):
                is_in = "another session's files are mounted there, read-only"
                is_above = f"another session's files are mounted in it, at {self._point!r}"
                raise PolicyError.of(path, is_in if is_inside else is_above)

    async def write_file(self, session_id: UUID, path: str, *content: Any, **options: Any) -> SessionFile:
        await self._require(session_id, path)
        return await self._inner.write_file(session_id, path, *content, **options)

    async def write_bytes(self, session_id: UUID, path: str, data: bytes, **options: Any) -> FileInfo:
        await self._require(session_id, path)
        return await self._inner.write_bytes(session_id, path, data, **options)

    async def write_file_if_content_matches(
        self, session_id: UUID, path: str, *contents: Any
    ) -> SessionFile | None:
        await self._require(session_id, path)
        return await self._inner.write_file_if_content_matches(session_id, path, *contents)

    async def seed_initial_file(self, session_id: UUID, file: InitialFile) -> SessionFile:
        await self._require(session_id, file.path)
        return await self._inner.seed_initial_file(session_id, file)

    async def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> EditedFile:
        await self._require(session_id, path)
        return await self._inner.edit_file(session_id, path, old, new, replace_all=replace_all)

    async def append_file(self, session_id: UUID, path: str, *content: Any) -> FileInfo:
        await self._require(session_id, path)
        return await self._inner.append_file(session_id, path, *content)

    async def append_bytes(self, session_id: UUID, path: str, data: bytes) -> FileInfo:
        await self._require(session_id, path)
        return await self._inner.append_bytes(session_id, path, data)

    async def create_directory(self, session_id: UUID, path: str, *, exist_ok: bool = True) -> FileInfo:
        await self._require_change(session_id, MakeDirectory(path, exist_ok))
        return await self._inner.create_directory(session_id, path, exist_ok=exist_ok)

    async def delete_file(
        self,
        session_id: UUID,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        await self._require(session_id, path)
        return await self._inner.delete_file(session_id, path, recursive, strict=strict)

    async def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        await self._require(session_id, source, destination)
        return await self._inner.move_file(session_id, source, destination, overwrite=overwrite)

    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        change = Copy(source, destination, overwrite)
        steps = await self._steps(session_id, change)
        if steps == [change]:
            return await self._inner.copy_file(session_id, source, destination, overwrite=overwrite)
        try:
            answers = await self._inner.apply_changes(session_id, steps)
        except EverstoreError as error:
            refusal = without_index(as_file_refused(change, error))
        else:
            return cast("FileInfo", answers[0])
        raise refusal

    async def apply_changes(
        self, session_id: UUID, changes: Sequence[AnyFileChange]
    ) -> list[FileInfo | None]:
        steps: list[AnyFileChange] = []
        ends: list[int] = []  # of the steps of each change
        for index, change in enumerate(changes):
            try:
                steps += await self._steps(session_id, change)
            except EverstoreError as error:
                error.tell(index=index)
                raise
            ends.append(len(steps))
        try:
            answers = await self._inner.apply_changes(session_id, steps)
        except EverstoreError as error:
            if not hasattr(error, "index"):
                raise
            index = bisect_right(ends, error.index)
            change, is_out = changes[index], steps[error.index] is not changes[index]
            refusal = as_file_refused(change, error) if is_out and isinstance(change, Copy) else error
            refusal.tell(index=index)
        else:
            return [answers[first] for first in (0, *ends[:-1])] if ends else []
        raise refusal

    async def _steps(self, session_id: UUID, change: AnyFileChange) -> list[AnyFileChange]:
        """What makes a change: itself, or of a copy out of the mount writes of what is there."""
        await self._require_change(session_id, change)
        if not isinstance(change, Copy):
            return [change]
        inside = self._inside(change.source)
        if inside is None or not await self._is_there(session_id):
            return [change]
        top = await self._inner.read_file(self._source, inside)
        if top is None:
            raise PathNotFoundError.at(change.source)
        return await self._of_tree(change, inside) if top.is_directory else [_writing(change, top)]

    async def _require_change(self, session_id: UUID, change: AnyFileChange) -> None:
        if isinstance(change, (Copy, Move)):
            is_out = isinstance(change, Copy) and self._inside(change.source) is not None
            await self._require(session_id, *(() if is_out else (change.source,)), change.destination)
        elif isinstance(change, MakeDirectory) and change.path in self._above:
            if not change.exist_ok and await self._is_there(session_id):
                raise PathExistsError.at(change.path)
        else:
            await self._require(session_id, change.path)

    async def _of_tree(self, change: Copy, inside: str) -> list[AnyFileChange]:
        """The writes of a whole directory, as it is at one moment: no revision ever comes back."""
        infos = await self._inner.list_tree(self._source, inside)
        for _ in range(_MOST_LOOKS):
            require_room(change.source, change.destination, [self._outside(info.path) for info in infos])
            steps: list[AnyFileChange] = [MakeDirectory(change.destination, exist_ok=False)]
            for info in infos:
                path = moved_path(change, self._outside(info.path))
                file = None if info.is_directory else await self._inner.read_file(self._source, info.path)
                if file is not None and not file.is_directory:
                    steps.append(_writing(Copy(info.path, path), file))
                else:
                    steps.append(MakeDirectory(path))
            before, infos = infos, await self._inner.list_tree(self._source, inside)
            if infos == before:
                return steps
        message = f"what is at {change.source!r} changed whenever it was looked at: call again"
        raise BackendUnavailableError(message, happened=False)


def _writing(change: Copy, file: SessionFile) -> AnyFileChange:
    """The write that makes a copy of a file."""
    if file.encoding == "text" and file.content is not None:
        return Write(change.destination, file.content, if_absent=not change.overwrite)
    return WriteBytes(change.destination, file.data or b"", if_absent=not change.overwrite)
