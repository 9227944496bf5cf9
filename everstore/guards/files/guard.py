"""What stands before a file system, and before each of a list of changes."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from everstore.arguments import check_session_id
from everstore.changes import Edit, FileTimes
from everstore.compat import override
from everstore.errors import EditError
from everstore.guards.changes import FILE_CHANGES
from everstore.guards.files.changing import ChangingGuard
from everstore.guards.times import plain_times
from everstore.nearest import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from uuid import UUID

    from everstore.changes import AnyFileChange
    from everstore.guards.room import Room
    from everstore.models import FileInfo

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["FileSystemGuard"]

_MANY = 1000  # changes


class FileSystemGuard(ChangingGuard):
    """What stands before a file system."""

    @override
    def apply_changes(
        self, session_id: UUID, changes: Sequence[AnyFileChange]
    ) -> Answer[list[FileInfo | None]]:
        check_session_id(session_id)
        guard = _ChangeGuard(self._room, self._normalize)
        checked = FILE_CHANGES.checked(guard, session_id, changes)
        return _patched(self._next.apply_changes(session_id, checked), checked)

    @override
    def restore_times(self, session_id: UUID, times: Sequence[FileTimes]) -> Answer[list[bool]]:
        check_session_id(session_id)
        return self._next.restore_times(session_id, plain_times(times, {FileTimes: self._normalize}))


class _ChangeGuard(ChangingGuard):
    """What a change has to pass: the guard of its verb, behind which no backend is called.

    What is too large by itself is refused at once: the reasons to refuse it for that come before the limit
    could only be found one change after the other.
    """

    def __init__(self, room: Room, normalize: Callable[[str], str]) -> None:
        self._next = FILE_CHANGES.made
        self._room = room
        self._normalize = normalize

    def _refuse_at_once(
        self, session_id: UUID, path: str, size: int, *reasons: object, **options: object
    ) -> NoReturn:
        del session_id, reasons, options
        raise self._room.refusal(size, path)

    _refuse_size = _refuse_appending = _refuse_at_once

    @override
    @staticmethod
    def _explained(editing: Any, old: str) -> Any:
        del old
        return editing  # the change itself


async def _patched(
    changing: Coroutine[Any, Any, list[FileInfo | None]], changes: Sequence[AnyFileChange]
) -> list[FileInfo | None]:
    try:
        if len(changes) > _MANY:
            await asyncio.sleep(0)  # looking at so many took its time already
        return await changing
    except EditError as error:
        edit = changes[getattr(error, "index", 0)]
        await explain(error, edit.old if isinstance(edit, Edit) else "")
        raise
    finally:
        changing.close()
