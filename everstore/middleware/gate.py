"""What may be done where some of what is there may not be changed, or not even be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from everstore.changes import Copy, Delete, MakeDirectory, Move
from everstore.errors import (
    EverstoreError,
    ParentNotDirectoryError,
    PathExistsError,
    PathNotFoundError,
    PolicyError,
)
from everstore.middleware.gated_looks import GatedLooks
from everstore.paths import parents_of

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from everstore.changes import AnyFileChange
    from everstore.interfaces import SessionFileSystem
    from everstore.middleware.areas import Area

__all__ = ["Gate"]

T = TypeVar("T")

_UNREAD = "it may not be read"
_UNWRITTEN = "it may not be written"
_IN_THE_WAY = "something that may not be read is in the way"


class Gate(GatedLooks):
    """What may be read is in one area, and what may be written is in that and another."""

    def __init__(self, inner: SessionFileSystem, readable: Area, writable: Area) -> None:
        """Stand before ``inner``."""
        super().__init__(inner, readable)
        self._writable = writable

    def _require(self, path: str, *, is_directory: bool, is_written: bool = True) -> None:
        for area, reason in ((self._readable, _UNREAD), (self._writable, _UNWRITTEN)):
            if (area is self._readable or is_written) and not (
                area.has_directory(path) if is_directory else area.has(path)
            ):
                raise PolicyError.of(path, reason)

    def _is_clear(self, path: str, *, is_written: bool = True) -> bool:
        """Whether it is certain that all at a path and below it may be read, and written."""
        areas = (self._readable, self._writable) if is_written else (self._readable,)
        return all(area.has(path) and area.has_all_below(path) for area in areas)

    def _is_clear_change(self, change: AnyFileChange) -> bool:
        if isinstance(change, (Copy, Move)):
            source = self._is_clear(change.source, is_written=isinstance(change, Move))
            return source and self._is_clear(change.destination)
        return not isinstance(change, Delete) or self._is_clear(change.path)

    def _require_change(self, change: AnyFileChange) -> None:
        """Refuse a change for the paths that it names; what may be a directory need not be more than one."""
        if isinstance(change, (Copy, Move)):
            self._require(change.source, is_directory=True, is_written=isinstance(change, Move))
            self._require(change.destination, is_directory=True)
        else:
            is_directory = isinstance(change, (MakeDirectory, Delete))
            self._require(change.path, is_directory=is_directory)

    async def _veiled(
        self, session_id: UUID, path: str, changing: Coroutine[Any, Any, T], *, makes: bool = True
    ) -> T:
        """What a call answers; an error that would tell of what may not be read is another one."""
        try:
            return await changing
        except (ParentNotDirectoryError, PathExistsError) as error:
            told = await self._veil(session_id, path, error, makes=makes)
            if told is error:
                raise
        raise told  # without the error as its context

    async def _veil(
        self, session_id: UUID, path: str, error: EverstoreError, *, makes: bool = True
    ) -> EverstoreError:
        """The error, or what is told in its place where it is about something that may not be read.

        Where nothing can be made because of that, a refusal; where there can be nothing, that there is not.
        """
        has = self._readable.has
        if isinstance(error, ParentNotDirectoryError):
            files = parents_of(error.path) if error.file is None else [error.file]
            is_seen = all(map(has, files))
        elif isinstance(error, PathExistsError):
            is_seen = has(error.path) or await self.stat_file(session_id, error.path) is not None
        else:
            is_seen = True
        if is_seen:
            return error
        told = PolicyError.of(path, _IN_THE_WAY) if makes else PathNotFoundError.at(path)
        if hasattr(error, "index"):
            told.tell(index=error.index)
        return told
